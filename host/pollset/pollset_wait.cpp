// See pollset.hpp. Waiting, on the loop's thread and on others.
#include <signal.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "entry.hpp"
#include "fiber/fibers.hpp"
#include "fiber/parking.hpp"
#include "pollset.hpp"
#include "runtime/runtime.hpp"
#include "runtime/threads.hpp"

namespace tau::host {
namespace {

// How long a foreign loop may go on asking without letting the loop turn.
constexpr std::uint64_t breath_ns = 50'000;
// Events that are taken from a kernel's set at once.
constexpr int batch = 256;

std::uint64_t deadline_of(Runtime& runtime, std::int64_t timeout_ns) noexcept {
  if (timeout_ns < 0) return UINT64_MAX;
  const std::uint64_t now = runtime.clock.now();
  const auto timeout = static_cast<std::uint64_t>(timeout_ns);
  return timeout < UINT64_MAX - now ? now + timeout : UINT64_MAX;
}

}  // namespace

std::int32_t Pollset::wait(Owner& caller, tau_poll_event* events, int capacity, std::int64_t timeout_ns,
                           const void* sigmask) {
  if (capacity <= 0) return -EINVAL;
  if (!runtime_.on_loop()) return wait_on_thread(caller, events, capacity, timeout_ns, sigmask);
  if (is_shared()) [[likely]] return wait_shared(caller, events, capacity, timeout_ns);
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return -EBADF;
    if (mode_ == Mode::undecided) {
      if (runtime_.reactor.readiness_is_cheap()) {
        become_shared();
      } else {
        become_own();
      }
    }
  }
  return is_shared() ? wait_shared(caller, events, capacity, timeout_ns)
                     : wait_own(caller, events, capacity, timeout_ns);
}

// ---- shared ----------------------------------------------------------------------------------------

std::int32_t Pollset::wait_shared(Owner& caller, tau_poll_event* events, int capacity, std::int64_t timeout_ns) {
  const std::uint64_t deadline = timeout_ns == 0 ? 0 : deadline_of(runtime_, timeout_ns);
  std::shared_ptr<Pollset> alive;
  for (bool rested = false;; rested = true) {
    if (unsettled_.load(std::memory_order_acquire)) [[unlikely]] settle_others();
    if (ended_) return -EBADF;
    if (!is_shared()) break;
    if (!harvested_.empty()) look_again();

    bool breathe = false;
    std::uint64_t timer_due = soonest_timer();
    // The time is asked for only if it matters.
    if (timer_due != UINT64_MAX || timeout_ns >= 0 || ready_head_) {
      const std::uint64_t now = runtime_.clock.now();
      if (timer_due <= now) timer_due = ask_timers(now);
      if (std::exchange(has_turned_, false)) last_turn_ns_ = now;
      breathe = now - last_turn_ns_ >= breath_ns && (ready_head_ || timeout_ns == 0);
      if (!breathe) {
        const int count = harvest(events, capacity);
        if (count != 0 || timeout_ns == 0 || (rested && now >= deadline)) return count;
      }
    }
    const std::uint64_t until = breathe ? 0 : std::min(deadline, timer_due);
    if (!alive) alive = shared_from_this();
    if (!runtime_.sleep_in_place(until)) {
      if (const std::int32_t status = park_at(caller, until, !breathe); status < 0) return status;
    }
    has_turned_ = true;
  }
  return wait_own(caller, events, capacity, timeout_ns);
}

/// Leaves the caller's stack until `until`, or until something comes if it is to be `woken`. -errno or 0.
std::int32_t Pollset::park_at(Owner& caller, std::uint64_t until, bool woken) {
  struct Queued : Waiter {
    Pollset& set;
    explicit Queued(Pollset& set) noexcept : set(set) {}
    ~Queued() { set.leave(*this); }
  } waiter(*this);
  if (woken) queue(waiter);
  const std::int32_t status = park(runtime_, caller, waiter.parker, until);
  return status < 0 && status != TAU_E_TIMED_OUT ? -ENOMEM : 0;
}

// ---- its own, on the loop --------------------------------------------------------------------------

