// How a thread sleeps until it is told, beside a mutex.
//
// Who tells does so under the mutex, and wakes after it: a thread that is woken by somebody who still holds the mutex
// runs into it and sleeps again, two more switches. By then the thread may have gone on, and its sleep with its stack;
// so what is woken is a number, the address, which nobody looks into. Where a system has no such call, tell() wakes
// at once.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

namespace tau::detail::sync {

class ThreadSleep {
 public:
  ThreadSleep() noexcept = default;
  ~ThreadSleep() { pthread_cond_destroy(&told_); }
  ThreadSleep(const ThreadSleep&) = delete;
  ThreadSleep& operator=(const ThreadSleep&) = delete;

  /// Gives `mutex` up until somebody has told, or for no reason, and takes it again.
  void wait(pthread_mutex_t* mutex) noexcept;
  /// With the mutex. Whom to wake() without it, or null.
  const void* tell() noexcept;
  static void wake(const void* told) noexcept;

 private:
  std::atomic<std::uint32_t> word_{0};
  pthread_cond_t told_ = PTHREAD_COND_INITIALIZER;
};

}  // namespace tau::detail::sync
