// oneshot: one value from one sender to one receiver.
//
//   auto [tx, rx] = tau::oneshot::channel<Reply>();
//   tx.send(reply);                               // never waits
//   tau::Result<Reply> reply = co_await rx;       // Errc::closed if the sender went without sending
//
// The ends may be in different tasks, plugins and threads, and survive one another's unload, as those of
// mpsc do. An end is Transferable if T is.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "../detail/sync/oneshot_state.hpp"
#include "../result.hpp"

namespace tau::oneshot {

template <class T>
class Receiver;

/// The end that sends, once.
///
/// Ownership: dropping it unused ends the channel.
/// Threading: drops and what is not awaited: [any]; awaits: [loop].
/// Unload:    [inert] if T is. What it awaits borrows it.
/// See:       tokio::sync::oneshot::Sender
template <class T>
class Sender {
  using State = detail::sync::OneshotState<T>;

 public:
  using tau_shared_handle = void;  // see detail/transferable.hpp
  /// Errors: Errc::closed: the receiver was closed or dropped, or a value was sent before. `value` is moved
  ///         from only on success. Throws what T's move throws; nothing was sent then.
  Result<void> send(T&& value) {
    if (!state_) return Errc::closed;
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    if (state_->closed() || state_->sent) return Errc::closed;
    state_->value.emplace(std::move(value));
    state_->sent = true;
    hold.wake_all(state_->receiving, detail::sync::Stage::granted);
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
    if (!state_) return true;
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    return state_->closed();
  }

 private:
  template <class U>
  friend std::pair<Sender<U>, Receiver<U>> channel();

  explicit Sender(State* counted) noexcept : state_(counted) {}

  detail::sync::StateRef<State, detail::sync::TheOnly<&State::drop_sender>> state_;
};

/// The end that receives: awaited itself.
///
/// Ownership: dropping it closes the channel and drops a value that was not received.
/// Threading: drops and what is not awaited: [any]; awaits: [loop]. One at a time.
/// Unload:    [inert] if T is. What it awaits borrows it.
/// See:       tokio::sync::oneshot::Receiver
template <class T>
class Receiver {
  using State = detail::sync::OneshotState<T>;

 public:
  using tau_shared_handle = void;  // see detail/transferable.hpp
  /// `Result<T> value = co_await rx;`
  ///
  /// Errors: Errc::closed: the sender went without sending, or the value was received before.
  ///         Errc::busy: it is awaited elsewhere. Throws what T's move throws.
  /// Cancel: the value is still to be received.
  auto operator co_await() noexcept { return detail::sync::OneshotRecv<T>(state_.get()); }
  auto recv() noexcept { return detail::sync::OneshotRecv<T>(state_.get()); }

  /// The same without waiting; empty if it was not sent yet.
  std::optional<Result<T>> try_recv() {
    std::optional<T> value;
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    if (!state_->ready()) return std::nullopt;
    if (!state_->take_into(value)) return Result<T>(Errc::closed);
    return Result<T>(std::move(*value));
  }

  /// The same for a thread, which waits. Errors: as above; Errc::wrong_thread on the loop's. [blocking]
  Result<T> blocking_recv() {
    if (tau_on_loop_thread()) return Errc::wrong_thread;
    const auto state = detail::sync::StateRef<State>::share(state_.get());
    std::optional<T> value;
    detail::sync::Hold hold(*state, false);
    if (!state->ready()) {
      if (!state->receiving.empty()) return Errc::busy;
      detail::sync::BlockedThread thread;
      hold.block(thread, state->receiving);
    }
    if (!state->take_into(value)) return Errc::closed;
    return std::move(*value);
  }

  /// Takes no value from now on; one that was sent can still be received.
  void close() noexcept {
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    state_->close(hold);
  }

 private:
  template <class U>
  friend std::pair<Sender<U>, Receiver<U>> channel();

  explicit Receiver(State* counted) noexcept : state_(counted) {}

  detail::sync::StateRef<State, detail::sync::TheOnly<&State::drop_receiver>> state_;
};

/// A channel for one value: std::pair of its Sender and its Receiver.
///
/// T is moved under the channel's lock: its move may throw, but not use this channel.
/// Threading: [any]
/// See:       tokio::sync::oneshot::channel
template <class T>
std::pair<Sender<T>, Receiver<T>> channel() {
  auto* const state = new detail::sync::OneshotState<T>;
  return {Sender<T>(state), Receiver<T>(state)};
}

}  // namespace tau::oneshot
