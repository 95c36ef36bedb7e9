// Timers that are descriptors, which a set may count for: see rt/pollset.h.
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <tau/rt/pollset.h>
#include <unistd.h>

#include "seam.hpp"

TAU_SEAM int timerfd_create(clockid_t clock, int flags) noexcept {
  return tau::seam::answer(tau_timerfd_create(clock, flags));
}

TAU_SEAM int timerfd_settime(int fd, int flags, const itimerspec* value, itimerspec* old) noexcept {
  return tau::seam::answer(tau_timerfd_settime(fd, flags, value, old));
}

TAU_SEAM int timerfd_gettime(int fd, itimerspec* value) noexcept {
  return tau::seam::answer(tau_timerfd_gettime(fd, value));
}

// By number: a call of read() here would end at ours.
TAU_SEAM ssize_t read(int fd, void* buffer, std::size_t size) {
  const std::int64_t count = tau_timerfd_read(fd, buffer, size);
  if (count == TAU_E_NOT_FOUND) [[likely]] return ::syscall(SYS_read, fd, buffer, size);
  return tau::seam::answer(static_cast<std::int32_t>(count));
}
