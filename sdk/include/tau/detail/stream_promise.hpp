// What a Stream's coroutine runs on: a context of its own, and the two ways to ask it for an item.
//
// next() (StreamWait) runs it in its own context, so the wait may be dropped and taken up by somebody else.
// pull() runs it in the context of an adaptor that owns it.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "../result.hpp"
#include "../task.hpp"
#include "branch.hpp"
#include "promise.hpp"

namespace tau {

template <class T>
class Stream;

namespace detail {

class StreamPromise;

/// The wait of whoever asked for the next item.
class StreamWait {
 protected:
  explicit StreamWait(StreamPromise* stream) noexcept : stream_(stream) {}
  StreamWait(StreamWait&& other) noexcept : stream_(other.stream_) {}
  ~StreamWait();

  StreamPromise* stream_;  // null when it was destroyed, or there was none
  Waiter waiter_;
  bool waits_ = false;

  friend class StreamPromise;
};

/// What does not depend on the items' type: the stream's context, and who waits for it.
class StreamPromise : tau_task {
 public:
  StreamPromise() noexcept : tau_task{nullptr, nullptr, &fns_, 0, TAU_TASK_BRANCH}, frame_{{&resumed, nullptr}, this} {}
  StreamPromise(const StreamPromise&) = delete;
  ~StreamPromise() {
    if (wait_) end_wait();
  }

  /// Its own, or that of the adaptor that pulls.
  Context* context = this;

