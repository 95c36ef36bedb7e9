// By a condition variable, which has to be there when it is signalled.
#include <tau/detail/sync/thread_sleep.hpp>

namespace tau::detail::sync {

void ThreadSleep::wait(pthread_mutex_t* mutex) noexcept { pthread_cond_wait(&told_, mutex); }

const void* ThreadSleep::tell() noexcept {
  pthread_cond_signal(&told_);
  return nullptr;
}

void ThreadSleep::wake(const void*) noexcept {}

}  // namespace tau::detail::sync
