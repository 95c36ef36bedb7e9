// TimerFds: timers that are descriptors (timerfd), without the kernel's counting where nobody needs it.
//
// An event loop that keeps its timers in a timerfd sets it anew at each expiry, a system call or two each time, only
// to be told by epoll what its set could as well look up: when the next one is due. So while a timerfd is watched by
// one shared Pollset and by nobody else, its time is kept here, the kernel's timer is disarmed, and a wait at the set
// ends in time for it. Setting, asking and reading it are calls without a system call.
//
// It is the kernel's again ("real") as soon as something comes up that needs that: it leaves the set, the set becomes
// one of threads, another thread sets it, it is duplicated, the host's clock is not the system's. The last three for
// good. What stays unseen is code that gets at the number by other ways than the seam's functions (fcntl(F_DUPFD), a
// poll(2) for it): there it looks like one that has not expired.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "runtime/atomic.hpp"

struct itimerspec;

namespace tau::host {

class Pollset;
struct TimerFd;

/// Threading: [any] unless it says otherwise.
class TimerFds {
 public:
  /// As timerfd_create; knows the timer from here on. The descriptor or -errno.
  int create(int clock, int flags) noexcept;
  /// As the calls of libc. 0 or -errno.
  int set(int fd, int flags, const itimerspec* value, itimerspec* old) noexcept;
  int get(int fd, itimerspec* value) noexcept;
  /// Stores how often it expired. The size, -errno, or TAU_E_NOT_FOUND: it is no timer that we know.
  std::ptrdiff_t read(int fd, void* buffer, std::size_t size) noexcept;
  /// There is another number for the same.
  void duplicated(int fd) noexcept;
  void closing(int fd) noexcept;

  /// From now on `set` counts for it. Null: the reactor has to watch it. [loop]
  std::shared_ptr<TimerFd> attach(int fd, std::weak_ptr<Pollset> set) noexcept;
  bool is_attached(const TimerFd& timer) noexcept;
  void detach(TimerFd& timer) noexcept;
  /// It is the kernel's now; one that is no timer of ours is none of our business.
  void make_real(int fd) noexcept;
  /// All of them, for good: the clock is about to be stopped.
  void make_all_real() noexcept;

  /// When it is to be reported next; in the past if it should have been. `edge`: not for what was reported before.
  std::uint64_t next_ns(const TimerFd& timer, bool edge) noexcept;
  void reported(TimerFd& timer) noexcept;

 private:
  std::shared_ptr<TimerFd> find(int fd) noexcept;
  void make_real(TimerFd& timer) noexcept;
  void make_real_for_good(const std::shared_ptr<TimerFd>& timer) noexcept;

  std::mutex mutex_;  // may be taken inside a set's, never the other way round
  std::unordered_map<int, std::shared_ptr<TimerFd>> timers_;
  Atomic<std::size_t> count_{0};
};

/// One timer; under the lock of all.
struct TimerFd {
  static constexpr std::uint64_t never = UINT64_MAX;

  int fd = -1;
  bool nonblocking = false;
  bool real_for_good = false;
  std::weak_ptr<Pollset> set;
  bool attached = false;

  // In the runtime's time; also while the kernel counts, so that nothing is lost on the way from there.
  std::uint64_t first_ns = never;   // when it expires, or has expired, for the first time since it was set
  std::uint64_t period_ns = 0;
  std::uint64_t taken = 0;          // expirations that were read
  std::uint64_t told = 0;           // that were reported
  Atomic<std::uint64_t> soonest_ns{never};  // not later than next_ns(); to be looked at without the lock

  std::uint64_t expirations(std::uint64_t now_ns) const noexcept;
  /// After `count` expirations.
  std::uint64_t due_ns(std::uint64_t count) const noexcept;
  void set_to(std::uint64_t now_ns, int flags, const itimerspec& value) noexcept;
  void changed() noexcept { soonest_ns.store(attached ? due_ns(taken) : never, std::memory_order_relaxed); }
};

/// The process's. [any]
TimerFds& timer_fds() noexcept;

}  // namespace tau::host
