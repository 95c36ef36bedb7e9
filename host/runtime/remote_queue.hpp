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

/// One entry, embedded in what travels. `next` is the address of the next entry's link, with the lowest
/// bit set if that is a task's: tasks have no room for a function pointer.
struct RemoteLink {
  std::uintptr_t next;
};

/// An entry that is a call: `arrive` runs on the loop's thread and may free it.
struct RemoteCall : RemoteLink {
  void (*arrive)(RemoteCall* self);
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
  void push_task(RemoteLink* task) noexcept {
    push_tagged(task, 1);
    wake_if_sleeping();
  }
  /// The same for who holds a lock that the loop will want: wakes nobody, wake_if_sleeping() has to follow. [any]
  void push_quietly(RemoteCall* call) noexcept { push_tagged(call, 0); }
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
      RemoteLink* link = link_of(arrived_);
      bool task = arrived_ & 1;
      // Read first: once it has arrived, another thread may push the same link again.
      arrived_ = link->next;
      if (task) {
        on_task(link);
      } else {
        auto* call = static_cast<RemoteCall*>(link);
        call->arrive(call);
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
  static RemoteLink* link_of(std::uintptr_t tagged) noexcept {
    return reinterpret_cast<RemoteLink*>(tagged & ~std::uintptr_t{1});
  }

  void take_all() noexcept {
    if (!head_.load(std::memory_order_relaxed)) return;
    std::uintptr_t newest = head_.exchange(0, std::memory_order_acquire);
    while (newest) {
      RemoteLink* link = link_of(newest);
      std::uintptr_t next = link->next;
      link->next = arrived_;
      arrived_ = newest;
      newest = next;
    }
  }

  void push_tagged(RemoteLink* link, std::uintptr_t tag) noexcept {
    link->next = head_.load(std::memory_order_relaxed);
    while (!head_.compare_exchange_weak(link->next, reinterpret_cast<std::uintptr_t>(link) | tag,
                                        std::memory_order_seq_cst, std::memory_order_relaxed)) {
    }
  }

  Atomic<std::uintptr_t> head_{0};
  std::uintptr_t arrived_ = 0;  // taken, not run yet. [loop]
  Atomic<bool> nudged_{false};
  Atomic<bool> sleeping_{false};
  void (*wake_)(void*);
  void* context_;
};

}  // namespace tau::host