  static void* operator new(std::size_t size) { return PromiseBase::operator new(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { PromiseBase::operator delete(frame, size); }

  /// Stops with an item, or at the end; an adaptor that waited goes on.
  struct Settle {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> suspended) const noexcept {
      StreamPromise& stream = suspended.promise();
      stream.settled_ = true;
      if (!stream.puller_) return std::noop_coroutine();
      stream.forward_ = nullptr;
      return std::exchange(stream.puller_, nullptr);
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  Settle final_suspend() noexcept {
    ended_ = true;
    return {};
  }
  void unhandled_exception() noexcept { exception_ = std::current_exception(); }
  void return_void() const noexcept {}

  bool has_ended() const noexcept { return ended_; }

  /// Runs for an adaptor, whose coroutine goes on if this is false, or else when there is an item.
  bool pull(Context* consumer, std::coroutine_handle<> puller) noexcept {
    void* at = self_;
    if (settled_) [[likely]] {
      settled_ = false;
      context = consumer;
      if (consumer->budget <= 1) {
        puller_ = puller;
        schedule(consumer, std::coroutine_handle<>::from_address(at));
        return true;
      }
      --consumer->budget;
    } else {
      // Somebody's next() was dropped in the middle of a wait: its wake goes on to the adaptor.
      forward_ = consumer;
      budget = consumer->budget;
      at = std::exchange(resume, nullptr);
    }
    if (at) std::coroutine_handle<>::from_address(at).resume();
    if (settled_) {
      forward_ = nullptr;
      return false;
    }
    puller_ = puller;
    return true;
  }

 protected:
  friend class StreamWait;

  /// `wait` asks for an item: true when it has to wait.
  bool ask(StreamWait* wait) noexcept {
    if (ended_) return false;
    wait_ = wait;
    wait->waits_ = true;
    Context* consumer = wait->waiter_.context;
    if (settled_) {
      settled_ = false;
      context = this;
      resume = self_;
    }
    if (!resume) return true;
    if (consumer->budget <= 1) {
      queue();
      return true;
    }
    --consumer->budget;
    return !go_on();
  }

  /// Where its coroutine begins, or goes on after an item.
  void* self_ = nullptr;
  std::exception_ptr exception_;

 private:
  struct Frame : PseudoFrame {
    StreamPromise* stream;
  };

  /// Runs until it waits, or has an item or its end: true, and nobody waits any more.
  bool go_on() noexcept {
    Context* consumer = wait_->waiter_.context;
    budget = consumer->budget;
    state |= TAU_TASK_RUNNING;
    std::coroutine_handle<>::from_address(std::exchange(resume, nullptr)).resume();
    state &= ~std::uint32_t{TAU_TASK_RUNNING};
    consumer->budget = budget;
    if (settled_) {
      wait_->waits_ = false;
      wait_ = nullptr;
      return true;
    }
    if (resume) queue();
    return false;
  }
  void queue() noexcept {
    schedule(wait_->waiter_.context, std::coroutine_handle<>::from_address(static_cast<PseudoFrame*>(&frame_)));
  }
  void end_wait() noexcept {
    wait_->stream_ = nullptr;
    wait_->waits_ = false;
    wait_->waiter_.wake();
  }

  static void resumed(PseudoFrame* frame) noexcept {
    StreamPromise* stream = static_cast<Frame*>(frame)->stream;
    std::coroutine_handle<> consumer = stream->wait_->waiter_.handle;
    if (stream->resume && stream->go_on()) consumer.resume();
  }
  static std::int32_t woken(tau_task* self) noexcept {
    auto* stream = static_cast<StreamPromise*>(self);
    if (stream->forward_) {
      stream->budget = TAU_TASK_BUDGET;
      schedule(stream->forward_, std::coroutine_handle<>::from_address(std::exchange(stream->resume, nullptr)));
    } else if (stream->wait_ && !(stream->state & TAU_TASK_RUNNING)) {
      stream->queue();
    }
    return TAU_PENDING;
  }
  static constexpr tau_task_fns fns_{&woken, nullptr};

  bool settled_ = true;  // has an item, or has not begun: the coroutine waits for nothing
  bool ended_ = false;
  StreamWait* wait_ = nullptr;
  std::coroutine_handle<> puller_;
  Context* forward_ = nullptr;
  Frame frame_;
};

inline StreamWait::~StreamWait() {
  if (waits_) stream_->wait_ = nullptr;
}

template <class T>
class StreamPromiseOf : public StreamPromise {
 public:
  Stream<T> get_return_object() noexcept;

  /// Stops with an item that the coroutine keeps.
  class Yield : public StreamPromise::Settle {
   public:
    Yield(StreamPromiseOf& stream, T* item) noexcept { stream.item_ = item; }
  };
  /// The same with a copy, or what was converted.
  class YieldValue : public StreamPromise::Settle {
   public:
    template <class U>
    YieldValue(StreamPromiseOf& stream, U&& value) : value_(std::forward<U>(value)) {
      stream.item_ = std::addressof(value_);
    }
    YieldValue(const YieldValue&) = delete;

   private:
    T value_;
  };

  Yield yield_value(T&& item) noexcept { return Yield(*this, std::addressof(item)); }
  YieldValue yield_value(const T& item) { return YieldValue(*this, item); }
  template <class U>
    requires(std::is_convertible_v<U &&, T> && !std::is_same_v<std::remove_cvref_t<U>, T>)
  YieldValue yield_value(U&& item) {
    return YieldValue(*this, std::forward<U>(item));
  }

  using StreamPromise::ask;
  std::optional<T> take() {
    if (T* item = take_item()) return std::move(*item);
    return std::nullopt;
  }
  /// The item, where the coroutine keeps it until it goes on; null at the end.
  T* take_item() {
    if (has_ended()) return rethrow();
    return std::exchange(item_, nullptr);
  }

 private:
  friend class Stream<T>;

  T* rethrow() {
    if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
    return nullptr;
  }

  T* item_ = nullptr;
};

template <class T>
class [[nodiscard("an item is waited for by co_await")]] Next : StreamWait {
 public:
  explicit Next(StreamPromiseOf<T>* stream) noexcept : StreamWait(stream) {}
  /// Until it is awaited.
  Next(Next&&) noexcept = default;
  Next& operator=(Next&&) = delete;

  bool await_ready() const noexcept { return !stream_; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    waiter_.set(suspended);
    return static_cast<StreamPromiseOf<T>*>(stream_)->ask(this);
  }
  std::optional<T> await_resume() {
    if (!stream_) return std::nullopt;
    return static_cast<StreamPromiseOf<T>*>(stream_)->take();
  }
};

/// An adaptor's way to the next item: a pointer to where it lies, until the next pull.
template <class T>
class [[nodiscard]] Pull {
 public:
  explicit Pull(StreamPromiseOf<T>* stream) noexcept : stream_(stream) {}
  bool await_ready() const noexcept { return !stream_ || stream_->has_ended(); }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    return stream_->pull(suspended.promise().context, suspended);
  }
  T* await_resume() { return stream_ ? stream_->take_item() : nullptr; }

 private:
  StreamPromiseOf<T>* stream_;
};

/// For a coroutine that owns `stream`, and asks it in no other way.
template <class T>
Pull<T> pull(Stream<T>& stream) noexcept {
  return Pull<T>(stream.promise());
}

/// What an adaptor may be given to call: GCC 12 duplicates a temporary closure that owns something where
/// its expression contains co_await, so that one is given by its name.
template <class F>
concept StreamCallable = std::is_lvalue_reference_v<F> || std::is_trivially_copyable_v<F>;

template <class F, class... A>
using Called = std::remove_cvref_t<std::invoke_result_t<std::decay_t<F>&, A...>>;

template <class T>
inline constexpr bool is_result_item = false;
template <class T>
inline constexpr bool is_result_item<Result<T>> = true;
/// T of a Result<T>.
template <class T>
using SuccessOf = typename T::value_type;
template <class T>
struct TaskOf;
template <class T>
struct TaskOf<Task<T>> {
  using type = T;
};

}  // namespace detail
}  // namespace tau
