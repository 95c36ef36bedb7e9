// Threads that the module starts are known to the host, which unmaps nothing under their feet and joins those that
// the module does not; joining one on the loop's thread suspends the caller. Those of std::thread, whose half is in
// libstdc++, are met there.
#include <pthread.h>
#include <tau/rt/thread.h>

#include <memory>
#include <thread>

#include "seam.hpp"

TAU_SEAM int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                            void* argument) noexcept {
  return -tau_thread_create(tau::seam::owner, thread, attributes, start, argument);
}

TAU_SEAM int pthread_join(pthread_t thread, void** result) {
  return -tau_thread_join(tau::seam::owner, &thread, result, UINT64_MAX);
}

TAU_SEAM int pthread_detach(pthread_t thread) noexcept { return -tau_thread_detach(&thread); }

#if defined(__GLIBC__)

TAU_SEAM int pthread_tryjoin_np(pthread_t thread, void** result) noexcept {
  const int error = -tau_thread_join(tau::seam::owner, &thread, result, 0);
  return error == ETIMEDOUT ? EBUSY : error;
}

TAU_SEAM int pthread_clockjoin_np(pthread_t thread, void** result, clockid_t clock, const timespec* until) {
  return -tau_thread_join(tau::seam::owner, &thread, result, tau::seam::deadline_at(clock, *until));
}

TAU_SEAM int pthread_timedjoin_np(pthread_t thread, void** result, const timespec* until) {
  return pthread_clockjoin_np(thread, result, CLOCK_REALTIME, until);
}

#endif

#if defined(__GLIBCXX__)

static_assert(sizeof(std::thread) == sizeof(pthread_t));

namespace {

void* run_state(void* state) {
  const std::unique_ptr<std::thread::_State> owned(static_cast<std::thread::_State*>(state));
  owned->_M_run();
  return nullptr;
}

}  // namespace

TAU_SEAM void tau_seam_thread_start(pthread_t* self, std::unique_ptr<std::thread::_State>& state, void (*)())
    __asm__("_ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE");
TAU_SEAM void tau_seam_thread_start(pthread_t* self, std::unique_ptr<std::thread::_State>& state, void (*)()) {
  if (const int error = pthread_create(self, nullptr, run_state, state.get())) std::__throw_system_error(error);
  static_cast<void>(state.release());  // the thread's
}

TAU_SEAM void tau_seam_thread_join(pthread_t* self) __asm__("_ZNSt6thread4joinEv");
TAU_SEAM void tau_seam_thread_join(pthread_t* self) {
  const int error = *self ? pthread_join(*self, nullptr) : EINVAL;
  if (error) std::__throw_system_error(error);
  *self = pthread_t{};
}

TAU_SEAM void tau_seam_thread_detach(pthread_t* self) __asm__("_ZNSt6thread6detachEv");
TAU_SEAM void tau_seam_thread_detach(pthread_t* self) {
  const int error = *self ? pthread_detach(*self) : EINVAL;
  if (error) std::__throw_system_error(error);
  *self = pthread_t{};
}

#endif
