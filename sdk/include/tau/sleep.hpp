// Sleep: the clock, and waiting for it on the process's one timer wheel.
#pragma once

#include <tau/rt/timer.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <utility>

#include "spawn.hpp"

namespace tau {

using Duration = std::chrono::nanoseconds;

/// The clock that timers use: CLOCK_MONOTONIC, or the virtual clock of a test. [any] [inert]
struct Clock {
  using duration = Duration;
  using rep = Duration::rep;
  using period = Duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept {
    return time_point(Duration(static_cast<Duration::rep>(tau_now())));
  }
};
using TimePoint = Clock::time_point;

/// Awaitable returned by sleep() and sleep_until().
///
/// Ownership: holds its timer; destroying it disarms.
/// Threading: [loop]
/// Unload:    [drained]
class [[nodiscard("a Sleep does nothing until it is awaited")]] Sleep : tau_timer {
 public:
  explicit Sleep(TimePoint deadline) noexcept : tau_timer{}, target_(deadline) {}
  /// Until it is awaited.
  Sleep(Sleep&& other) noexcept : Sleep(other.target_) {}
  Sleep& operator=(Sleep&&) = delete;
  ~Sleep() {
    if (previous) tau_sleep_cancel(this);
  }

  TimePoint deadline() const noexcept { return target_; }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    waiter_.set(suspended);
    fire = [](tau_timer* self) { static_cast<Sleep*>(self)->waiter_.wake(); };
    owner = detail::module_owner();
    auto since_epoch = target_.time_since_epoch().count();
    return tau_sleep_until(this, since_epoch < 0 ? 0 : static_cast<std::uint64_t>(since_epoch)) == TAU_OK;
  }
  void await_resume() const noexcept {}

 private:
  TimePoint target_;
  detail::Waiter waiter_;
};

namespace detail {
inline TimePoint deadline_after(Duration delay) noexcept {
  const Duration::rep count = delay.count();
  const std::uint64_t deadline = tau_deadline_after(count <= 0 ? 0 : static_cast<std::uint64_t>(count));
  const auto last = static_cast<std::uint64_t>(Duration::max().count());
  return TimePoint(Duration(static_cast<Duration::rep>(deadline < last ? deadline : last)));
}
}  // namespace detail

/// Waits until `deadline`.
///
/// Units:     the loop's clock; rounded up to the wheel's tick of 32.8 us, never early. Where nearly every tick has a
///            timer, those of eight ticks are woken for together.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::time::sleep_until, host/runtime/timer_wheel.hpp
inline Sleep sleep_until(TimePoint deadline) noexcept { return Sleep(deadline); }

/// Waits for `delay`, counted from this call. A delay of zero or less still yields once; a long one, of 8 s and more
/// where the system's clock ticks every 4 ms, ends one or two such ticks later.
/// See: sleep_until
inline Sleep sleep(Duration delay) noexcept { return Sleep(detail::deadline_after(delay)); }

}  // namespace tau
