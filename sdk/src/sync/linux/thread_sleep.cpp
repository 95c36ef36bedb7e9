// By futex(2): waking an address that is a thread's sleep no more wakes nobody, or somebody who looks again.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <tau/detail/sync/thread_sleep.hpp>
#include <unistd.h>

namespace tau::detail::sync {

void ThreadSleep::wait(pthread_mutex_t* mutex) noexcept {
  pthread_mutex_unlock(mutex);
  ::syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, 0u, nullptr, nullptr, 0u);
  pthread_mutex_lock(mutex);
}

const void* ThreadSleep::tell() noexcept {
  word_.store(1, std::memory_order_relaxed);
  return &word_;
}

void ThreadSleep::wake(const void* told) noexcept {
  ::syscall(SYS_futex, told, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0u);
}

}  // namespace tau::detail::sync
