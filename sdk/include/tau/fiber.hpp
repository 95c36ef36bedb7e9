// fiber: a call that blocks in the middle, run on a stack of its own.
//
// Code that is written to block (a library's event loop, a synchronous client on top of block_on) may be called
// from any task as it is: the loop goes on on another stack. A fiber gives such a call a task of its own, so
// that it can be joined and aborted, and a stack of the size it needs.
#pragma once

#include <tau/rt/fiber.h>

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "spawn.hpp"
#include "spawn_blocking.hpp"

namespace tau {
namespace detail {

/// Runs a call that outlives it on a fiber; destroying it unwinds the call.
template <class F, class R>
class FiberAwaiter {
 public:
  FiberAwaiter(F& call, std::size_t stack_size) noexcept : call_(call), stack_size_(stack_size) {}
  FiberAwaiter(const FiberAwaiter&) = delete;
  FiberAwaiter& operator=(const FiberAwaiter&) = delete;
  ~FiberAwaiter() {
    if (fiber_) tau_fiber_destroy(fiber_);
  }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    status_ = tau_fiber_start(module_owner(), stack_size_, &enter, &leave, this, &fiber_);
    if (status_ < 0 || ended_) return false;
    waiter_.set(suspended);
    return true;
  }
  R await_resume() {
    if (status_ < 0) throw BadResultAccess(Error::from_status(status_));
    if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
    if constexpr (!std::is_void_v<R>) return std::move(*value_);
  }

 private:
  static void enter(void* self) noexcept(false) {
    auto& awaiter = *static_cast<FiberAwaiter*>(self);
    try {
      if constexpr (std::is_void_v<R>) {
        awaiter.call_();
      } else {
        awaiter.value_.emplace(awaiter.call_());
      }
    } catch (...) {
      awaiter.exception_ = std::current_exception();
    }
  }
  static void leave(void* self) noexcept {
    auto& awaiter = *static_cast<FiberAwaiter*>(self);
    awaiter.ended_ = true;
    if (awaiter.waiter_.context) awaiter.waiter_.wake();
  }

  F& call_;
  std::size_t stack_size_;
  tau_fiber* fiber_ = nullptr;
  std::int32_t status_ = 0;
  bool ended_ = false;
  Waiter waiter_;
  std::optional<std::conditional_t<std::is_void_v<R>, Nothing, R>> value_;
  std::exception_ptr exception_;
};

}  // namespace detail

namespace fiber {

/// Runs `call` on a stack of its own, as a part of the awaiting task. Inside, block_on and whatever else waits
/// through tau_park suspend the call and nobody else.
///
/// Units:     stack_size in bytes, 0 for 1 MiB; memory is taken as it is touched, the page below it faults.
/// Errors:    exceptions of `call` pass through; BadResultAccess when there is no memory for the stack.
/// Ownership: takes `call`. Destroying the task unwinds the call: destructors on its stack run (I7). What is
///            noexcept cannot be unwound, and a catch (...) must rethrow: see tau/rt/fiber.h.
/// Threading: [loop]
/// Unload:    [drained]: plugin_destroy is the chance to end it, a grace of 100 ms for it to return; then it
///            is unwound. One that cannot be keeps the module mapped, and the host says so.
template <class F>
Task<std::invoke_result_t<F&>> run(F call, std::size_t stack_size = 0) {
  using R = std::invoke_result_t<F&>;
  detail::FiberAwaiter<F, R> awaiter(call, stack_size);
  if constexpr (std::is_void_v<R>) {
    co_await awaiter;
  } else {
    co_return co_await awaiter;
  }
}

/// The same in a task of its own: the handle joins it, aborting it unwinds it.
template <class F>
auto spawn(F call, std::size_t stack_size = 0) {
  return tau::spawn(run(std::move(call), stack_size));
}

}  // namespace fiber
}  // namespace tau
