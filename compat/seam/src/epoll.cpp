// epoll, on pollsets: rt/pollset.h says what differs.
#include <fcntl.h>
#include <sys/epoll.h>
#include <tau/rt/pollset.h>

#include "seam.hpp"

namespace {

// The kernel's event is packed on x86-64 and ours is not.
constexpr int batch = 256;

int wait_ns(int set, epoll_event* events, int capacity, std::int64_t timeout_ns, const sigset_t* mask) {
  if (capacity <= 0) return tau::seam::answer(-EINVAL);
  tau_poll_event found[batch];
  const std::int32_t count =
      tau_pollset_wait(tau::seam::owner, set, found, capacity < batch ? capacity : batch, timeout_ns, mask);
  for (std::int32_t i = 0; i < count; ++i) {
    events[i].events = found[i].events;
    events[i].data.u64 = found[i].data;
  }
  return tau::seam::answer(count);
}

int create(bool inherited) noexcept {
  std::int32_t set = -1;
  const std::int32_t status = tau_pollset_create(tau::seam::owner, &set);
  if (status < 0) return tau::seam::answer(status);
  if (inherited) ::fcntl(set, F_SETFD, 0);
  return set;
}

}  // namespace

TAU_SEAM int epoll_create(int size) noexcept {
  return size <= 0 ? tau::seam::answer(-EINVAL) : create(true);
}

TAU_SEAM int epoll_create1(int flags) noexcept {
  return flags & ~EPOLL_CLOEXEC ? tau::seam::answer(-EINVAL) : create(!(flags & EPOLL_CLOEXEC));
}

TAU_SEAM int epoll_ctl(int set, int operation, int fd, epoll_event* event) noexcept {
  if (!event) return tau::seam::answer(tau_pollset_ctl(set, operation, fd, nullptr));
  const tau_poll_event wanted{event->events, 0, event->data.u64};
  return tau::seam::answer(tau_pollset_ctl(set, operation, fd, &wanted));
}

TAU_SEAM int epoll_wait(int set, epoll_event* events, int capacity, int timeout_ms) {
  return wait_ns(set, events, capacity, timeout_ms < 0 ? -1 : std::int64_t{timeout_ms} * 1'000'000, nullptr);
}

TAU_SEAM int epoll_pwait(int set, epoll_event* events, int capacity, int timeout_ms, const sigset_t* mask) {
  return wait_ns(set, events, capacity, timeout_ms < 0 ? -1 : std::int64_t{timeout_ms} * 1'000'000, mask);
}

TAU_SEAM int epoll_pwait2(int set, epoll_event* events, int capacity, const timespec* timeout, const sigset_t* mask) {
  return wait_ns(set, events, capacity, timeout ? tau::seam::nanoseconds(*timeout) : -1, mask);
}
