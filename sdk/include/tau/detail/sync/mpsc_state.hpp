// What the two ends of an mpsc channel share. An unbounded channel is one with more permits than memory.
//
// A permit is room for one value: a sender takes one, the queue holds it, the receiver gives it back. So
// permits + values in the queue + permits in senders' hands are the capacity at any moment, which is how a
// closed channel knows that nothing more will come.
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

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
  std::size_t weak_senders = 0;
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

  std::size_t count_senders() noexcept {
    Hold hold(*this, tau_on_loop_thread());
    return senders;
  }
  std::size_t count_weak_senders() noexcept {
    Hold hold(*this, tau_on_loop_thread());
    return weak_senders;
  }

  void tell_receiver(Hold& hold) noexcept { hold.wake_all(receiving, Stage::granted); }

  /// Puts a value where a permit is held for it. Throws what T's move throws, or std::bad_alloc; the
  /// permit is still held then.
  void push(Hold& hold, T& value) {
    queue.push(std::move(value));
    if (!receiving.empty()) tell_receiver(hold);
  }

  /// Moves up to `n` values to the end of `out`, which has room for them. Throws what T's move throws; `out` has
  /// those before then.
  std::size_t pop_many(Hold& hold, std::vector<T>& out, std::size_t n) {
    struct Freed {
      MpscState& state;
      Hold& hold;
      std::size_t n = 0;
      ~Freed() { state.permits.release(hold, n); }
    } freed{*this, hold};
    for (; freed.n < n && !queue.empty(); ++freed.n) queue.pop([&](T&& value) { out.push_back(std::move(value)); });
    return freed.n;
  }
  /// The queue is not empty. Throws what T's move throws; nothing has changed then.
  void pop_into(Hold& hold, std::optional<T>& out) {
    queue.pop([&](T&& value) { out.emplace(std::move(value)); });
    permits.release(hold, 1);
  }

  /// For a thread: waits until there is something, or never will be. False: another waits already.
  bool await_value(Hold& hold) noexcept {
    if (!queue.empty() || finished()) return true;
    if (!receiving.empty()) return false;
    BlockedThread thread;
    hold.block(thread, receiving);
    return true;
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

  void senders_gone(Hold& hold) noexcept {
    if (finished()) tell_receiver(hold);
  }
  void weak_senders_gone(Hold&) noexcept {}
  static void drop_receiver(MpscState* state) noexcept {
    std::optional<BlockQueue<T>> left;  // what was never received is destroyed outside the lock
    leave_state(state, tau_on_loop_thread(), [&](Hold& hold) {
      state->close(hold);
      state->permits.release(hold, state->queue.size());
      left.emplace(std::move(state->queue));
      state->receiver_gone = true;
      state->tell_receiver(hold);
    });
  }
};

/// A reference that counts as a sender: the channel does not end while it lives.
template <class T>
using MpscSenderRef = StateRef<MpscState<T>, OneOf<MpscState<T>, &MpscState<T>::senders, &MpscState<T>::senders_gone>>;
/// One that only counts itself.
template <class T>
using MpscWeakRef =
    StateRef<MpscState<T>, OneOf<MpscState<T>, &MpscState<T>::weak_senders, &MpscState<T>::weak_senders_gone>>;

/// A sender again, unless the last has gone: then an empty one. [any]
template <class T>
MpscSenderRef<T> mpsc_upgrade(MpscState<T>& state) noexcept {
  Hold hold(state, tau_on_loop_thread());
  return state.senders == 0 ? MpscSenderRef<T>() : MpscSenderRef<T>::share(&state, hold);
}

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
class MpscRecv : public Onlooker<MpscState<T>> {
 public:
  explicit MpscRecv(MpscState<T>* state) noexcept : Onlooker<MpscState<T>>(state) {}

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
      return this->wait_in(state.receiving, suspended);
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

/// Room in `out` for what waits now, `limit` at most; and then as many as are still there. Author's types are
/// moved under the lock, but only out of the queue: the vector grows outside of it.
template <class T>
Result<std::size_t> mpsc_take_many(MpscState<T>& state, bool on_loop, std::vector<T>& out, std::size_t limit) {
  std::size_t n;
  bool finished;
  {
    Hold hold(state, on_loop);
    n = std::min(limit, state.queue.size());
    finished = state.finished();
  }
  if (out.capacity() - out.size() < n) out.reserve(std::max(out.size() + n, 2 * out.capacity()));
  if (n != 0) {
    Hold hold(state, on_loop);
    n = state.pop_many(hold, out, n);
  }
  if (n != 0 || limit == 0) return n;
  if (finished) return Errc::closed;
  return Errc::busy;  // somebody else took them
}

/// Receives what there is, when there is something.
template <class T>
class [[nodiscard("values are received by co_await")]] MpscRecvMany : public Onlooker<MpscState<T>> {
 public:
  MpscRecvMany(MpscState<T>* state, std::vector<T>* out, std::size_t limit) noexcept
      : Onlooker<MpscState<T>>(state), out_(out), limit_(limit) {}

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    MpscState<T>& state = *this->state_;
    Hold hold(state, true);
    if (limit_ == 0 || !state.queue.empty() || state.finished()) return this->stay(suspended);
    busy_ = !state.receiving.empty();
    return !busy_ && this->wait_in(state.receiving, suspended);
  }
  // Whatever comes of it, the destructor ends its stay.
  Result<std::size_t> await_resume() {
    if (busy_) return Errc::busy;
    return mpsc_take_many(*this->state_, true, *out_, limit_);
  }

 private:
  std::vector<T>* out_;
  std::size_t limit_;
  bool busy_ = false;
};

}  // namespace tau::detail::sync
