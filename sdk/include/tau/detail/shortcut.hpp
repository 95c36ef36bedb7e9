// Shortcut: an awaitable that first tries to do without waiting, and only makes a coroutine if that fails.
// What a buffer holds is then read at the price of a function call.
#pragma once

#include <coroutine>
#include <optional>
#include <utility>

#include "../task.hpp"

namespace tau::detail {

/// `attempt` returns std::optional<T>; `start` returns Task<T>. Both refer to what outlives the await.
template <class T, class Attempt, class Start>
class [[nodiscard("nothing happens until this is awaited")]] Shortcut {
 public:
  Shortcut(Attempt attempt, Start start) noexcept : attempt_(attempt), start_(start) {}
  Shortcut(const Shortcut&) = delete;
  Shortcut& operator=(const Shortcut&) = delete;

  bool await_ready() {
    value_ = attempt_();
    return value_.has_value();
  }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) {
    handle_ = start_().release();
    task_ = Task<T>(handle_);
    handle_.promise().context = parent.promise().context;
    handle_.promise().continuation = parent;
    return handle_;
  }
  T await_resume() {
    if (value_) return *std::move(value_);
    return handle_.promise().take();
  }

 private:
  Attempt attempt_;
  Start start_;
  std::optional<T> value_;
  Task<T> task_;
  typename Task<T>::Handle handle_;
};

template <class T, class Attempt, class Start>
Shortcut<T, Attempt, Start> shortcut(Attempt attempt, Start start) noexcept {
  return Shortcut<T, Attempt, Start>(attempt, start);
}

}  // namespace tau::detail
