// mpsc: a queue from many senders to one receiver.
//
//   auto [tx, rx] = tau::mpsc::channel<Job>(128);
//   co_await tx.send(std::move(job));             // waits for room
//   while (auto job = co_await rx.recv()) ...     // until all senders are gone
//
// The ends may be in different tasks, plugins and threads. Whichever goes first, by being dropped or with
// its plugin, the other sees Errc::closed; what was sent before is still received. The channel itself
// belongs to nobody's module (detail/sync/core.hpp), so an end may go anywhere that its T may: it is
// Transferable if T is.
#pragma once

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "../detail/sync/mpsc_state.hpp"
#include "../result.hpp"

namespace tau::mpsc {

template <class T>
class Sender;
template <class T>
class UnboundedSender;
template <class T>
class Receiver;
template <class T>
class Permits;

}  // namespace tau::mpsc

namespace tau::detail::sync {
template <class T, class End>
class MpscSender;
}

namespace tau::mpsc {

/// Room for one value in a bounded channel: what reserve() gives.
///
/// Ownership: dropping it unused gives the room back.
/// Threading: [any]
/// Unload:    [inert] if T is.
/// See:       tokio::sync::mpsc::OwnedPermit
template <class T>
class [[nodiscard("dropping a Permit gives it back")]] Permit {
 public:
  /// Sends; needs no waiting. If the receiver is gone the value is dropped. Throws what T's move throws.
  void send(T value) && {
    auto held = std::move(held_);
    {
      detail::sync::Hold hold(*held.state(), tau_on_loop_thread());
      if (held.state()->receiver_gone) return;
      held.state()->push(hold, value);
    }
    held.forget();
  }

 private:
  template <class U>
  friend class Sender;
  template <class U>
  friend class Permits;
  using State = detail::sync::MpscState<T>;

  explicit Permit(detail::sync::Held<State> held) noexcept : held_(std::move(held)) {}

  detail::sync::Held<State> held_;
};

/// Room for several: what reserve_many() gives. `while (auto permit = room.next()) ...`
///
/// Ownership, threading, unload: as Permit.
/// See:       tokio::sync::mpsc::PermitIterator
template <class T>
class [[nodiscard("dropping Permits gives them back")]] Permits {
 public:
  /// One of them; empty when none is left.
  std::optional<Permit<T>> next() noexcept {
    if (remaining() == 0) return std::nullopt;
    return Permit<T>(held_.split(1));
  }
  std::size_t remaining() const noexcept { return held_ ? held_.count() : 0; }

 private:
  template <class U>
  friend class Sender;
  using Held = detail::sync::Held<detail::sync::MpscState<T>>;

  explicit Permits(Held held) noexcept : held_(std::move(held)) {}

  Held held_;
};

/// An end that sends nothing and keeps nothing open, until it is made a sender again.
///
/// Ownership: a copy is another one. The channel ends without regard to them.
/// Threading: [any]
/// Unload:    [inert] if T is.
/// See:       tokio::sync::mpsc::WeakSender
template <class T, class End>
class Weak {
 public:
  using tau_shared_handle = void;  // see detail/transferable.hpp

  /// Errors: Errc::closed: the last sender has gone.
  Result<End> upgrade() const noexcept {
    auto strong = detail::sync::mpsc_upgrade(*state_);
    if (!strong) return Errc::closed;
    return End(std::move(strong));
  }
  std::size_t strong_count() const noexcept { return state_->count_senders(); }
  std::size_t weak_count() const noexcept { return state_->count_weak_senders(); }

 private:
  friend class detail::sync::MpscSender<T, End>;

  explicit Weak(detail::sync::MpscState<T>* state) noexcept
      : state_(detail::sync::MpscWeakRef<T>::share(state)) {}

  detail::sync::MpscWeakRef<T> state_;
};
template <class T>
using WeakSender = Weak<T, Sender<T>>;
template <class T>
using WeakUnboundedSender = Weak<T, UnboundedSender<T>>;

}  // namespace tau::mpsc

