// Groups of equal buffers that a reactor fills by itself: what a multishot receive takes its pieces from.
//
// A group's pieces are either in its own list (readiness: a piece is taken right before the recv that fills
// it) or given to the kernel, which takes one when bytes arrive (`provided`: io_uring). A handle carries a
// generation; a stale one finds nothing.
#pragma once

#include <tau/rt/buffers.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace tau::host {

/// One group.
struct BufferGroup {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;  // odd while taken
  tau_plugin* owner = nullptr;
  std::uint32_t count = 0;
  std::uint32_t size = 0;
  std::uint32_t users = 0;     // receives that are pending
  std::byte* memory = nullptr;  // mapped: untouched pieces cost nothing
  void* provided = nullptr;     // the kernel's view of it, if it has one
  std::vector<std::uint32_t> free;
  std::vector<bool> lent;  // handed over and not returned

  tau_buffers handle() const noexcept { return (std::uint64_t{generation} << 32) | index; }
  std::byte* piece(std::uint32_t number) const noexcept { return memory + std::size_t{number} * size; }
};

/// [loop]
class BufferTable {
 public:
  static constexpr std::uint32_t most_pieces = 32768;  // the kernel's limit
  static constexpr std::uint32_t most_bytes = 1 << 20;

  BufferTable() = default;
  BufferTable(const BufferTable&) = delete;
  BufferTable& operator=(const BufferTable&) = delete;
  ~BufferTable();

  /// Null: TAU_E_INVALID or TAU_E_NO_MEMORY in `*status`.
  BufferGroup* make(tau_plugin* owner, std::uint32_t count, std::uint32_t size, std::int32_t* status) noexcept;
  /// Null for a stale handle.
  BufferGroup* find(tau_buffers handle) const noexcept {
    const auto index = static_cast<std::uint32_t>(handle);
    BufferGroup* group = index < groups_.size() ? groups_[index].get() : nullptr;
    return group && group->handle() == handle && (group->generation & 1) ? group : nullptr;
  }
  /// Frees it; nobody uses it.
  void release(BufferGroup& group) noexcept;

  /// A group of `owner` in any order, or null.
  BufferGroup* first_of(const tau_plugin* owner) const noexcept;

 private:
  std::vector<std::unique_ptr<BufferGroup>> groups_;
};

}  // namespace tau::host
