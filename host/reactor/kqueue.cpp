// kqueue, for macOS and FreeBSD: a knote per descriptor and direction, edge-triggered (EV_CLEAR), and
// timeouts in nanoseconds.
//
// How a reused number is found out: knotes belong to a number and die when it is closed, whoever else has
// the file. So rewatch() enables the knotes without EV_ADD. If they are still there, it is the file that was
// watched, and enabling evaluates them anew; if both are gone (ENOENT) or the number is free (EBADF), it is
// not. Unlike with epoll, nothing of the old file is left behind to be told apart by its token.
//
// Half a hang-up: EV_EOF on a socket's reading side is TAU_RDHUP, on its writing side TAU_HUP, and so is the
// end of anything that is no socket, which has nobody at its other end any more. A socket whose own writing
// side was shut down is called hung up here as well; kqueue does not tell the two apart.
//
// Priority data is a flag of the reading side on macOS (EV_OOBAND); FreeBSD's kqueue does not know it, so
// TAU_PRI is never met there but by a hang-up.
//
// Withdrawn watches are taken back by the call that sleeps next: most are of descriptors about to be closed
// or to be watched again, so half of the calls need not be made. Until then their events are nobody's.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
// After types.h, which FreeBSD's does not include.
#include <sys/event.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <ctime>
#include <vector>

#include "backends.hpp"
#include "reactor/reactor_backends.hpp"  // generated: TAU_KQUEUE_PRIORITY, the flag for priority data or 0
#include "readiness.hpp"

namespace tau::host {
namespace {

using Event = struct kevent;  // the function has the same name

constexpr std::uintptr_t wake_ident = 0;  // EVFILT_USER has numbers of its own
constexpr std::int64_t ns_per_s = 1'000'000'000;
constexpr std::int64_t ns_per_us = 1'000;
constexpr std::int64_t longest_sleep_s = 100'000'000;  // macOS refuses more

static_assert(sizeof(void*) >= sizeof(std::uint64_t), "a token travels in udata");

Event event_for(int fd, short filter, int flags, std::uint64_t token) noexcept {
  Event event;
  EV_SET(&event, static_cast<std::uintptr_t>(fd), filter, static_cast<unsigned short>(flags), 0, 0,
         reinterpret_cast<void*>(static_cast<std::uintptr_t>(token)));
  return event;
}

bool is_socket(int fd) noexcept {
  struct stat about;
  return ::fstat(fd, &about) == 0 && S_ISSOCK(about.st_mode);
}

std::uint32_t events_of(const Event& event) noexcept {
  const bool reads = event.filter == EVFILT_READ;
  std::uint32_t events = reads ? TAU_IN : TAU_OUT;
  if (event.flags & TAU_KQUEUE_PRIORITY) events |= TAU_PRI;
  if (event.flags & EV_EOF) {
    if (reads) events |= TAU_RDHUP;
    if (!reads || !is_socket(static_cast<int>(event.ident))) events |= TAU_HUP;
    if (event.fflags != 0) events |= TAU_ERR;  // the socket's error
  }
  return events;
}

class KqueueReactor final : public ReadinessReactor {
 public:
  KqueueReactor() noexcept : kqueue_(::kqueue()) {}
  ~KqueueReactor() override {
    if (kqueue_ >= 0) ::close(kqueue_);
  }

  /// 0 or -errno.
  int start() noexcept {
    if (kqueue_ < 0 || ::fcntl(kqueue_, F_SETFD, FD_CLOEXEC) < 0) return -errno;
    Event wake;
    EV_SET(&wake, wake_ident, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, nullptr);
    return ::kevent(kqueue_, &wake, 1, nullptr, 0, nullptr) < 0 ? -errno : 0;
  }

  std::string_view name() const noexcept override { return "kqueue"; }

  // `woken_` falls when the trigger was seen, that is, in the poll() that returns for it; a wake() that
  // finds it set before then is answered by that same return.
  void wake() noexcept override {
    if (woken_.exchange(true, std::memory_order_acq_rel)) return;
    const int kept = errno;  // we may be in a signal handler
    Event trigger;
    EV_SET(&trigger, wake_ident, EVFILT_USER, 0, NOTE_TRIGGER, 0, nullptr);
    while (::kevent(kqueue_, &trigger, 1, nullptr, 0, nullptr) < 0 && errno == EINTR) {
    }
    errno = kept;
  }

 protected:
  std::int32_t watch(int fd, std::uint64_t token) noexcept override {
    struct stat about;
    if (::fstat(fd, &about) < 0) return -errno;
    // kqueue tells how far a file's end is, which is not what is asked here.
    if (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode)) return -EPERM;
    keep_watching(fd);
    return settle(fd, token, change_both(fd, EV_ADD | EV_CLEAR, token));
  }

  std::int32_t rewatch(int fd, std::uint64_t token) noexcept override {
    Receipts errors = change_both(fd, EV_ENABLE, token);
    if (errors[0] != 0 && errors[1] != 0) return -errors[0];
    // One side alone was refused when the watch began; the other shows that the file is the same.
    if (errors[0] != 0) errors[0] = change_one(fd, EVFILT_READ, EV_ADD | EV_CLEAR, token);
    if (errors[1] != 0) errors[1] = change_one(fd, EVFILT_WRITE, EV_ADD | EV_CLEAR, token);
    return settle(fd, token, errors);
  }