namespace tau::detail::sync {

/// What the senders of both kinds of channel have in common.
template <class T, class End>
class MpscSender {
 public:
  using tau_shared_handle = void;  // see detail/transferable.hpp

  /// Waits until the receiver is closed or dropped.
  auto closed() noexcept { return UntilClosed<MpscState<T>>(state_.get()); }
  bool is_closed() const noexcept {
    Hold hold(*state_, tau_on_loop_thread());
    return state_->closed();
  }
  mpsc::Weak<T, End> downgrade() const noexcept { return mpsc::Weak<T, End>(state_.get()); }
  /// Senders, and weak ones, of this channel.
  std::size_t strong_count() const noexcept { return state_->count_senders(); }
  std::size_t weak_count() const noexcept { return state_->count_weak_senders(); }
  bool same_channel(const End& other) const noexcept { return state_.get() == other.state_.get(); }

 protected:
  explicit MpscSender(MpscSenderRef<T> state) noexcept : state_(std::move(state)) {}

  MpscSenderRef<T> state_;
};

}  // namespace tau::detail::sync

namespace tau::mpsc {

/// An end that sends, of a channel that holds a limited number of values.
///
/// Ownership: a copy is another sender; the channel ends with the last.
/// Threading: copies, drops and what is not awaited: [any]. Awaits: [loop].
/// Unload:    [inert] if T is. What it awaits borrows it.
/// See:       tokio::sync::mpsc::Sender
template <class T>
class Sender : public detail::sync::MpscSender<T, Sender<T>> {
  using State = detail::sync::MpscState<T>;
  using Base = detail::sync::MpscSender<T, Sender>;
  using Held = detail::sync::Held<State>;
  using Base::state_;

  template <class P>
  class [[nodiscard("a permit is waited for by co_await")]] Reserve : public detail::sync::Acquire<State> {
   public:
    Reserve(State* state, std::size_t n) noexcept : detail::sync::Acquire<State>(state, n) {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
      return possible() && detail::sync::Acquire<State>::await_suspend(suspended);
    }
    Result<P> await_resume() noexcept {
      if (!possible()) return Errc::invalid;
      if (!this->take()) return Errc::closed;
      return P(Held(this->state_, this->wanted));
    }

   private:
    bool possible() const noexcept { return this->wanted <= this->state_->capacity; }
  };

 public:
  /// Waits for room, first come first served. `Result<void> sent = co_await tx.send(value);`
  ///
  /// Errors: Errc::closed: the receiver was closed or dropped, and so is the value. Throws what T's move
  ///         throws.
  /// Cancel: the value was not sent.
  auto send(T value) { return detail::sync::MpscSend<T>(state_.get(), std::move(value)); }

  /// The same without waiting; `value` is moved from only on success.
  /// Errors: Errc::would_block: no room. Errc::closed.
  Result<void> try_send(T&& value) {
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    if (state_->closed()) return Errc::closed;
    if (state_->permits.available() == 0) return Errc::would_block;
    state_->push(hold, value);
    state_->permits.take(1);
    return {};
  }
  Result<void> try_send(const T& value)
    requires std::is_copy_constructible_v<T>
  {
    return try_send(T(value));
  }

  /// The same for a thread, which waits for the loop: whoever joins the thread on the loop waits for ever.
  /// Errors: Errc::closed; Errc::wrong_thread on the loop's. [blocking]
  Result<void> blocking_send(T value) {
    Result<Permit<T>> permit = blocking_reserve();
    if (!permit) return permit.error();
    std::move(*permit).send(std::move(value));
    return {};
  }

