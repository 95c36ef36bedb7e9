// See timer_fds.hpp.
#include "timer_fds.hpp"

#include <sys/timerfd.h>
#include <tau/rt/abi.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "pollset.hpp"
#include "pollsets.hpp"
#include "runtime/runtime.hpp"

namespace tau::host {
namespace {

constexpr std::uint64_t ns_per_s = 1'000'000'000;

bool is_valid(const timespec& time) noexcept {
  return time.tv_sec >= 0 && time.tv_nsec >= 0 && static_cast<std::uint64_t>(time.tv_nsec) < ns_per_s;
}

std::uint64_t to_ns(const timespec& time) noexcept {
  const auto seconds = static_cast<std::uint64_t>(time.tv_sec);
  if (seconds > TimerFd::never / ns_per_s - 1) return TimerFd::never;
  return seconds * ns_per_s + static_cast<std::uint64_t>(time.tv_nsec);
}

timespec to_timespec(std::uint64_t ns) noexcept {
  return {static_cast<time_t>(ns / ns_per_s), static_cast<long>(ns % ns_per_s)};
}

std::uint64_t sum(std::uint64_t a, std::uint64_t b) noexcept { return a > TimerFd::never - b ? TimerFd::never : a + b; }

// Static destructors may come after the runtime.
std::uint64_t now_ns() noexcept {
  const Runtime* runtime = Runtime::instance();
  return runtime ? runtime->clock.now() : 0;
}

bool on_loop() noexcept {
  const Runtime* runtime = Runtime::instance();
  return runtime && runtime->on_loop();
}

itimerspec setting_of(const TimerFd& timer, std::uint64_t now) noexcept {
  const std::uint64_t due = timer.due_ns(timer.expirations(now));
  return {to_timespec(timer.period_ns), to_timespec(due == TimerFd::never ? 0 : due - now)};
}

}  // namespace

TimerFds& timer_fds() noexcept {
  static auto* all = new TimerFds;  // threads may outlive main()
  return *all;
}

// ---- one timer's arithmetic ------------------------------------------------------------------------

std::uint64_t TimerFd::expirations(std::uint64_t now_ns) const noexcept {
  if (first_ns == never || now_ns < first_ns) return 0;
  return period_ns == 0 ? 1 : 1 + (now_ns - first_ns) / period_ns;
}

std::uint64_t TimerFd::due_ns(std::uint64_t count) const noexcept {
  if (first_ns == never) return never;
  if (count == 0) return first_ns;
  return period_ns == 0 ? never : sum(first_ns, count * period_ns);
}

std::uint64_t TimerFds::next_ns(const TimerFd& timer, bool edge) noexcept {
  const std::lock_guard lock(mutex_);
  if (!timer.attached) return TimerFd::never;
  return timer.due_ns(edge ? std::max(timer.told, timer.taken) : timer.taken);
}

void TimerFds::reported(TimerFd& timer) noexcept {
  const std::lock_guard lock(mutex_);
  timer.told = timer.expirations(now_ns());
}

// ---- libc's calls ----------------------------------------------------------------------------------

int TimerFds::create(int clock, int flags) noexcept {
  const int fd = ::timerfd_create(clock, flags);
  if (fd < 0) return -errno;
  // Others can be set forward and backward, or wake a machine that sleeps.
  if (clock != CLOCK_MONOTONIC) return fd;
  try {
    auto timer = std::make_shared<TimerFd>();
    timer->fd = fd;
    timer->nonblocking = flags & TFD_NONBLOCK;
    const std::lock_guard lock(mutex_);
    timers_[fd] = std::move(timer);
    count_.store(timers_.size());
    Pollsets::mark(fd);
  } catch (const std::bad_alloc&) {
    // It stays the kernel's.
  }
  return fd;
}

void TimerFd::set_to(std::uint64_t now_ns, int flags, const itimerspec& value) noexcept {
  const std::uint64_t time = to_ns(value.it_value);
  first_ns = time == 0 ? never : flags & TFD_TIMER_ABSTIME ? time : sum(now_ns, time);
  period_ns = to_ns(value.it_interval);
  taken = told = 0;
  changed();
}

int TimerFds::set(int fd, int flags, const itimerspec* value, itimerspec* old) noexcept {
  const std::shared_ptr<TimerFd> timer = find(fd);
  if (timer) {
    std::unique_lock lock(mutex_);
    const bool ours = timer->attached && on_loop();
    if (ours && value && !(flags & ~TFD_TIMER_ABSTIME) && is_valid(value->it_value) && is_valid(value->it_interval)) {
      const std::uint64_t now = now_ns();
      if (old) *old = setting_of(*timer, now);
      const std::uint64_t before = timer->due_ns(timer->taken);
      timer->set_to(now, flags, *value);
      const std::shared_ptr<Pollset> told = timer->first_ns < before ? timer->set.lock() : nullptr;
      lock.unlock();
      if (told) told->timer_changed();
      return 0;
    }
    const bool was_attached = timer->attached;
    lock.unlock();
    if (was_attached) make_real_for_good(timer);
  }
  const std::uint64_t before = timer ? now_ns() : 0;
  if (::timerfd_settime(fd, flags, value, old) < 0) return -errno;
  if (timer) {
    const std::lock_guard lock(mutex_);
    timer->set_to(before, flags, *value);
  }
  return 0;
}

int TimerFds::get(int fd, itimerspec* value) noexcept {
  if (const std::shared_ptr<TimerFd> timer = find(fd); timer && value) {
    const std::lock_guard lock(mutex_);
    if (timer->attached) {
      *value = setting_of(*timer, now_ns());
      return 0;
    }
  }
  return ::timerfd_gettime(fd, value) < 0 ? -errno : 0;
}

std::ptrdiff_t TimerFds::read(int fd, void* buffer, std::size_t size) noexcept {
  if (count_.load() == 0) return TAU_E_NOT_FOUND;
  const std::shared_ptr<TimerFd> timer = find(fd);
  if (!timer) return TAU_E_NOT_FOUND;
  bool was_attached;
  {
    const std::lock_guard lock(mutex_);
    was_attached = timer->attached;
    if (was_attached && size < sizeof(std::uint64_t)) return -EINVAL;
    const std::uint64_t count = timer->expirations(now_ns());
    if (const std::uint64_t fresh = count - timer->taken; was_attached && fresh != 0) {
      timer->taken = count;
      timer->changed();
      std::memcpy(buffer, &fresh, sizeof fresh);
      return sizeof fresh;
    }
    if (was_attached && timer->nonblocking) return -EAGAIN;
  }
  if (was_attached) make_real_for_good(timer);  // the caller blocks
  const ssize_t got = ::read(fd, buffer, size);
  if (got < 0) return -errno;
  const std::lock_guard lock(mutex_);
  timer->taken = timer->expirations(now_ns());
  return got;
}

void TimerFds::duplicated(int fd) noexcept {
  if (count_.load() == 0) return;
  if (const std::shared_ptr<TimerFd> timer = find(fd)) make_real_for_good(timer);
}

void TimerFds::closing(int fd) noexcept {
  if (count_.load() == 0) return;
  const std::lock_guard lock(mutex_);
  const auto found = timers_.find(fd);
  if (found == timers_.end()) return;
  found->second->attached = false;  // there is no descriptor to arm any more
  found->second->changed();
  timers_.erase(found);
  count_.store(timers_.size());
}

// ---- whose it is -----------------------------------------------------------------------------------

std::shared_ptr<TimerFd> TimerFds::find(int fd) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = timers_.find(fd);
  return found == timers_.end() ? nullptr : found->second;
}

