// Task: a coroutine that has not been started, and who owns it.
//
// A Task starts when it is awaited or spawned. Whoever holds it owns its frame; destroying it destroys
// the frame with everything that waits inside, and that is what cancelling means (I7).
#pragma once

#include <coroutine>
#include <type_traits>
#include <utility>

#include "detail/promise.hpp"
#include "result.hpp"

namespace tau {

/// A lazily started coroutine that returns T.
///
/// Ownership: owns its frame; move-only. Awaiting keeps ownership with the awaiting expression.
/// Errors:    an exception leaves through the await, inside one module; spawn() catches it.
/// Threading: created on any thread; awaited, resumed and destroyed on the loop's.
/// Unload:    [drained] when spawned; a Task kept in an object is that object's to destroy.
template <class T = void>
class [[nodiscard("a Task does nothing until it is awaited or spawned")]] Task {
  static_assert(!std::is_reference_v<T>, "a Task returns a value; return a pointer to refer to something");

 public:
  struct promise_type : detail::Promise<T> {
    Task get_return_object() noexcept { return Task(Handle::from_promise(*this)); }
  };
  using Handle = std::coroutine_handle<promise_type>;
  using value_type = T;

  Task() noexcept = default;
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() { reset(); }

  /// Takes over a frame that release() gave up.
  explicit Task(Handle handle) noexcept : handle_(handle) {}

  explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

  /// Gives up the frame: the caller destroys it.
  Handle release() noexcept { return std::exchange(handle_, nullptr); }

  /// Runs it as a part of the awaiting task.
  auto operator co_await() && noexcept { return Awaiter(handle_); }
  auto operator co_await() & = delete;  // co_await std::move(task): a Task runs once

 private:
  class Awaiter {
   public:
    explicit Awaiter(Handle handle) noexcept : handle_(handle) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) noexcept {
      auto& promise = handle_.promise();
      promise.context = parent.promise().context;
      promise.continuation = parent;
      return handle_;
    }
    T await_resume() { return handle_.promise().take(); }

   private:
    Handle handle_;
  };

  void reset() noexcept {
    if (handle_) std::exchange(handle_, nullptr).destroy();
  }

  Handle handle_;
};

}  // namespace tau
