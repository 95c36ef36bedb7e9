// JoinHandle: the right to a spawned task's result. AbortHandle: the right to end it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "detail/root.hpp"

namespace tau {

using TaskId = tau_task_id;

/// Ends a task from anywhere.
///
/// Ownership: holds an id only; a stale one finds nothing.
/// Threading: [any]
/// Unload:    [inert]
/// See:       tokio::task::AbortHandle
class AbortHandle {
 public:
  AbortHandle() noexcept = default;
  explicit AbortHandle(TaskId id) noexcept : id_(id) {}

  /// The task is destroyed at its next turn, or at its next suspension if it runs right now. Asking
  /// twice, or after its end, is harmless.
  void abort() const noexcept {
    if (id_) tau_abort(id_);
  }
  TaskId id() const noexcept { return id_; }

 private:
  TaskId id_ = 0;
};

/// Owns the result of a spawned task.
///
/// Await it once: `Result<T> r = co_await handle;` with Errc::canceled if the task was aborted or its
/// plugin unloaded, Errc::threw if it ended with an exception (text: what()).
///
/// Ownership: dropping the handle detaches the task, which goes on.
/// Threading: [loop], but for abort_handle() and destruction, which are [any].
/// Unload:    [inert]: it may outlive the task's plugin, and then reads canceled.
/// See:       tokio::task::JoinHandle
template <class T>
class [[nodiscard("dropping a JoinHandle detaches the task; call detach() to say so")]] JoinHandle {
 public:
  JoinHandle() noexcept = default;
  explicit JoinHandle(TaskId id) noexcept : id_(id), joinable_(id != 0) {}
  JoinHandle(JoinHandle&& other) noexcept
      : id_(other.id_), joinable_(std::exchange(other.joinable_, false)) {}
  JoinHandle& operator=(JoinHandle&& other) noexcept {
    if (this != &other) {
      detach();
      id_ = other.id_;
      joinable_ = std::exchange(other.joinable_, false);
    }
    return *this;
  }
  ~JoinHandle() { detach(); }

  TaskId task_id() const noexcept { return id_; }
  AbortHandle abort_handle() const noexcept { return AbortHandle(id_); }
  void abort() const noexcept { abort_handle().abort(); }

  /// Whether it has ended, in whatever way. [loop]
  bool is_finished() const noexcept {
    if (!joinable_) return true;
    std::int32_t state = tau_task_state(id_);
    return state < 0 || (state & TAU_TASK_FINISHED);
  }

  /// Lets the task go on without anybody to join it.
  void detach() noexcept {
    if (std::exchange(joinable_, false)) tau_detach(id_);
  }

  /// Text of the exception that ended the task, once the await said Errc::threw. [loop]
  std::string what() const {
    std::string text;
    std::int32_t length = joinable_ ? tau_task_message(id_, nullptr, 0) : 0;
    if (length > 0) {
      text.resize(static_cast<std::size_t>(length));
      tau_task_message(id_, text.data(), text.size());
    }
    return text;
  }

  /// The result if the task has ended; empty while it runs. [loop]
  std::optional<Result<T>> try_join() noexcept(std::is_nothrow_move_constructible_v<T> || std::is_void_v<T>) {
    if (!joinable_) return Result<T>(Errc::canceled);
    void* data = nullptr;
    std::int32_t status = tau_join_take(id_, &data);
    if (status == TAU_PENDING) return std::nullopt;
    return take(status, data);
  }

  auto operator co_await() noexcept { return Awaiter(*this); }

 private:
  class Awaiter : tau_wait {
   public:
    explicit Awaiter(JoinHandle& handle) noexcept : tau_wait{}, handle_(handle) {}
    Awaiter(const Awaiter&) = delete;
    ~Awaiter() {
      if (linked) tau_join_cancel(handle_.id_, this);
    }

    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
      if (!handle_.joinable_) return false;
      waiter_.set(suspended);
      fire = [](tau_wait* self) { static_cast<Awaiter*>(self)->waiter_.wake(); };
      owner = detail::module_owner();
      detail::Context* const context = waiter_.context;
      if (context->budget > 1) [[likely]] {
        status_ = tau_join_release(handle_.id_, this, &data_);
        if (status_ == TAU_PENDING) return true;
        --context->budget;
        return false;
      }
      // Nothing is taken over before the task goes on: until then the other may be unloaded.
      status_ = tau_join(handle_.id_, this);
      if (status_ != TAU_PENDING) waiter_.wake();
      return true;
    }
    Result<T> await_resume() {
      if (!handle_.joinable_) return Errc::canceled;
      if (status_ >= 0 && !data_) status_ = tau_join_release(handle_.id_, nullptr, &data_);
      if (data_) return handle_.own(data_);
      if (status_ == TAU_READY) status_ = tau_join_take(handle_.id_, &data_);
      return handle_.take(status_, data_);
    }

   private:
    JoinHandle& handle_;
    detail::Waiter waiter_;
    std::int32_t status_ = TAU_PENDING;
    void* data_ = nullptr;  // of a task that was handed over
  };

  /// The result of a task whose frame was handed over.
  Result<T> own(void* data) {
    joinable_ = false;
    struct Destroy {
      typename detail::Root<T>::Handle frame;
      ~Destroy() { frame.destroy(); }
    } const destroy_afterwards{detail::Root<T>::handle(data)};
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return destroy_afterwards.frame.promise().take();
    }
  }

  /// Of one whose frame was not: the task is given up here.
  Result<T> take(std::int32_t status, void* data) {
    if (status == TAU_E_THREW) return Errc::threw;  // stays joinable for what()
    if (status != TAU_OK) {
      joinable_ = false;
      return status == TAU_E_STALE ? Error(Errc::canceled) : Error::from_status(status);
    }
    struct Detach {
      JoinHandle& handle;
      ~Detach() { handle.detach(); }
    } detach_afterwards{*this};
    auto& promise = detail::Root<T>::handle(data).promise();
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return promise.take();
    }
  }

  TaskId id_ = 0;
  bool joinable_ = false;
};

}  // namespace tau
