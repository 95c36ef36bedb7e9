// What the two ends of an mpsc channel share. An unbounded channel is one with more permits than memory.
//
// A permit is room for one value: a sender takes one, the queue holds it, the receiver gives it back. So
// permits + values in the queue + permits in senders' hands are the capacity at any moment, which is how a
// closed channel knows that nothing more will come.
#pragma once

#include <cstddef>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "block_queue.hpp"
#include "permits.hpp"
#include "until_closed.hpp"

namespace tau::detail::sync {

inline constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max() / 2;

template <class T>
struct MpscState : Core {
  Permits permits;
  const std::size_t capacity;
  std::size_t senders = 1;
  BlockQueue<T> queue;
  WaitList receiving;      // at most one
  WaitList until_closed;   // senders that wait in closed()
  bool receiver_gone = false;

  /// With a reference for each end.
  explicit MpscState(std::size_t most) : Core(2), permits(most), capacity(most) {}

  bool closed() const noexcept { return permits.closed(); }
  /// Nothing more will come.
  bool finished() const noexcept {
    if (!queue.empty()) return false;
    return receiver_gone || ((senders == 0 || closed()) && permits.available() == capacity);
  }

  void tell_receiver(Hold& hold) noexcept { hold.wake_all(receiving, Stage::granted); }

  /// Puts a value where a permit is held for it. Throws what T's move throws, or std::bad_alloc; the
  /// permit is still held then.
  void push(Hold& hold, T& value) {
    queue.push(std::move(value));
    if (!receiving.empty()) tell_receiver(hold);
  }

  /// The queue is not empty. Throws what T's move throws; nothing has changed then.
  void pop_into(Hold& hold, std::optional<T>& out) {
    queue.pop_into(out);
    permits.release(hold, 1);
  }

  void give_back(Hold& hold, std::size_t n) noexcept {
    permits.release(hold, n);
    if (finished()) tell_receiver(hold);
  }

  void close(Hold& hold) noexcept {
    if (closed()) return;
    permits.close(hold);
    hold.wake_all(until_closed, Stage::ended);
    if (finished()) tell_receiver(hold);
  }

  void drop_sender(Hold& hold) noexcept {
    if (--senders == 0 && finished()) tell_receiver(hold);
  }
  /// Takes what was never received, to be destroyed outside the lock.
  void drop_receiver(Hold& hold, std::optional<BlockQueue<T>>& left) noexcept {
    permits.close(hold);
    hold.wake_all(until_closed, Stage::ended);
    permits.release(hold, queue.size());
    left.emplace(std::move(queue));
    receiver_gone = true;
    tell_receiver(hold);
  }
};

/// A reference that counts as a sender: the channel does not end while it lives.
template <class T>
class SenderRef {
 public:
  using State = MpscState<T>;

  SenderRef() noexcept = default;
  /// Takes over a reference and a sender that are counted already.
  explicit SenderRef(State* counted) noexcept : state_(counted) {}
  SenderRef(const SenderRef& other) noexcept : state_(other.state_) {
    if (!state_) return;
    Hold hold(*state_, tau_on_loop_thread());
    ++state_->refs;
    ++state_->senders;
  }
  SenderRef(SenderRef&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  SenderRef& operator=(SenderRef other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~SenderRef() { reset(); }

  State* operator->() const noexcept { return state_; }
  State& operator*() const noexcept { return *state_; }
  State* get() const noexcept { return state_; }
  State* release() noexcept { return std::exchange(state_, nullptr); }
  void reset() noexcept {
    if (State* const state = release()) {
      leave_state(state, tau_on_loop_thread(), [&](Hold& hold) { state->drop_sender(hold); });
    }
  }

 private:
  State* state_ = nullptr;
};

/// Sends one value when there is room.
template <class T>
class MpscSend : public Acquire<MpscState<T>> {
  using Base = Acquire<MpscState<T>>;

 public:
  MpscSend(MpscState<T>* state, T&& value) : Base(state, 1), value_(std::move(value)) {}

  // Most values go at once: then one hold of the lock does for permit and value.
  template <class Promise>
  __attribute__((always_inline)) bool await_suspend(std::coroutine_handle<Promise> suspended) {
    MpscState<T>& state = *this->state_;
    {
      Hold hold(state, true);
      if (state.permits.available() != 0 && !state.closed() && take_budget(suspended.promise().context))
          [[likely]] {
        state.push(hold, value_);
        state.permits.take(1);
        sent_ = true;
        return false;
      }
    }
    return wait(suspended);
  }
  __attribute__((always_inline)) Result<void> await_resume() {
    if (sent_) [[likely]] return {};
    return send_granted();
  }

 private:
  template <class Promise>
  __attribute__((noinline)) bool wait(std::coroutine_handle<Promise> suspended) noexcept {
    return Base::await_suspend(suspended);
  }
  // The permit was waited for.
  __attribute__((noinline)) Result<void> send_granted() {
    if (this->stage == Stage::idle) return Errc::closed;
    bool sent = false;
    std::exception_ptr thrown;
    this->exit([&](Hold& hold, Stage was) {
      if (was != Stage::granted) return;
      MpscState<T>& state = *this->state_;
      if (state.closed()) return state.give_back(hold, 1);
      try {
        state.push(hold, value_);
        sent = true;
      } catch (...) {
        thrown = std::current_exception();
        state.give_back(hold, 1);
      }
    });
    if (thrown) std::rethrow_exception(std::move(thrown));
    if (!sent) return Errc::closed;
    return {};
  }

  T value_;
  bool sent_ = false;
};

/// Receives one value when there is one.
template <class T>
class MpscRecv : public Place<MpscState<T>> {
 public:
  explicit MpscRecv(MpscState<T>* state) noexcept : Place<MpscState<T>>(state) {}
  ~MpscRecv() {
    if (this->stage != Stage::idle) this->exit([](Hold&, Stage) {});
  }

  template <class Promise>
  __attribute__((always_inline)) bool await_suspend(std::coroutine_handle<Promise> suspended) {
    MpscState<T>& state = *this->state_;
    Hold hold(state, true);
    if (!state.queue.empty()) [[likely]] {
      if (take_budget(suspended.promise().context)) [[likely]] {
        state.pop_into(hold, value_);
        return false;
      }
    } else if (!state.finished()) {
      if (!state.receiving.empty()) {
        error_ = Errc::busy;
        return false;
      }
      this->enter_waiting(suspended);
      state.receiving.push_back(*this);
      return true;
    } else {
      return false;
    }
    // There is a value, and it stays in the queue until this task's next turn.
    this->enter(Stage::granted);
    schedule(suspended.promise().context, suspended);
    return true;
  }
  __attribute__((always_inline)) Result<T> await_resume() {
    if (value_) [[likely]] return std::move(*value_);
    return receive_late();
  }

 private:
  __attribute__((noinline)) Result<T> receive_late() {
    if (this->stage != Stage::idle) receive();
    if (value_) return std::move(*value_);
    return error_;
  }
  void receive() {
    std::exception_ptr thrown;
    this->exit([&](Hold& hold, Stage) {
      MpscState<T>& state = *this->state_;
      if (state.queue.empty()) {
        if (!state.finished()) error_ = Errc::busy;  // somebody else took it
        return;
      }
      try {
        state.pop_into(hold, value_);
      } catch (...) {
        thrown = std::current_exception();
      }
    });
    if (thrown) std::rethrow_exception(std::move(thrown));
  }

  std::optional<T> value_;
  Errc error_ = Errc::closed;
};

}  // namespace tau::detail::sync