  void unwatch(int fd) noexcept override {
    if (change_count_ + 2 > changes_.size()) apply_changes();
    for (const short filter : {short{EVFILT_READ}, short{EVFILT_WRITE}}) {
      changes_[change_count_++] = event_for(fd, filter, EV_DELETE, 0);
    }
  }

  void collect(std::int64_t timeout_ns) noexcept override {
    for (const Early& early : early_) ready(early.token, early.events);
    if (!early_.empty()) timeout_ns = 0;
    early_.clear();

    const timespec limit = in_timespec(timeout_ns);
    bool refused_only;
    do {
      const int count = ::kevent(kqueue_, changes_.data(), static_cast<int>(change_count_), events_.data(),
                                 static_cast<int>(events_.size()), timeout_ns < 0 ? nullptr : &limit);
      // A deletion that came too late, its number being closed by then, ends the call without a sleep.
      refused_only = change_count_ != 0 && count > 0;
      change_count_ = 0;
      // Below zero a signal ended the sleep early: its handler may have asked for something.
      for (int i = 0; i < count; ++i) {
        if (events_[i].flags & EV_ERROR) continue;
        refused_only = false;
        take(events_[i]);
      }
    } while (refused_only);
  }

 private:
  using Receipts = std::array<int, 2>;  // errno or 0, for reading and writing
  struct Early {
    std::uint64_t token;
    std::uint32_t events;
  };

  void take(const Event& event) noexcept {
    if (event.filter == EVFILT_USER) {
      woken_.exchange(false, std::memory_order_acq_rel);
    } else {
      ready(static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(event.udata)), events_of(event));
    }
  }

  // EV_RECEIPT has each change answered and no event collected, in the order of the changes.
  Receipts change_both(int fd, int flags, std::uint64_t token) noexcept {
    Event both[2] = {event_for(fd, EVFILT_READ, flags | EV_RECEIPT, token),
                     event_for(fd, EVFILT_WRITE, flags | EV_RECEIPT, token)};
    if (::kevent(kqueue_, both, 2, both, 2, nullptr) != 2) return {errno, errno};
    return {static_cast<int>(both[0].data), static_cast<int>(both[1].data)};
  }
  int change_one(int fd, short filter, int flags, std::uint64_t token) noexcept {
    Event one = event_for(fd, filter, flags | EV_RECEIPT, token);
    return ::kevent(kqueue_, &one, 1, &one, 1, nullptr) == 1 ? static_cast<int>(one.data) : errno;
  }

  /// What a watch comes to when each side was answered: one that only the other side has is a watch too.
  std::int32_t settle(int fd, std::uint64_t token, const Receipts& errors) noexcept {
    const auto fails = [](int error) { return error == ENOMEM || error == EBADF; };
    if ((errors[0] != 0 && errors[1] != 0) || fails(errors[0]) || fails(errors[1])) {
      if (errors[0] == 0 || errors[1] == 0) unwatch(fd);
      return -(errors[0] != 0 ? errors[0] : errors[1]);
    }
    // A pipe whose reader is gone is not watched for writing but refused, which is an event by itself.
    if (errors[1] == EPIPE && !tell_early({token, TAU_OUT | TAU_HUP | TAU_ERR})) {
      unwatch(fd);
      return -ENOMEM;
    }
    return 0;
  }
  bool tell_early(Early early) noexcept {
    try {
      early_.push_back(early);
      return true;
    } catch (...) {
      return false;
    }
  }

  /// Takes back what unwatch() had in mind.
  void keep_watching(int fd) noexcept {
    const auto of_fd = [&](const Event& change) { return change.ident == static_cast<std::uintptr_t>(fd); };
    const auto end = changes_.begin() + change_count_;
    change_count_ = static_cast<std::size_t>(std::remove_if(changes_.begin(), end, of_fd) - changes_.begin());
  }
  void apply_changes() noexcept {
    for (std::size_t i = 0; i < change_count_; ++i) changes_[i].flags |= EV_RECEIPT;
    const int count = static_cast<int>(change_count_);
    ::kevent(kqueue_, changes_.data(), count, changes_.data(), count, nullptr);
    change_count_ = 0;
  }

  /// In whole microseconds, since macOS cuts off the rest: never early.
  static timespec in_timespec(std::int64_t ns) noexcept {
    if (ns <= 0) return {0, 0};
    if (ns / ns_per_s >= longest_sleep_s) return {static_cast<std::time_t>(longest_sleep_s), 0};
    const std::int64_t rounded = (ns + ns_per_us - 1) / ns_per_us * ns_per_us;
    return {static_cast<std::time_t>(rounded / ns_per_s), static_cast<long>(rounded % ns_per_s)};
  }

  int kqueue_;
  std::atomic<bool> woken_{false};
  static_assert(std::atomic<bool>::is_always_lock_free);
  std::vector<Early> early_;  // known before the kernel was asked
  std::size_t change_count_ = 0;
  std::array<Event, 64> changes_;  // deletions that the next collect() makes; fewer than events_ has room for
  std::array<Event, 256> events_;
};

}  // namespace

std::unique_ptr<Reactor> make_kqueue(std::string* why) {
  auto reactor = std::make_unique<KqueueReactor>();
  if (const int status = reactor->start(); status < 0) {
    *why = std::string("kqueue does not start: ") + strerror(-status);
    return nullptr;
  }
  return reactor;
}

}  // namespace tau::host
