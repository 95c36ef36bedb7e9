// Task slot: one cache line per task, found by a generation-checked id.
//
// The first half is the ABI's tau_task, which the module that spawned the task may touch; the second is
// the runtime's. Slots live in chunks of one owner, so an owner's tasks are found by walking its chunks
// and no list has to be kept per task. A chunk's memory is never unmapped, only handed to another owner:
// a thread that aborts a stale id always finds a word to compare its generation with.
//
// What other threads do to a task goes through `remote`: generation above, requests below. Setting the
// first request pushes the slot onto the remote queue; the loop takes all requests at once. Everything
// else is the loop's and not atomic: neither a task switch nor a task's whole life costs a locked instruction.
#pragma once

#include <tau/rt/task.h>

#include <cstdint>

#include "remote_queue.hpp"
#include "runtime/atomic.hpp"

namespace tau::host {

using Owner = ::tau_plugin;

struct alignas(64) TaskSlot : tau_task {
  static constexpr std::uint64_t wake = 1, abort = 2, detach = 4, requests = 7;

  Atomic<std::uint64_t> remote;  // generation << 32 | requests
  TaskSlot* next;                // ready queue, or free list
  RemoteLink remote_link;
  tau_wait* joiner;

  static TaskSlot* of(RemoteLink* link) noexcept {
    return reinterpret_cast<TaskSlot*>(reinterpret_cast<std::uintptr_t>(link) & ~std::uintptr_t{63});
  }
};
static_assert(sizeof(TaskSlot) == 64);

// Host-only bits of tau_task::state.
inline constexpr std::uint32_t task_dropping = 1u << 16;  // its drop is on the stack
inline constexpr std::uint32_t task_unqueued = 1u << 17;  // counts as queued, but is not: its owner is emptied
inline constexpr std::uint32_t task_named = 1u << 18;     // the executor keeps a name for it
inline constexpr unsigned task_site_shift = 20;           // from here on: its number in the owner's SpawnSites
inline constexpr std::uint32_t task_abi_bits = 0xffff;    // what modules are told

struct TaskChunk {
  static constexpr std::uint32_t slots = 256;  // the first one holds this header

  Owner* owner;
  TaskChunk* next;  // of the owner's chunks, or of idle chunks
  std::uint32_t number;
  std::uint32_t used;  // slots handed out at least once by this owner

  TaskSlot* slot(std::uint32_t i) noexcept { return reinterpret_cast<TaskSlot*>(this) + i; }

  static TaskChunk* of(const tau_task* task) noexcept {
    return reinterpret_cast<TaskChunk*>(reinterpret_cast<std::uintptr_t>(task) &
                                        ~(std::uintptr_t{slots} * sizeof(TaskSlot) - 1));
  }
};
static_assert(sizeof(TaskChunk) <= sizeof(TaskSlot));

inline std::uint32_t generation(std::uint64_t id_or_word) noexcept {
  return static_cast<std::uint32_t>(id_or_word >> 32);
}

}  // namespace tau::host
