// LoopLock: a lock that costs the loop's thread no atomic read-modify-write until another thread comes.
//
// It begins biased: the loop says that it is inside by a plain store. The first other thread takes the
// mutex, says `shared_`, makes the loop's thread pass a barrier (tau_loop_barrier) and waits until the
// loop is outside. From then on everybody uses the mutex, for good.
//
// Why the two never meet. The loop stores inside_ = 1, then loads shared_; the other thread stores
// shared_ = 1, then, after the barrier, loads inside_. The barrier falls somewhere into the loop's
// program:
//   after its store   the store is visible to the other thread, which waits for inside_ == 0; that is a
//                     release read by an acquire, so it sees whatever the loop did inside;
//   before its store  the load of shared_ comes after the barrier too and reads 1: the loop steps back
//                     out and takes the mutex, which the other thread holds until it is done.
// The compiler is held to the order of the loop's store and load by a signal fence. A thread that comes
// later takes the mutex after the first has released it, and with that knows what the first has seen.
//
// No vtable, no pointer to code: a lock in memory that two modules share works with either's code.
// The mutex is libc's, by its own name: <mutex> and <condition_variable> would cost each source of each
// plugin a tenth of its time. std::atomic::wait is not used: its waiters are counted in a table that each
// module has of its own, so a notify in one would not find a waiter of another.
#pragma once

#include <pthread.h>
#include <tau/rt/task.h>

#include <atomic>

#include "bias.hpp"

namespace tau::detail::sync {

class LoopLock {
 public:
  /// Biased if made on the loop's thread.
  LoopLock() noexcept
      : shared_(!loop_lock_bias || !tau_on_loop_thread() || tau_loop_barrier() != TAU_OK) {}
  ~LoopLock() {
    if (is_shared()) pthread_mutex_destroy(&mutex_);  // the other has never been locked
  }
  LoopLock(const LoopLock&) = delete;
  LoopLock& operator=(const LoopLock&) = delete;

  /// Returns what leave() wants to know: whether the mutex is held. [loop]
  __attribute__((always_inline)) bool enter_on_loop() noexcept {
    inside_.store(true, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (!shared_.load(std::memory_order_relaxed)) [[likely]] return false;
    step_back();
    return true;
  }

  /// The same for every other thread.
  bool enter() noexcept;

  __attribute__((always_inline)) void leave(bool holds_mutex) noexcept {
    if (holds_mutex) [[unlikely]] {
      unlock();
    } else {
      inside_.store(false, std::memory_order_release);
    }
  }

  /// For a condition variable. Held by whoever entered with enter().
  pthread_mutex_t* mutex() noexcept { return &mutex_; }
  /// Whether another thread has ever come.
  bool is_shared() const noexcept { return shared_.load(std::memory_order_relaxed); }


 private:
  void step_back() noexcept;
  void unlock() noexcept;

  std::atomic<bool> inside_{false};  // stored by the loop's thread alone
  std::atomic<bool> shared_;         // set once, under the mutex
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
};

}  // namespace tau::detail::sync
