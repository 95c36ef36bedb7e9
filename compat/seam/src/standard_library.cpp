// std::condition_variable of libstdc++: half of it is inline and calls pthread_cond_*, which are ours, the other half is
// in a library of its own and would call libc's. Both halves must mean the same, so that half is here once more.
#include <pthread.h>

#include <condition_variable>
#include <mutex>

#include "seam.hpp"

#if defined(__GLIBCXX__)

static_assert(sizeof(std::condition_variable) == sizeof(pthread_cond_t));

TAU_SEAM void tau_seam_cv_notify_one(pthread_cond_t* cond) noexcept __asm__("_ZNSt18condition_variable10notify_oneEv");
TAU_SEAM void tau_seam_cv_notify_one(pthread_cond_t* cond) noexcept { pthread_cond_signal(cond); }

TAU_SEAM void tau_seam_cv_notify_all(pthread_cond_t* cond) noexcept __asm__("_ZNSt18condition_variable10notify_allEv");
TAU_SEAM void tau_seam_cv_notify_all(pthread_cond_t* cond) noexcept { pthread_cond_broadcast(cond); }

TAU_SEAM void tau_seam_cv_wait(pthread_cond_t* cond, std::unique_lock<std::mutex>& lock)
    __asm__("_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE");
TAU_SEAM void tau_seam_cv_wait(pthread_cond_t* cond, std::unique_lock<std::mutex>& lock) {
  pthread_cond_wait(cond, lock.mutex()->native_handle());
}

#endif
