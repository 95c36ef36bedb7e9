// Task table: chunks of slots, from an index to its slot, readable by any thread.
//
// Two levels of pointers that only ever grow, so a lookup from another thread needs no lock: 4096 pages
// of 4096 chunks of 255 tasks, more than memory holds.
#pragma once

#include <cstdint>

#include "owner.hpp"
#include "runtime/atomic.hpp"
#include "task_slot.hpp"

namespace tau::host {

class TaskTable {
 public:
  TaskTable() = default;
  TaskTable(const TaskTable&) = delete;
  TaskTable& operator=(const TaskTable&) = delete;
  ~TaskTable();

  /// A free slot of `owner` with its generation set, or null when out of memory. [loop]
  TaskSlot* take(Owner& owner) noexcept {
    TaskSlot* slot = owner.free_slots;
    if (!slot) [[unlikely]] return carve(owner);
    owner.free_slots = slot->next;
    return slot;
  }
  /// Gives a slot back; its generation has been raised. [loop]
  static void give_back(TaskSlot* slot) noexcept {
    Owner& owner = *TaskChunk::of(slot)->owner;
    slot->state = 0;
    slot->next = owner.free_slots;
    owner.free_slots = slot;
  }
  /// Takes every chunk from an owner that has no task left. [loop]
  void reclaim(Owner& owner) noexcept;

  /// The slot that `id` names or named; null for an index never used. [any]
  TaskSlot* find(tau_task_id id) const noexcept {
    auto index = static_cast<std::uint32_t>(id);
    const Page* page = pages_[index >> 20].load(std::memory_order_acquire);
    if (!page) return nullptr;
    TaskChunk* chunk = page->chunks[(index >> 8) & 4095].load(std::memory_order_acquire);
    return chunk && (index & 255) ? chunk->slot(index & 255) : nullptr;
  }

  /// Calls `visit` for the live tasks of one owner; it may drop any of them. [loop]
  template <class Visit>
  void for_each_live(Owner& owner, Visit&& visit) {
    for (TaskChunk* chunk = owner.chunks; chunk; chunk = chunk->next) visit_chunk(chunk, visit);
  }
  /// The same for all owners. [loop]
  template <class Visit>
  void for_each_live(Visit&& visit) {
    for (std::uint32_t number = 0; number < chunk_count_; ++number) {
      TaskChunk* chunk = pages_[number >> 12].load()->chunks[number & 4095].load();
      if (chunk->owner) visit_chunk(chunk, visit);
    }
  }

  static tau_task_id id_of(const TaskSlot* slot) noexcept {
    TaskChunk* chunk = TaskChunk::of(slot);
    auto place = static_cast<std::uint32_t>(slot - reinterpret_cast<const TaskSlot*>(chunk));
    std::uint64_t word = slot->remote.load(std::memory_order_relaxed);
    return (word & ~std::uint64_t{0xffffffff}) | (std::uint64_t{chunk->number} << 8) | place;
  }

 private:
  struct Page {
    Atomic<TaskChunk*> chunks[4096] = {};
  };

  template <class Visit>
  static void visit_chunk(TaskChunk* chunk, Visit& visit) {
    for (std::uint32_t i = 1; i < chunk->used; ++i) {
      TaskSlot* task = chunk->slot(i);
      if (task->state & TAU_TASK_LIVE) visit(task);
    }
  }
  TaskSlot* carve(Owner& owner) noexcept;
  TaskChunk* new_chunk() noexcept;

  Atomic<Page*> pages_[4096] = {};
  std::uint32_t chunk_count_ = 0;
  TaskChunk* idle_ = nullptr;
  std::byte* bump_ = nullptr;  // within the newest block
  std::byte* end_ = nullptr;
};

}  // namespace tau::host
