// Promise: the part of a coroutine that the sdk owns.
//
// Frames come from the plugin's slab in the host, named by the module's owner token, so that they are
// accounted for and freed wholesale. A finished coroutine transfers to whoever awaits it; a root has
// nobody and marks its context as ended.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <optional>
#include <utility>

#include "context.hpp"
#include "module.hpp"

namespace tau::detail {

class PromiseBase {
 public:
  Context* context = nullptr;
  std::coroutine_handle<> continuation;
  std::exception_ptr exception;

  static void* operator new(std::size_t size) {
    void* frame = tau_frame_alloc(module_owner(), size);
    if (!frame) throw std::bad_alloc();
    return frame;
  }
  static void operator delete(void* frame, std::size_t size) noexcept { tau_frame_free(frame, size); }

  struct Final {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> finished) const noexcept {
      PromiseBase& promise = finished.promise();
      if (promise.continuation) return promise.continuation;
      promise.context->resume = ended(promise.context);
      return std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  Final final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { exception = std::current_exception(); }

  void rethrow() {
    if (exception) std::rethrow_exception(std::exchange(exception, nullptr));
  }
};

template <class T>
class Promise : public PromiseBase {
 public:
  template <class U>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() {
    rethrow();
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class Promise<void> : public PromiseBase {
 public:
  void return_void() const noexcept {}
  void take() { rethrow(); }
};

}  // namespace tau::detail
