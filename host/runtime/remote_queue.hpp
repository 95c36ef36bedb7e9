// Remote queue: the only door by which other threads reach the loop (I8).
//
// An intrusive stack of links that any thread pushes onto with one compare-and-swap and the loop takes
// whole with one exchange, reversing it, so what one thread pushed arrives in its order. The loop is
// woken only when it sleeps: it says so in `sleeping_`, looks once more at the queue, and sleeps; a
// pusher that sees the flag takes it back and makes the one wake call. Both sides put a full fence
// between their write and their read, so at least one of them sees the other.
#pragma once

#include <cstdint>

#include "runtime/atomic.hpp"

namespace tau::host {

// An entry's `next` is the address of the next one, tagged: the lowest bit says that that is a task's, which has
// no room for a function pointer.

/// An entry that is a call: `arrive` runs on the loop's thread and may free it.
struct RemoteCall {
  std::uintptr_t next;
  void (*arrive)(RemoteCall* self);
};

/// An entry that is a task's, at an even address. Several threads may want to push it at once: one does, whoever finds
/// `next` zero. It is not zero until the loop says so, with release().
struct RemoteLink {
  Atomic<std::uintptr_t> next{0};

  /// From here on it may be pushed again. [loop]
  void release() noexcept { next.store(0, std::memory_order_seq_cst); }
};

class RemoteQueue {
 public:
  /// `wake(context)` makes the sleeping loop return; called from any thread.
  RemoteQueue(void (*wake)(void* context), void* context) noexcept : wake_(wake), context_(context) {}

  /// Hands an entry to the loop. It must not be in the queue. Lock-free. [any]
  void push(RemoteCall* call) noexcept {
    push_quietly(call);
    wake_if_sleeping();
  }
  /// Hands a task's entry to the loop, if it is not on its way. Lock-free. [any]
  void push_task(RemoteLink* link) noexcept {
    std::uintptr_t free = 0;
    if (!link->next.compare_exchange_strong(free, taken, std::memory_order_seq_cst, std::memory_order_seq_cst)) return;
    std::uintptr_t newest = head_.load(std::memory_order_relaxed);
    do {
      link->next.store(newest | taken, std::memory_order_relaxed);
    } while (!swap_newest(newest, reinterpret_cast<std::uintptr_t>(link) | task));
    wake_if_sleeping();
  }
  /// The same for who holds a lock that the loop will want: wakes nobody, wake_if_sleeping() has to follow. [any]
  void push_quietly(RemoteCall* call) noexcept {
    call->next = head_.load(std::memory_order_relaxed);
    while (!swap_newest(call->next, reinterpret_cast<std::uintptr_t>(call))) {
    }
  }
  void wake_if_sleeping() noexcept {
    if (sleeping_.load(std::memory_order_seq_cst) && sleeping_.exchange(false, std::memory_order_seq_cst)) {
      wake_(context_);
    }
  }

  /// Makes the loop turn once more without handing it anything. Coalesces. [any], also in a signal handler
  void nudge() noexcept {
    nudged_.store(true, std::memory_order_seq_cst);
    wake_if_sleeping();
  }

  bool pending() const noexcept {
    return arrived_ != 0 || head_.load(std::memory_order_relaxed) != 0 || nudged_.load(std::memory_order_relaxed);
  }

  /// Runs what has arrived, oldest first: calls by themselves, tasks by `on_task(RemoteLink*)`. A call that
  /// blocks leaves the rest to the next drain(). Returns whether there was anything: asking pending() before
  /// would miss what comes in between. [loop]
  template <class OnTask>
  bool drain(OnTask&& on_task) noexcept {
    const bool nudged =
        nudged_.load(std::memory_order_relaxed) && nudged_.exchange(false, std::memory_order_acq_rel);
    if (!arrived_) take_all();
    if (!arrived_) return nudged;
    while (arrived_) {
      const std::uintptr_t first = arrived_;
      // Read first: once it has arrived, another thread may push the same entry again.
      arrived_ = next_of(first);
      if (first & task) {
        on_task(link_of(first));
      } else {
        call_of(first)->arrive(call_of(first));
      }
    }
    return true;
  }

  /// Announces sleep; false if something is waiting and the loop must not sleep. [loop]
  bool prepare_sleep() noexcept {
    sleeping_.store(true, std::memory_order_seq_cst);
    if (head_.load(std::memory_order_seq_cst) || nudged_.load(std::memory_order_seq_cst)) {
      sleeping_.store(false, std::memory_order_relaxed);
      return false;
    }
    return true;
  }
  void end_sleep() noexcept { sleeping_.store(false, std::memory_order_relaxed); }

 private:
  static constexpr std::uintptr_t task = 1;   // of an address: a task's
  static constexpr std::uintptr_t taken = 2;  // of a task's `next`: it is on its way, though nothing may follow it

  static RemoteCall* call_of(std::uintptr_t tagged) noexcept { return reinterpret_cast<RemoteCall*>(tagged); }
  static RemoteLink* link_of(std::uintptr_t tagged) noexcept { return reinterpret_cast<RemoteLink*>(tagged & ~task); }
  static std::uintptr_t next_of(std::uintptr_t tagged) noexcept {
    return tagged & task ? link_of(tagged)->next.load(std::memory_order_relaxed) & ~taken : call_of(tagged)->next;
  }
  static void set_next(std::uintptr_t tagged, std::uintptr_t next) noexcept {
    if (tagged & task) {
      link_of(tagged)->next.store(next | taken, std::memory_order_relaxed);
    } else {
      call_of(tagged)->next = next;
    }
  }

  void take_all() noexcept {
    if (!head_.load(std::memory_order_relaxed)) return;
    std::uintptr_t newest = head_.exchange(0, std::memory_order_acquire);
    while (newest) {
      const std::uintptr_t next = next_of(newest);
      set_next(newest, arrived_);
      arrived_ = newest;
      newest = next;
    }
  }

  bool swap_newest(std::uintptr_t& newest, std::uintptr_t entry) noexcept {
    return head_.compare_exchange_weak(newest, entry, std::memory_order_seq_cst, std::memory_order_relaxed);
  }

  Atomic<std::uintptr_t> head_{0};
  std::uintptr_t arrived_ = 0;  // taken, not run yet. [loop]
  Atomic<bool> nudged_{false};
  Atomic<bool> sleeping_{false};
  void (*wake_)(void*);
  void* context_;
};

}  // namespace tau::host
