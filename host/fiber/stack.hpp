// Stack: memory for a fiber, with a page below it that faults, and the pool that keeps some.
//
// Pages are taken from the system when they are touched, so a stack costs what its fiber uses. One that goes
// back to the pool keeps its first pages and gives the rest back: the next fiber starts warm, and one deep call
// does not stay in memory for ever.
#pragma once

#include <cstddef>
#include <vector>

namespace tau::host {

struct Stack {
  void* base = nullptr;  // lowest usable byte
  std::size_t size = 0;

  explicit operator bool() const noexcept { return base != nullptr; }
};

class StackPool {
 public:
  StackPool() noexcept = default;
  ~StackPool();
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;

  /// At least `size` bytes. Null when the system has no more. [loop]
  Stack take(std::size_t size) noexcept;
  void give_back(Stack stack) noexcept;

  /// Stacks kept for later.
  std::size_t kept() const noexcept { return kept_.size(); }

  static constexpr std::size_t keep_at_most = 32;

 private:
  std::vector<Stack> kept_;
};

}  // namespace tau::host
