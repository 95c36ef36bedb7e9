// epoll: watches are edge-triggered and persistent, sleeping takes nanoseconds.
//
// epoll knows a watch by file and number together. Adding a number whose old file is closed therefore
// succeeds, and changing it fails with ENOENT: that is how a reused number is found out. If the old file
// lives on elsewhere (a child process has it), its watch lives on too and cannot be taken back any more;
// its events carry a token that nobody knows. So: deregister before close.
// See epoll(7), "Will closing a file descriptor cause it to be removed from all epoll sets?".
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <climits>
#include <ctime>

#include "backends.hpp"
#include "readiness.hpp"

namespace tau::host {
namespace {

// The bits of the C ABI are epoll's own.
static_assert(int{TAU_IN} == int{EPOLLIN} && int{TAU_PRI} == int{EPOLLPRI} && int{TAU_OUT} == int{EPOLLOUT} &&
              int{TAU_ERR} == int{EPOLLERR} && int{TAU_HUP} == int{EPOLLHUP} &&
              int{TAU_RDHUP} == int{EPOLLRDHUP});

constexpr std::uint32_t everything = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET;
constexpr std::uint64_t wake_token = ~std::uint64_t{0};  // no descriptor is -1
constexpr std::int64_t ns_per_s = 1'000'000'000;
constexpr std::int64_t ns_per_ms = 1'000'000;

class EpollReactor final : public ReadinessReactor {
 public:
  EpollReactor() noexcept
      : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  ~EpollReactor() override {
    if (wake_ >= 0) ::close(wake_);
    if (epoll_ >= 0) ::close(epoll_);
  }

  /// 0 or -errno.
  int start() noexcept {
    if (epoll_ < 0 || wake_ < 0) return -errno;
    // The kernel may let this thread sleep 50 us longer than it asked for, more than a tick of the timer wheel.
    ::prctl(PR_SET_TIMERSLACK, 1'000ul);
    epoll_event event{EPOLLIN | EPOLLET, {.u64 = wake_token}};
    return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) < 0 ? -errno : 0;
  }

  std::string_view name() const noexcept override { return "epoll"; }

  // The eventfd is edge-triggered and never read: each write is an edge, and 2^64 of them do not
  // happen. `woken_` falls when the edge was seen, that is, in the poll() that returns for it; a wake()
  // that finds it set before then is answered by that same return.
  void wake() noexcept override {
    if (woken_.exchange(true, std::memory_order_acq_rel)) return;
    const int kept = errno;  // we may be in a signal handler
    const std::uint64_t one = 1;
    while (::write(wake_, &one, sizeof one) < 0 && errno == EINTR) {
    }
    errno = kept;
  }

 protected:
  std::int32_t watch(int fd, std::uint64_t token) noexcept override {
    const std::int32_t status = control(EPOLL_CTL_ADD, fd, token);
    // The same file under the same number, watched under a token that was forgotten.
    return status == -EEXIST ? control(EPOLL_CTL_MOD, fd, token) : status;
  }
  std::int32_t rewatch(int fd, std::uint64_t token) noexcept override {
    return control(EPOLL_CTL_MOD, fd, token);
  }
  void unwatch(int fd) noexcept override { control(EPOLL_CTL_DEL, fd, 0); }

  void collect(std::int64_t timeout_ns) noexcept override {
    const int count = sleep(timeout_ns);
    for (int i = 0; i < count; ++i) {
      if (events_[i].data.u64 == wake_token) {
        woken_.exchange(false, std::memory_order_acq_rel);
      } else {
        ready(events_[i].data.u64, events_[i].events);
      }
    }
  }

 private:
  std::int32_t control(int operation, int fd, std::uint64_t token) noexcept {
    epoll_event event{everything, {.u64 = token}};
    return ::epoll_ctl(epoll_, operation, fd, &event) < 0 ? -errno : 0;
  }

  /// A signal ends the sleep early: its handler may have asked for something.
  int sleep(std::int64_t timeout_ns) noexcept {
    const int capacity = static_cast<int>(events_.size());
    if (fine_timeouts_ && timeout_ns > 0) {
      const timespec timeout{timeout_ns / ns_per_s, timeout_ns % ns_per_s};
      const int count = ::epoll_pwait2(epoll_, events_.data(), capacity, &timeout, nullptr);
      // Linux before 5.11 has it not; some sandboxes answer what they do not know with EPERM.
      if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
      fine_timeouts_ = false;
    }
    return ::epoll_wait(epoll_, events_.data(), capacity, milliseconds(timeout_ns));
  }

  static int milliseconds(std::int64_t ns) noexcept {
    if (ns <= 0) return ns < 0 ? -1 : 0;
    const std::int64_t ms = ns / ns_per_ms + (ns % ns_per_ms != 0);  // never early
    return ms > INT_MAX ? INT_MAX : static_cast<int>(ms);
  }

  int epoll_;
  int wake_;
  bool fine_timeouts_ = true;
  std::atomic<bool> woken_{false};
  static_assert(std::atomic<bool>::is_always_lock_free);
  std::array<epoll_event, 256> events_;
};

}  // namespace

std::unique_ptr<Reactor> make_epoll(std::string* why) {
  auto reactor = std::make_unique<EpollReactor>();
  if (const int status = reactor->start(); status < 0) {
    *why = std::string("epoll does not start: ") + strerror(-status);
    return nullptr;
  }
  return reactor;
}

}  // namespace tau::host
