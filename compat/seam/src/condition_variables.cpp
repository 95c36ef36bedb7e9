// Condition variables: a wait on the loop's thread suspends its stack. A signal from any thread finds it.
#include <pthread.h>
#include <tau/rt/fiber.h>

#include "seam.hpp"

namespace {

/// Ours to write: nobody else looks into a condition variable of this module. Zero is what an initialiser leaves.
int& clock_of(pthread_cond_t* cond) noexcept { return reinterpret_cast<int*>(cond)[0]; }

int wait_until(pthread_cond_t* cond, pthread_mutex_t* mutex, std::uint64_t deadline) {
  switch (tau_cond_wait(tau::seam::owner, cond, mutex, deadline)) {
    case TAU_OK: return 0;
    case TAU_E_TIMED_OUT: return ETIMEDOUT;
    default: return 0;  // no stack to go on on: woken without cause, as POSIX allows
  }
}

}  // namespace

TAU_SEAM int pthread_cond_init(pthread_cond_t* cond, const pthread_condattr_t* attributes) noexcept {
  clockid_t clock = CLOCK_REALTIME;
  if (attributes) ::pthread_condattr_getclock(attributes, &clock);
  *cond = {};
  clock_of(cond) = clock;
  return 0;
}

TAU_SEAM int pthread_cond_destroy(pthread_cond_t*) noexcept { return 0; }

TAU_SEAM int pthread_cond_wait(pthread_cond_t* cond, pthread_mutex_t* mutex) {
  return wait_until(cond, mutex, UINT64_MAX);
}

TAU_SEAM int pthread_cond_timedwait(pthread_cond_t* cond, pthread_mutex_t* mutex, const timespec* until) {
  return wait_until(cond, mutex, tau::seam::deadline_at(clock_of(cond), *until));
}

TAU_SEAM int pthread_cond_clockwait(pthread_cond_t* cond, pthread_mutex_t* mutex, clockid_t clock,
                                    const timespec* until) {
  return wait_until(cond, mutex, tau::seam::deadline_at(clock, *until));
}

TAU_SEAM int pthread_cond_signal(pthread_cond_t* cond) noexcept {
  tau_cond_signal(cond);
  return 0;
}

TAU_SEAM int pthread_cond_broadcast(pthread_cond_t* cond) noexcept {
  tau_cond_broadcast(cond);
  return 0;
}
