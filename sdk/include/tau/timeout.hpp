// Timeout: an awaitable, but not beyond a deadline.
#pragma once

#include <utility>

#include "detail/awaited.hpp"
#include "sleep.hpp"
#include "task.hpp"

namespace tau {
namespace detail {

/// Runs a Task and a timer; the timer's turn destroys the Task. Both wait in the same context: only one
/// of them goes on.
template <class T>
class [[nodiscard("timeout() does nothing until it is awaited")]] TaskTimeout : tau_timer {
 public:
  TaskTimeout(TimePoint deadline, Task<T> task) noexcept
      : tau_timer{}, target_(deadline), task_(std::move(task)) {}
  TaskTimeout(TaskTimeout&& other) noexcept : TaskTimeout(other.target_, std::move(other.task_)) {}
  ~TaskTimeout() {
    if (previous) tau_sleep_cancel(this);
  }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) noexcept {
    waiter_.set(parent);
    fire = [](tau_timer* self) { static_cast<TaskTimeout*>(self)->expire(); };
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

/// The same for whatever else can be awaited: a branch and a timer.
template <class A>
class [[nodiscard("timeout() does nothing until it is awaited")]] Timeout : Driver, tau_timer {
  using Value = typename Awaited<A>::Value;

 public:
  Timeout(TimePoint deadline, A&& awaitable)
      : Driver(&ended), tau_timer{}, target_(deadline), branch_(std::forward<A>(awaitable)) {}
  Timeout(Timeout&& other)
      : Driver(&ended), tau_timer{}, target_(other.target_), branch_(std::move(other.branch_)) {}
  ~Timeout() {
    close();
    disarm();
  }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    begin(suspended);
    if (start(branch_, 0, [this] { branch_.start(); })) return false;
    fire = [](tau_timer* self) { static_cast<Timeout*>(self)->expire(); };
    owner = module_owner();
    auto since_epoch = target_.time_since_epoch().count();
    tau_sleep_until(this, since_epoch < 0 ? 0 : static_cast<std::uint64_t>(since_epoch));
    suspend();
    return true;
  }
  Result<Value> await_resume() {
    if (expired_) return Errc::timed_out;
    if constexpr (std::is_void_v<Value>) {
      branch_.take();
      return {};
    } else {
      return branch_.take();
    }
  }

 private:
  static bool ended(Driver* driver, Branch*) noexcept {
    auto* self = static_cast<Timeout*>(driver);
    self->close();
    self->disarm();
    return true;
  }
  void disarm() noexcept {
    if (previous) tau_sleep_cancel(this);
  }
  void expire() noexcept {
    // As above: frames on the stack cannot be destroyed, and what has happened already wins, once.
    if (branch_.state & TAU_TASK_RUNNING) {
      tau_sleep(this, 1'000'000);
    } else if (branch_.resume && !std::exchange(graced_, true)) {
      tau_sleep(this, 1);
    } else {
      expired_ = true;
      finish();
      branch_.destroy();
    }
  }

  TimePoint target_;
  Awaited<A> branch_;
  bool expired_ = false;
  bool graced_ = false;
};

}  // namespace detail

/// Awaits `awaitable`, but not beyond the deadline: `Result<T> r = co_await timeout(5s, rx.recv());`
/// What is ready at once is handed on even if the deadline has passed.
///
/// Errors:    Errc::timed_out; the awaitable has been destroyed then (I7). Its exceptions pass through.
/// Ownership: takes what can be moved; the rest is borrowed until the full expression ends.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::time::timeout
template <class T>
detail::TaskTimeout<T> timeout_at(TimePoint deadline, Task<T> task) noexcept {
  return detail::TaskTimeout<T>(deadline, std::move(task));
}
template <class A>
  requires detail::Awaitable<A&&>
detail::Timeout<A> timeout_at(TimePoint deadline, A&& awaitable) {
  return detail::Timeout<A>(deadline, std::forward<A>(awaitable));
}
/// The same, counted from this call; a long one ends up to two ticks of the system late, as with sleep.
template <class T>
detail::TaskTimeout<T> timeout(Duration limit, Task<T> task) noexcept {
  return detail::TaskTimeout<T>(detail::deadline_after(limit), std::move(task));
}
template <class A>
  requires detail::Awaitable<A&&>
detail::Timeout<A> timeout(Duration limit, A&& awaitable) {
  return detail::Timeout<A>(detail::deadline_after(limit), std::forward<A>(awaitable));
}

}  // namespace tau
