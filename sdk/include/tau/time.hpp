// Time: sleeping, deadlines and ticks on the process's one timer wheel.
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
  Sleep(const Sleep&) = delete;
  Sleep& operator=(const Sleep&) = delete;
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
/// now + delay without overflow.
inline TimePoint deadline_after(Duration delay) noexcept {
  TimePoint now = Clock::now();
  if (delay <= Duration::zero()) return now;
  return delay > TimePoint::max() - now ? TimePoint::max() : now + delay;
}
}  // namespace detail

/// Waits until `deadline`.
///
/// Units:     the loop's clock; rounded up to the wheel's tick of 32.8 us, never early.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::time::sleep_until, host/runtime/timer_wheel.hpp
inline Sleep sleep_until(TimePoint deadline) noexcept { return Sleep(deadline); }

/// Waits for `delay`, counted from this call. A delay of zero or less still yields once.
/// See: sleep_until
inline Sleep sleep(Duration delay) noexcept { return Sleep(detail::deadline_after(delay)); }

namespace detail {

/// Runs a Task and a timer; the timer's turn destroys the Task.
template <class T>
class TimeoutAwaiter : tau_timer {
 public:
  TimeoutAwaiter(TimePoint deadline, Task<T> task) noexcept
      : tau_timer{}, target_(deadline), task_(std::move(task)) {}
  TimeoutAwaiter(const TimeoutAwaiter&) = delete;
  ~TimeoutAwaiter() {
    if (previous) tau_sleep_cancel(this);
  }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) noexcept {
    waiter_.set(parent);
    fire = [](tau_timer* self) { static_cast<TimeoutAwaiter*>(self)->expire(); };
    owner = module_owner();
    auto since_epoch = target_.time_since_epoch().count();
    tau_sleep_until(this, since_epoch < 0 ? 0 : static_cast<std::uint64_t>(since_epoch));
    handle_ = task_.release();
    task_ = Task<T>(handle_);
    auto& promise = handle_.promise();
    promise.context = waiter_.context;
    promise.continuation = parent;
    return handle_;
  }
  Result<T> await_resume() {
    if (!task_) return Errc::timed_out;
    tau_sleep_cancel(this);
    if constexpr (std::is_void_v<T>) {
      handle_.promise().take();
      return {};
    } else {
      return handle_.promise().take();
    }
  }

 private:
  void expire() noexcept {
    Context* context = waiter_.context;
    if (context->state & TAU_TASK_RUNNING) {
      // The task nests the loop: its frames are on the stack and cannot be destroyed. Ask again.
      tau_sleep(this, 1'000'000);
      return;
    }
    if (context->resume && !std::exchange(graced_, true)) {
      // What has happened already wins over the deadline, as in tokio; but only once, or a task that
      // is ready at every turn would never time out.
      tau_sleep(this, 1);
      return;
    }
    task_ = Task<T>();
    waiter_.wake();
  }

  TimePoint target_;
  Task<T> task_;
  typename Task<T>::Handle handle_;
  Waiter waiter_;
  bool graced_ = false;
};

}  // namespace detail

/// Runs `task`, but not beyond the deadline.
///
/// Errors:    Errc::timed_out; the task has been destroyed then (I7). Its exceptions pass through.
/// Ownership: takes the task.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::time::timeout
template <class T>
auto timeout_at(TimePoint deadline, Task<T> task) noexcept {
  return detail::TimeoutAwaiter<T>(deadline, std::move(task));
}
template <class T>
auto timeout(Duration limit, Task<T> task) noexcept {
  return timeout_at(detail::deadline_after(limit), std::move(task));
}

}  // namespace tau
