// Sleeping on the loop's thread suspends the caller; std::this_thread::sleep_for ends here as well, and so does a
// select() that watches nothing, which is how Asio waits for a timer synchronously.
#include <sys/select.h>
#include <sys/syscall.h>
#include <tau/rt/fiber.h>
#include <tau/rt/task.h>
#include <unistd.h>

#include "seam.hpp"

namespace {

int sleep_until(std::uint64_t deadline_ns) {
  tau_parker nobody{};
  while (tau_park(tau::seam::owner, &nobody, deadline_ns) == TAU_OK) {
  }
  return 0;
}

}  // namespace

TAU_SEAM int nanosleep(const timespec* time, timespec* left) {
  if (!tau_on_loop_thread()) return static_cast<int>(::syscall(SYS_nanosleep, time, left));
  if (time->tv_sec < 0 || time->tv_nsec < 0 || time->tv_nsec >= 1'000'000'000) return tau::seam::answer(-EINVAL);
  return sleep_until(tau_now() + static_cast<std::uint64_t>(tau::seam::nanoseconds(*time)));
}

TAU_SEAM int clock_nanosleep(clockid_t clock, int flags, const timespec* time, timespec* left) {
  if (!tau_on_loop_thread()) return ::syscall(SYS_clock_nanosleep, clock, flags, time, left) < 0 ? errno : 0;
  if (time->tv_sec < 0 || time->tv_nsec < 0 || time->tv_nsec >= 1'000'000'000) return EINVAL;
  std::int64_t span = tau::seam::nanoseconds(*time);
  if (flags & TIMER_ABSTIME) {
    timespec now{};
    if (::clock_gettime(clock, &now) < 0) return errno;
    span -= tau::seam::nanoseconds(now);
  }
  return sleep_until(tau_now() + static_cast<std::uint64_t>(span > 0 ? span : 0));
}

TAU_SEAM int usleep(useconds_t microseconds) {
  const timespec time{static_cast<time_t>(microseconds / 1'000'000), static_cast<long>(microseconds % 1'000'000) * 1000};
  return nanosleep(&time, nullptr);
}

TAU_SEAM unsigned sleep(unsigned seconds) {
  const timespec time{static_cast<time_t>(seconds), 0};
  timespec left{};
  return nanosleep(&time, &left) < 0 ? static_cast<unsigned>(left.tv_sec) : 0;
}

TAU_SEAM int select(int count, fd_set* readable, fd_set* writable, fd_set* exceptional, timeval* timeout) {
  if (timeout && (timeout->tv_sec < 0 || timeout->tv_usec < 0)) return tau::seam::answer(-EINVAL);
  timespec left{};
  if (timeout) left = {timeout->tv_sec + timeout->tv_usec / 1'000'000, timeout->tv_usec % 1'000'000 * 1000};
  if (timeout && !readable && !writable && !exceptional && tau_on_loop_thread()) {
    *timeout = {};
    return sleep_until(tau_now() + static_cast<std::uint64_t>(tau::seam::nanoseconds(left)));
  }
  // By number, and by the call that every machine has.
  const auto ready =
      ::syscall(SYS_pselect6, count, readable, writable, exceptional, timeout ? &left : nullptr, nullptr);
  if (timeout) *timeout = {left.tv_sec, static_cast<suseconds_t>(left.tv_nsec / 1000)};
  return static_cast<int>(ready);
}