  /// Waits for room and keeps it. `Result<mpsc::Permit<T>> permit = co_await tx.reserve();`
  /// Errors: Errc::closed. Cancel: the room goes to the next.
  auto reserve() noexcept { return Reserve<Permit<T>>(state_.get(), 1); }
  /// The same for `n` values at once. Errors: Errc::closed; Errc::invalid: more than the channel holds.
  auto reserve_many(std::size_t n) noexcept { return Reserve<Permits<T>>(state_.get(), n); }
  /// Errors: Errc::would_block: no room. Errc::closed.
  Result<Permit<T>> try_reserve() noexcept {
    Result<void> got = detail::sync::try_acquire(*state_, 1);
    if (!got) return got.error();
    return Permit<T>(Held(state_.get(), 1));
  }
  /// Errors: as reserve_many(), and Errc::would_block.
  Result<Permits<T>> try_reserve_many(std::size_t n) noexcept {
    if (n > state_->capacity) return Errc::invalid;
    Result<void> got = detail::sync::try_acquire(*state_, n);
    if (!got) return got.error();
    return Permits<T>(Held(state_.get(), n));
  }
  /// Errors: Errc::closed; Errc::wrong_thread on the loop's thread. [blocking]
  Result<Permit<T>> blocking_reserve() noexcept {
    Result<void> got = detail::sync::blocking_acquire(*state_, 1);
    if (!got) return got.error();
    return Permit<T>(Held(state_.get(), 1));
  }

  /// Room that is free now, and when the channel is empty.
  std::size_t capacity() const noexcept {
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    return state_->permits.available();
  }
  std::size_t max_capacity() const noexcept { return state_->capacity; }

 private:
  template <class U>
  friend std::pair<Sender<U>, Receiver<U>> channel(std::size_t capacity);
  template <class U, class End>
  friend class Weak;
  friend Base;

  explicit Sender(detail::sync::MpscSenderRef<T> state) noexcept : Base(std::move(state)) {}
};

/// An end that sends, of a channel that takes as much as memory does.
///
/// Ownership, threading, unload: as Sender.
/// See:       tokio::sync::mpsc::UnboundedSender
template <class T>
class UnboundedSender : public detail::sync::MpscSender<T, UnboundedSender<T>> {
  using Base = detail::sync::MpscSender<T, UnboundedSender>;
  using Base::state_;

 public:
  /// Never waits. Errors: Errc::closed; `value` is moved from only on success. [any]
  Result<void> send(T&& value) {
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    if (state_->closed()) return Errc::closed;
    state_->push(hold, value);
    state_->permits.take(1);
    return {};
  }
  Result<void> send(const T& value)
    requires std::is_copy_constructible_v<T>
  {
    return send(T(value));
  }

 private:
  template <class U>
  friend std::pair<UnboundedSender<U>, Receiver<U>> unbounded_channel();

  template <class U, class End>
  friend class Weak;
  friend Base;

  explicit UnboundedSender(detail::sync::MpscSenderRef<T> state) noexcept : Base(std::move(state)) {}
};

/// The end that receives.
///
/// Ownership: dropping it closes the channel and drops what was not received.
/// Threading: drops and what is not awaited: [any]; awaits: [loop]. One at a time.
/// Unload:    [inert] if T is. What it awaits borrows it.
/// See:       tokio::sync::mpsc::Receiver
template <class T>
class Receiver {
  using State = detail::sync::MpscState<T>;

 public:
  using tau_shared_handle = void;  // see detail/transferable.hpp
  /// Waits for the next value. `while (Result<T> value = co_await rx.recv()) ...`
  ///
  /// Errors: Errc::closed: nothing is left, and nothing will come. Errc::busy: another recv() waits.
  ///         Throws what T's move throws; the value stays in the queue.
  /// Cancel: no value is lost.
  auto recv() noexcept { return detail::sync::MpscRecv<T>(state_.get()); }

