// Trampolines of pollset.h.
#include <tau/rt/pollset.h>

#include <cerrno>

#include "pollset/pollsets.hpp"
#include "pollset/timer_fds.hpp"
#include "runtime/runtime.hpp"

#define TAU_TRAMPOLINE extern "C" __attribute__((visibility("default")))

using tau::host::pollsets;
using tau::host::Runtime;
using tau::host::timer_fds;

TAU_TRAMPOLINE std::int32_t tau_host_pollset_create(tau_plugin* owner, std::int32_t* set) noexcept {
  return pollsets().create(*Runtime::instance(), *owner, set);
}

TAU_TRAMPOLINE std::int32_t tau_host_pollset_ctl(std::int32_t set, std::int32_t operation, std::int32_t fd,
                                                 const tau_poll_event* event) noexcept {
  const auto found = pollsets().find(set);
  return found ? found->control(operation, fd, event) : -EBADF;
}

static std::int32_t wait_on_thread(tau_plugin& owner, std::int32_t set, tau_poll_event* events, std::int32_t capacity,
                                   std::int64_t timeout_ns, const void* sigmask) {
  const auto found = pollsets().find(set);
  return found ? found->wait(owner, events, capacity, timeout_ns, sigmask) : -EBADF;
}

TAU_TRAMPOLINE std::int32_t tau_host_pollset_wait(tau_plugin* owner, std::int32_t set, tau_poll_event* events,
                                                  std::int32_t capacity, std::int64_t timeout_ns,
                                                  const void* sigmask) {
  if (!Runtime::instance()->on_loop()) return wait_on_thread(*owner, set, events, capacity, timeout_ns, sigmask);
  tau::host::Pollset* found = pollsets().find_on_loop(set);
  return found ? found->wait(*owner, events, capacity, timeout_ns, sigmask) : -EBADF;
}

TAU_TRAMPOLINE std::int32_t tau_host_pollset_closing(std::int32_t fd) noexcept {
  return pollsets().closing(fd) ? 1 : 0;
}

TAU_TRAMPOLINE void tau_host_pollset_opened(tau_plugin* owner, std::int32_t fd) noexcept {
  pollsets().opened(*owner, fd);
}

TAU_TRAMPOLINE void tau_host_pollset_duplicated(std::int32_t fd) noexcept { timer_fds().duplicated(fd); }

TAU_TRAMPOLINE std::int32_t tau_host_timerfd_create(std::int32_t clock, std::int32_t flags) noexcept {
  return timer_fds().create(clock, flags);
}

TAU_TRAMPOLINE std::int32_t tau_host_timerfd_settime(std::int32_t fd, std::int32_t flags, const void* value,
                                                     void* old) noexcept {
  return timer_fds().set(fd, flags, static_cast<const itimerspec*>(value), static_cast<itimerspec*>(old));
}

TAU_TRAMPOLINE std::int32_t tau_host_timerfd_gettime(std::int32_t fd, void* value) noexcept {
  return timer_fds().get(fd, static_cast<itimerspec*>(value));
}

TAU_TRAMPOLINE std::int64_t tau_host_timerfd_read(std::int32_t fd, void* buffer, std::size_t size) noexcept {
  return timer_fds().read(fd, buffer, size);
}
