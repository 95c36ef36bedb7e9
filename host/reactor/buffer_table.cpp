// See buffer_table.hpp.
#include "buffer_table.hpp"

#include <sys/mman.h>

namespace tau::host {

BufferTable::~BufferTable() {
  for (auto& group : groups_) {
    if (group->memory) ::munmap(group->memory, std::size_t{group->count} * group->size);
  }
}

BufferGroup* BufferTable::make(tau_plugin* owner, std::uint32_t count, std::uint32_t size,
                               std::int32_t* status) noexcept {
  *status = TAU_E_INVALID;
  if (count == 0 || count > most_pieces || (count & (count - 1)) != 0 || size == 0 || size > most_bytes) return nullptr;
  *status = TAU_E_NO_MEMORY;
  void* memory = ::mmap(nullptr, std::size_t{count} * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  try {
    BufferGroup* group = nullptr;
    for (auto& candidate : groups_) {
      if (!(candidate->generation & 1)) group = candidate.get();
    }
    if (!group) {
      groups_.push_back(std::make_unique<BufferGroup>());
      group = groups_.back().get();
      group->index = static_cast<std::uint32_t>(groups_.size() - 1);
    }
    group->free.reserve(count);
    group->lent.assign(count, false);
    group->free.clear();
    for (std::uint32_t piece = count; piece-- > 0;) group->free.push_back(piece);
    ++group->generation;
    group->owner = owner;
    group->count = count;
    group->size = size;
    group->users = 0;
    group->memory = static_cast<std::byte*>(memory);
    return group;
  } catch (...) {
    ::munmap(memory, std::size_t{count} * size);
    return nullptr;
  }
}

void BufferTable::release(BufferGroup& group) noexcept {
  ::munmap(group.memory, std::size_t{group.count} * group.size);
  group.memory = nullptr;
  group.owner = nullptr;
  ++group.generation;
}

BufferGroup* BufferTable::first_of(const tau_plugin* owner) const noexcept {
  for (const auto& group : groups_) {
    if ((group->generation & 1) && group->owner == owner) return group.get();
  }
  return nullptr;
}

}  // namespace tau::host