// Its descriptor becomes readable when anything in it is ready; threads may wait for it as well.
std::int32_t Pollset::wait_own(Owner& caller, tau_poll_event* events, int capacity, std::int64_t timeout_ns) {
  const auto alive = shared_from_this();
  const std::uint64_t deadline = deadline_of(runtime_, timeout_ns);
  for (bool rested = false;; rested = true) {
    const std::uint64_t now = runtime_.clock.now();
    if (rested) last_turn_ns_ = now;
    const bool breathe = now - last_turn_ns_ >= breath_ns;
    {
      const std::lock_guard lock(mutex_);
      if (ended_) return -EBADF;  // its number may be another's by now
      if (own_handle_ == 0) {
        const std::int32_t status = runtime_.reactor.add(&owner_of_watches(), set_, &own_handle_);
        if (status < 0) return status;
      }
      // A foreign loop that asks without sleeping is told of what is new a moment later.
      if (timeout_ns == 0 && !breathe && !rested && now - last_asked_ns_ < breath_ns) return 0;
      if (!breathe) {
        runtime_.reactor.clear(own_handle_, TAU_IN);  // before the question: what comes after it is remembered
        epoll_event found[batch];
        const int count = ::epoll_wait(set_, found, std::min(capacity, batch), 0);
        if (count < 0) return -errno;
        last_asked_ns_ = count == 0 ? now : 0;
        const int copied = copy(found, count, events);
        if (copied == 0 && count != 0) return -EBADF;
        if (copied != 0 || timeout_ns == 0 || now >= deadline) return copied;
      }
    }
    if (!breathe) {
      if (const std::int32_t status = sleep_own(caller, deadline); status < 0) return status;
    } else if (!runtime_.sleep_in_place(0)) {
      if (const std::int32_t status = park_at(caller, 0, false); status < 0) return status;
    }
  }
}

/// Until something in it may be ready, it has ended, or `deadline`.
std::int32_t Pollset::sleep_own(Owner& caller, std::uint64_t deadline) {
  struct Readable : tau_fd_wait {
    Pollset& set;
    Waiter waiter;

    explicit Readable(Pollset& set) noexcept : tau_fd_wait{}, set(set) {
      interest = TAU_IN;
      owner = &owner_of_watches();
      done = [](tau_fd_wait* self) {
        auto& readable = *static_cast<Readable*>(self);
        unpark(readable.set.runtime_, readable.waiter.parker);
      };
    }
    ~Readable() {
      if (set.runtime_.reactor.cancel_wait(this)) --owner->fd_waits;
      set.leave(waiter);
    }
  } readable(*this);
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return -EBADF;
    if (runtime_.reactor.wait_ready(own_handle_, &readable) != TAU_PENDING) return 0;
    ++readable.owner->fd_waits;
    queue(readable.waiter);
  }
  while (runtime_.sleep_in_place(deadline)) {
    if (is_notified(readable.waiter.parker) || runtime_.clock.now() >= deadline) return 0;
  }
  const std::int32_t status = park(runtime_, caller, readable.waiter.parker, deadline);
  return status < 0 && status != TAU_E_TIMED_OUT ? -ENOMEM : 0;
}

// ---- on other threads ------------------------------------------------------------------------------

std::int32_t Pollset::wait_on_thread(Owner& caller, tau_poll_event* events, int capacity, std::int64_t timeout_ns,
                                     const void* sigmask) {
  const auto alive = shared_from_this();
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return ended_for(caller);
    if (mode_ != Mode::own) become_own();
  }
  epoll_event found[batch];
  const int most = std::min(capacity, batch);
  const auto* mask = static_cast<const sigset_t*>(sigmask);
  const timespec timeout{static_cast<time_t>(timeout_ns / 1'000'000'000), static_cast<long>(timeout_ns % 1'000'000'000)};
  int count = ::epoll_pwait2(set_, found, most, timeout_ns < 0 ? nullptr : &timeout, mask);
  if (count < 0 && (errno == ENOSYS || errno == EPERM)) {
    const std::int64_t ms = timeout_ns < 0 ? -1 : std::min<std::int64_t>((timeout_ns + 999'999) / 1'000'000, INT32_MAX);
    count = ::epoll_pwait(set_, found, most, static_cast<int>(ms), mask);
  }
  if (count < 0) return -errno;
  const int copied = copy(found, count, events);
  if (copied == count) return count;
  return copied != 0 ? copied : ended_for(caller);
}

/// What a thread is told that waits at a set that has ended. Its plugin may be about to go: then it has to leave.
std::int32_t Pollset::ended_for(Owner& caller) const {
  if (threads::is_asked_to_leave(caller)) throw Unwinding{};
  return -EBADF;
}

/// Without the bell's. Returns how many.
int Pollset::copy(const epoll_event* found, int count, tau_poll_event* events) const noexcept {
  int copied = 0;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = found[i];
    if (event.data.u64 != bell_data()) events[copied++] = {event.events, 0, event.data.u64};
  }
  return copied;
}

}  // namespace tau::host
