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

#include "../detail/sync/mpsc_state.hpp"
#include "../result.hpp"

namespace tau::mpsc {

template <class T>
class Sender;
template <class T>
class UnboundedSender;
template <class T>
class Receiver;

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
  using State = detail::sync::MpscState<T>;

  explicit Permit(State* counted) noexcept : held_(counted, 1) {}

  detail::sync::Held<State> held_;
};

/// An end that sends, of a channel that holds a limited number of values.
///
/// Ownership: a copy is another sender; the channel ends with the last.
/// Threading: copies, drops and what is not awaited: [any]. Awaits: [loop].
/// Unload:    [inert] if T is. What it awaits borrows it.
/// See:       tokio::sync::mpsc::Sender
template <class T>
class Sender {
  using State = detail::sync::MpscState<T>;

  class [[nodiscard("a permit is waited for by co_await")]] Reserve : public detail::sync::Acquire<State> {
   public:
    explicit Reserve(State* state) noexcept : detail::sync::Acquire<State>(state, 1) {}
    Result<Permit<T>> await_resume() noexcept {
      if (!this->take()) return Errc::closed;
      return Permit<T>(this->state_);
    }
  };

 public:
  using tau_shared_handle = void;  // see detail/transferable.hpp
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
  auto reserve() noexcept { return Reserve(state_.get()); }
  /// Errors: Errc::would_block: no room. Errc::closed.
  Result<Permit<T>> try_reserve() noexcept {
    Result<void> got = detail::sync::try_acquire(*state_, 1);
    if (!got) return got.error();
    return Permit<T>(state_.get());
  }
  /// Errors: Errc::closed; Errc::wrong_thread on the loop's thread. [blocking]
  Result<Permit<T>> blocking_reserve() noexcept {
    Result<void> got = detail::sync::blocking_acquire(*state_, 1);
    if (!got) return got.error();
    return Permit<T>(state_.get());
  }

  /// Waits until the receiver is closed or dropped.
  auto closed() noexcept { return detail::sync::UntilClosed<State>(state_.get()); }
  bool is_closed() const noexcept {
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    return state_->closed();
  }
  /// Room that is free now, and when the channel is empty.
  std::size_t capacity() const noexcept {
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    return state_->permits.available();
  }
  std::size_t max_capacity() const noexcept { return state_->capacity; }
  bool same_channel(const Sender& other) const noexcept { return state_.get() == other.state_.get(); }

 private:
  template <class U>
  friend std::pair<Sender<U>, Receiver<U>> channel(std::size_t capacity);

  explicit Sender(State* counted) noexcept : state_(counted) {}

  detail::sync::SenderRef<T> state_;
};

/// An end that sends, of a channel that takes as much as memory does.
///
/// Ownership, threading, unload: as Sender.
/// See:       tokio::sync::mpsc::UnboundedSender
template <class T>
class UnboundedSender {
  using State = detail::sync::MpscState<T>;

 public:
  using tau_shared_handle = void;  // see detail/transferable.hpp
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

  /// Waits until the receiver is closed or dropped.
  auto closed() noexcept { return detail::sync::UntilClosed<State>(state_.get()); }
  bool is_closed() const noexcept {
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    return state_->closed();
  }
  bool same_channel(const UnboundedSender& other) const noexcept { return state_.get() == other.state_.get(); }

 private:
  template <class U>
  friend std::pair<UnboundedSender<U>, Receiver<U>> unbounded_channel();

  explicit UnboundedSender(State* counted) noexcept : state_(counted) {}

  detail::sync::SenderRef<T> state_;
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
  Receiver(Receiver&&) noexcept = default;
  Receiver& operator=(Receiver&& other) noexcept {
    if (this != &other) {
      reset();
      state_ = std::move(other.state_);
    }
    return *this;
  }
  ~Receiver() { reset(); }

  /// Waits for the next value. `while (Result<T> value = co_await rx.recv()) ...`
  ///
  /// Errors: Errc::closed: nothing is left, and nothing will come. Errc::busy: another recv() waits.
  ///         Throws what T's move throws; the value stays in the queue.
  /// Cancel: no value is lost.
  auto recv() noexcept { return detail::sync::MpscRecv<T>(state_.get()); }

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
    if (state->queue.empty() && !state->finished()) {
      if (!state->receiving.empty()) return Errc::busy;
      detail::sync::BlockedThread thread;
      hold.block(thread, state->receiving);
    }
    if (state->queue.empty()) return Errc::closed;
    state->pop_into(hold, value);
    return std::move(*value);
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
  void reset() noexcept {
    std::optional<detail::sync::BlockQueue<T>> left;
    if (State* const state = state_.release()) {
      detail::sync::leave_state(state, tau_on_loop_thread(),
                                [&](detail::sync::Hold& hold) { state->drop_receiver(hold, left); });
    }
  }

  detail::sync::StateRef<State> state_;
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
  return {Sender<T>(state), Receiver<T>(state)};
}

/// A channel without a limit, whose sender never waits.
/// See: channel, tokio::sync::mpsc::unbounded_channel
template <class T>
std::pair<UnboundedSender<T>, Receiver<T>> unbounded_channel() {
  auto* const state = new detail::sync::MpscState<T>(detail::sync::unbounded);
  return {UnboundedSender<T>(state), Receiver<T>(state)};
}

}  // namespace tau::mpsc
