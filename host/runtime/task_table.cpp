#include "task_table.hpp"

#include <new>

#include "block_source.hpp"
#include "owner.hpp"

namespace tau::host {

namespace {
constexpr std::size_t chunk_bytes = TaskChunk::slots * sizeof(TaskSlot);
static_assert(block_bytes % chunk_bytes == 0);
}  // namespace

TaskTable::~TaskTable() {
  // Blocks are returned by their first chunk; chunks were numbered in the order they were carved.
  std::uint32_t per_block = block_bytes / chunk_bytes;
  for (std::uint32_t number = 0; number < chunk_count_; number += per_block) {
    release_block(pages_[number >> 12].load()->chunks[number & 4095].load());
  }
  for (auto& page : pages_) delete page.load();
}

TaskChunk* TaskTable::new_chunk() noexcept {
  if (chunk_count_ == std::uint32_t{1} << 24) return nullptr;
  if (bump_ == end_) {
    auto* block = static_cast<std::byte*>(acquire_block());
    if (!block) return nullptr;
    bump_ = block;
    end_ = block + block_bytes;
  }
  auto& page = pages_[chunk_count_ >> 12];
  if (!page.load(std::memory_order_relaxed)) {
    auto* fresh = new (std::nothrow) Page;
    if (!fresh) return nullptr;
    page.store(fresh, std::memory_order_release);
  }
  auto* chunk = reinterpret_cast<TaskChunk*>(bump_);
  bump_ += chunk_bytes;
  for (std::uint32_t i = 1; i < TaskChunk::slots; ++i) {
    TaskSlot* slot = chunk->slot(i);
    slot->state = 0;
    new (&slot->remote) Atomic<std::uint64_t>(std::uint64_t{1} << 32);
    new (&slot->remote_link) RemoteLink;
  }
  new (chunk) TaskChunk{nullptr, nullptr, chunk_count_, 1};
  page.load(std::memory_order_relaxed)->chunks[chunk_count_ & 4095].store(chunk, std::memory_order_release);
  ++chunk_count_;
  return chunk;
}

TaskSlot* TaskTable::carve(Owner& owner) noexcept {
  TaskChunk* chunk = owner.chunks;
  if (!chunk || chunk->used == TaskChunk::slots) {
    chunk = idle_;
    if (chunk) {
      idle_ = chunk->next;
    } else {
      chunk = new_chunk();
      if (!chunk) return nullptr;
    }
    chunk->owner = &owner;
    chunk->used = 1;
    chunk->next = owner.chunks;
    owner.chunks = chunk;
  }
  return chunk->slot(chunk->used++);
}

void TaskTable::reclaim(Owner& owner) noexcept {
  owner.free_slots = nullptr;
  while (TaskChunk* chunk = owner.chunks) {
    owner.chunks = chunk->next;
    chunk->owner = nullptr;
    chunk->next = idle_;
    idle_ = chunk;
  }
}

}  // namespace tau::host