std::shared_ptr<TimerFd> TimerFds::attach(int fd, std::weak_ptr<Pollset> set) noexcept {
  if (count_.load() == 0) return nullptr;
  const Clock& clock = Runtime::instance()->clock;
  const std::lock_guard lock(mutex_);
  const auto found = timers_.find(fd);
  if (found == timers_.end() || !clock.is_the_systems()) return nullptr;
  TimerFd& timer = *found->second;
  if (timer.real_for_good || timer.attached) return nullptr;
  constexpr itimerspec disarmed{};
  if (::timerfd_settime(fd, 0, &disarmed, nullptr) < 0) return nullptr;
  timer.set = std::move(set);
  timer.attached = true;
  timer.changed();
  return found->second;
}

void TimerFds::make_real(TimerFd& timer) noexcept {
  if (!std::exchange(timer.attached, false)) return;
  timer.set.reset();
  timer.changed();
  const std::uint64_t now = now_ns();
  const bool unread = timer.expirations(now) != timer.taken;
  if (timer.first_ns == TimerFd::never) return;
  itimerspec setting = setting_of(timer, now);
  if (unread) setting.it_value = {0, 1};
  if (setting.it_value.tv_sec != 0 || setting.it_value.tv_nsec != 0) ::timerfd_settime(timer.fd, 0, &setting, nullptr);
}

bool TimerFds::is_attached(const TimerFd& timer) noexcept {
  const std::lock_guard lock(mutex_);
  return timer.attached;
}

void TimerFds::detach(TimerFd& timer) noexcept {
  const std::lock_guard lock(mutex_);
  make_real(timer);
}

void TimerFds::make_real(int fd) noexcept {
  const std::lock_guard lock(mutex_);
  if (const auto found = timers_.find(fd); found != timers_.end()) make_real(*found->second);
}

/// The set has the reactor watch it.
void TimerFds::make_real_for_good(const std::shared_ptr<TimerFd>& timer) noexcept {
  std::shared_ptr<Pollset> set;
  {
    const std::lock_guard lock(mutex_);
    timer->real_for_good = true;
    set = timer->set.lock();
    make_real(*timer);
  }
  if (set) set->watch_again(timer->fd);
}

void TimerFds::make_all_real() noexcept {
  std::vector<std::shared_ptr<TimerFd>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [fd, timer] : timers_) all.push_back(timer);
  }
  for (const auto& timer : all) make_real_for_good(timer);
}

}  // namespace tau::host
