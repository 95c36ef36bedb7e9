// The seam: where a module's own calls of libc that wait, watch or close reach the host instead.
//
// Each file defines a few of libc's functions once more, hidden, so that the module's references end here, those of
// static libraries in it included, and nobody else's do. They are weak: a static library that was built with the seam
// brings another copy, and the first one serves. Off the loop's thread, and for what is not watched by the loop, they
// do what libc's do.
#pragma once

#include <cerrno>
#include <cstdint>
#include <ctime>

#include <tau/rt/abi.h>
#include <tau/rt/timer.h>

#define TAU_SEAM extern "C" __attribute__((visibility("hidden"), weak, used))

namespace tau::seam {

/// The module's owner; known before any other constructor of the module runs.
__attribute__((visibility("hidden"))) extern tau_plugin* owner;

/// libc's way to say `status`: -1 and errno, else the status itself.
inline int answer(std::int32_t status) noexcept {
  if (status >= 0) return status;
  errno = status > -4096 ? -status : status == TAU_E_NO_MEMORY ? ENOMEM : ECANCELED;
  return -1;
}

inline std::int64_t nanoseconds(const timespec& time) noexcept {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/// On tau's clock. The wait is for a time on `clock`, which may be set while it lasts: that goes unnoticed.
inline std::uint64_t deadline_at(clockid_t clock, const timespec& until) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  const std::int64_t left = nanoseconds(until) - nanoseconds(now);
  return tau_now() + static_cast<std::uint64_t>(left > 0 ? left : 0);
}

}  // namespace tau::seam
