// See io_uring.hpp. This part: the ring, the polls, sleeping and waking.
//
// A poll is taken back by IORING_OP_ASYNC_CANCEL and not by POLL_REMOVE: the latter fails, and leaves the
// poll, when an event is just being worked out.
//
// What a poll tells is what its file said when it woke whoever waits, and not a look at the file. Sockets call
// any data priority data then, so that is looked at if anybody wants it; when a poll begins, the kernel does
// look, so one who begins to wait for priority data has the poll begun anew. See io_uring_prep_cancel(3), io_uring_prep_poll_multishot(3).
#include "io_uring.hpp"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <ctime>

#include "backends.hpp"

namespace tau::host {
namespace {

// The bits of the C ABI are epoll's own, and a ring's polls take epoll's.
static_assert(int{TAU_IN} == int{EPOLLIN} && int{TAU_PRI} == int{EPOLLPRI} && int{TAU_OUT} == int{EPOLLOUT} &&
              int{TAU_ERR} == int{EPOLLERR} && int{TAU_HUP} == int{EPOLLHUP} &&
              int{TAU_RDHUP} == int{EPOLLRDHUP});

// Without IORING_POLL_ADD_LEVEL a multishot poll is edge-triggered.
constexpr unsigned everything = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP;
constexpr std::int64_t ns_per_s = 1'000'000'000;
// A flush works out a limited number of completions; this many are tried before the rest is left to poll().
constexpr int most_flushes = 64;

std::int64_t now_ns() noexcept {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * ns_per_s + now.tv_nsec;
}

void ring_bell(int eventfd) noexcept {
  const std::uint64_t one = 1;
  while (::write(eventfd, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

}  // namespace

UringReactor::~UringReactor() {
  if (wake_ >= 0) ::close(wake_);
}

/// Asks, and tries: a sandbox may know the call and not the way it is used here.
bool UringReactor::start(std::string* why) noexcept {
  if (!ring_.open(why)) return false;
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0 || !identities_.usable()) {
    *why = strerror(errno);
    return false;
  }
  arm_wake();
  for (int i = 0; i < 2; ++i) {
    roused_ = false;
    ring_bell(wake_);
    ring_.flush();
    fetch();
    if (!roused_) {
      *why = "polls do not work as they should";
      return false;
    }
  }
  roused_ = false;
  return true;
}

// ---- waking ------------------------------------------------------------------------------------------

// The eventfd is never read: each write is an edge, and 2^64 of them do not happen. `woken_` falls when the
// edge was fetched, and `roused_` tells the poll() that it is for.
void UringReactor::wake() noexcept {
  if (woken_.exchange(true, std::memory_order_acq_rel)) return;
  const int kept = errno;  // we may be in a signal handler
  ring_bell(wake_);
  errno = kept;
}

void UringReactor::arm_wake() noexcept {
  if (io_uring_sqe* entry = ring_.next()) {
    io_uring_prep_poll_multishot(entry, wake_, EPOLLIN);
    entry->user_data = wake_tag;
  }
}

// ---- watching ----------------------------------------------------------------------------------------

std::int32_t UringReactor::watch(int fd, std::uint64_t token) noexcept {
  Watch* watch = fd < 0 ? nullptr : watches_.make(static_cast<std::size_t>(fd));
  if (!watch) return fd < 0 ? -EBADF : -ENOMEM;
  const bool held = watch->armed;  // the file that had the number before
  if (held) cancel_tag(tag_of(fd, *watch));
  watch->armed = watch->fell = false;
  watch->token = token;
  std::int32_t status = identities_.remember(fd, &watch->file);
  if (status == 0 && !arm(fd, *watch)) status = -ENOMEM;
  // What is ready already is fetched later, when who asks for it is known.
  if (status == 0 || held) ring_.flush();
  return status;
}

std::int32_t UringReactor::rewatch(int fd, std::uint64_t token) noexcept {
  Watch* watch = watches_.find(static_cast<std::size_t>(fd));
  if (!watch || !identities_.same(fd, watch->file)) return -ENOENT;
  if (watch->armed) cancel_tag(tag_of(fd, *watch));
  watch->token = token;
  if (!arm(fd, *watch)) return -ENOMEM;
  ring_.flush();  // what is ready already is fetched later, when who asks for it is known
  return 0;
}

void UringReactor::unwatch(int fd) noexcept {
  Watch* watch = watches_.find(static_cast<std::size_t>(fd));
  if (!watch) return;
  identities_.forget(fd, watch->file);
  watch->fell = false;
  if (!watch->armed) return;
  cancel_tag(tag_of(fd, *watch));
  watch->armed = false;
  // Now, since the poll holds the file: closed, it would stay open until somebody sleeps.
  send_off();
}

/// TAU_PRI if that is really there and somebody waits for it.
std::uint32_t UringReactor::priority_of(int fd, std::uint64_t token) const noexcept {
  if (!waits_for_priority(token)) return 0;
  pollfd look{fd, POLLPRI, 0};
  return ::poll(&look, 1, 0) > 0 ? static_cast<std::uint32_t>(look.revents) & TAU_PRI : 0;
}

bool UringReactor::arm(int fd, Watch& watch) noexcept {
  ++watch.serial;
  io_uring_sqe* entry = ring_.next();
  watch.armed = entry != nullptr;
  watch.fell = !watch.armed;
  any_fell_ |= watch.fell;
  if (!entry) return false;
  io_uring_prep_poll_multishot(entry, fd, everything);
  entry->user_data = tag_of(fd, watch);
  return true;
}

void UringReactor::rearm_fallen() noexcept {
  any_fell_ = false;
  int fd = 0;
  watches_.each([&](Watch& watch) {
    if (watch.fell) arm(fd, watch);
    ++fd;
  });
}

// ---- asking and being told -----------------------------------------------------------------------------

/// Fetches, where the kernel takes no more before that. Not while completions are being sorted.
io_uring_sqe* UringReactor::submission(std::uint64_t tag) noexcept {
  io_uring_sqe* entry;
  while (!(entry = ring_.next())) fetch();
  io_uring_prep_nop(entry);
  entry->user_data = tag;
  return entry;
}

void UringReactor::cancel_tag(std::uint64_t tag) noexcept {
  io_uring_sqe* entry = submission(ignored_tag);
  io_uring_prep_cancel64(entry, tag, 0);
  entry->flags = IOSQE_CQE_SKIP_SUCCESS;
  entry->user_data = ignored_tag;
}

/// What was submitted is in force when this returns.
void UringReactor::send_off() noexcept {
  for (int i = 0; i < most_flushes; ++i) {
    ring_.flush();
    fetch();
    if (!ring_.has_work_left()) return;
  }
}

void UringReactor::fetch() noexcept {
  for (;;) {
    ring_.drain([this](const io_uring_cqe& cqe) { sort(cqe); });
    if (!ring_.overflowed()) return;
    ring_.flush();
  }
}

void UringReactor::sort(const io_uring_cqe& cqe) noexcept {
  if (cqe.user_data == ignored_tag) return;
  if (cqe.user_data == wake_tag) {
    ++happened_;
    roused_ = true;
    woken_.exchange(false, std::memory_order_acq_rel);
    if (!(cqe.flags & IORING_CQE_F_MORE)) arm_wake();
  } else if (cqe.user_data & slot_bit) {
    took_flight(cqe);
  } else {
    took_poll(cqe);
  }
}

void UringReactor::took_poll(const io_uring_cqe& cqe) noexcept {
  const int fd = static_cast<int>(cqe.user_data & (slot_bit - 1));
  Watch* watch = watches_.find(static_cast<std::size_t>(fd));
  if (!watch || !watch->armed || tag_of(fd, *watch) != cqe.user_data) return;
  ++happened_;
  watch->armed = (cqe.flags & IORING_CQE_F_MORE) != 0;
  if (cqe.res < 0) return ready(watch->token, everything | TAU_ERR);  // who tries is told what it is
  auto events = static_cast<std::uint32_t>(cqe.res);
  if (events & TAU_PRI) events &= ~(TAU_PRI & ~priority_of(fd, watch->token));
  ready(watch->token, events);
  if (!watch->armed) arm(fd, *watch);  // ended for want of room
}

void UringReactor::collect(std::int64_t timeout_ns) noexcept {
  if (any_fell_) rearm_fallen();
  if (roused_) timeout_ns = 0;
  if (timeout_ns != 0) {
    sleep(timeout_ns);
  } else {
    if (ring_.wants_flush()) ring_.flush();
    fetch();
  }
  roused_ = false;
}

/// Completions that mean nothing any more do not end the sleep.
void UringReactor::sleep(std::int64_t timeout_ns) noexcept {
  const std::uint64_t before = happened_;
  const std::int64_t deadline = timeout_ns < 0 ? 0 : now_ns() + timeout_ns;
  for (;;) {
    const int ended = ring_.wait(timeout_ns);
    fetch();
    // A signal ends the sleep early: its handler may have asked for something.
    if (happened_ != before || ended == -EINTR || ended == -ETIME) return;
    if (timeout_ns > 0 && (timeout_ns = deadline - now_ns()) <= 0) return;
  }
}

std::unique_ptr<Reactor> make_io_uring(std::string* why) {
  auto reactor = std::make_unique<UringReactor>();
  std::string reason;
  if (!reactor->start(&reason)) {
    *why = "io_uring does not start: " + reason;
    return nullptr;
  }
  return reactor;
}

}  // namespace tau::host
