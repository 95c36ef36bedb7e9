// Fiber locals: what pthread_getspecific is to threads, for stacks.
//
// A library that keeps "the current one" in a thread key (Asio's call stack) would mix up the calls that share
// the loop's thread, so its keys come here: each fiber has its own value. Off the loop's thread the value is the
// thread's, behind a real key, and its destructor runs like a thread_local's.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/owner.hpp"

namespace tau::host {

class FiberLocals {
 public:
  using Destroy = void (*)(void*);

  /// Those of the stack of the loop's that the caller stands on; null on another thread.
  static FiberLocals* here() noexcept { return here_; }
  static void set_here(FiberLocals* locals) noexcept { here_ = locals; }

  FiberLocals() noexcept = default;
  ~FiberLocals() { clear(); }
  FiberLocals(const FiberLocals&) = delete;
  FiberLocals& operator=(const FiberLocals&) = delete;

  void* get(std::uint32_t key) const noexcept {
    for (const Value& value : values_) {
      if (value.key == key) return value.object;
    }
    return nullptr;
  }
  /// Whether there was a value to be replaced.
  bool replace(std::uint32_t key, void* object) noexcept {
    for (Value& value : values_) {
      if (value.key != key) continue;
      value.object = object;
      return true;
    }
    return false;
  }
  /// False: out of memory. `destroy` may be null.
  bool set(std::uint32_t key, Owner& owner, Destroy destroy, void* object) noexcept;

  /// Forgets a key without destroying its value, as pthread_key_delete does.
  void forget(std::uint32_t key) noexcept;
  void drop(const Owner& owner) noexcept;
  void clear() noexcept;

 private:
  struct Value {
    std::uint32_t key;
    Owner* owner;
    Destroy destroy;
    void* object;
  };
  std::vector<Value> values_;
  static constinit thread_local FiberLocals* here_;
};

}  // namespace tau::host