  /// Waits for one value at least and puts what there is, `limit` at most, at the end of `values`. Returns how many.
  /// `while (Result<std::size_t> n = co_await rx.recv_many(values, 64)) ...`
  ///
  /// Ownership: `values` is borrowed until then.
  /// Errors, cancel: as recv(). If a move throws, those before it are in `values`.
  auto recv_many(std::vector<T>& values, std::size_t limit) noexcept {
    return detail::sync::MpscRecvMany<T>(state_.get(), &values, limit);
  }

  /// The same without waiting; empty if there is nothing now.
  std::optional<Result<T>> try_recv() {
    std::optional<T> value;
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    if (state_->queue.empty()) {
      if (!state_->finished()) return std::nullopt;
      return std::optional<Result<T>>(std::in_place, Errc::closed);
    }
    state_->pop_into(hold, value);
    return std::optional<Result<T>>(std::in_place, std::move(*value));
  }

  /// The same for a thread, which waits; an unload of its plugin waits with it.
  /// Errors: as recv(); Errc::wrong_thread on the loop's. [blocking]
  Result<T> blocking_recv() {
    if (tau_on_loop_thread()) return Errc::wrong_thread;
    const auto state = detail::sync::StateRef<State>::share(state_.get());
    std::optional<T> value;
    detail::sync::Hold hold(*state, false);
    if (!state->await_value(hold)) return Errc::busy;
    if (state->queue.empty()) return Errc::closed;
    state->pop_into(hold, value);
    return std::move(*value);
  }
  /// Errors: as recv_many(); Errc::wrong_thread on the loop's thread. [blocking]
  Result<std::size_t> blocking_recv_many(std::vector<T>& values, std::size_t limit) {
    if (tau_on_loop_thread()) return Errc::wrong_thread;
    const auto state = detail::sync::StateRef<State>::share(state_.get());
    if (limit != 0) {
      detail::sync::Hold hold(*state, false);
      if (!state->await_value(hold)) return Errc::busy;
    }
    return detail::sync::mpsc_take_many(*state, false, values, limit);
  }

  /// Takes no more values; those that were sent, or have a permit, still come.
  void close() noexcept {
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    state_->close(hold);
  }
  bool is_closed() const noexcept {
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    return state_->closed() || state_->senders == 0;
  }
  std::size_t sender_strong_count() const noexcept { return state_->count_senders(); }
  std::size_t sender_weak_count() const noexcept { return state_->count_weak_senders(); }
  /// Values that wait.
  std::size_t len() const noexcept {
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    return state_->queue.size();
  }
  bool is_empty() const noexcept { return len() == 0; }

 private:
  template <class U>
  friend std::pair<Sender<U>, Receiver<U>> channel(std::size_t capacity);
  template <class U>
  friend std::pair<UnboundedSender<U>, Receiver<U>> unbounded_channel();

  explicit Receiver(State* counted) noexcept : state_(counted) {}

  detail::sync::StateRef<State, detail::sync::TheOnly<&State::drop_receiver>> state_;
};
template <class T>
using UnboundedReceiver = Receiver<T>;

/// A channel for at most `capacity` values (0 counts as 1): std::pair of its Sender and its Receiver.
///
/// T is moved under the channel's lock: its move may throw, but not use this channel.
/// Threading: [any]; fastest between tasks if made on the loop's thread.
/// See:       tokio::sync::mpsc::channel
template <class T>
std::pair<Sender<T>, Receiver<T>> channel(std::size_t capacity) {
  auto* const state = new detail::sync::MpscState<T>(capacity == 0 ? 1 : capacity);
  return {Sender<T>(detail::sync::MpscSenderRef<T>(state)), Receiver<T>(state)};
}

/// A channel without a limit, whose sender never waits.
/// See: channel, tokio::sync::mpsc::unbounded_channel
template <class T>
std::pair<UnboundedSender<T>, Receiver<T>> unbounded_channel() {
  auto* const state = new detail::sync::MpscState<T>(detail::sync::unbounded);
  return {UnboundedSender<T>(detail::sync::MpscSenderRef<T>(state)), Receiver<T>(state)};
}

}  // namespace tau::mpsc
