// broadcast: every receiver gets every value, as long as it keeps up.
//
//   auto [tx, rx] = tau::broadcast::channel<Event>(16);
//   auto other = tx.subscribe();
//   tx.send(event);                              // never waits
//   tau::Result<Event> event = co_await rx.recv();
//
// The channel keeps the last `capacity` values. A receiver that falls behind them is told once, in place of
// what it missed, by Errc::lagged; lagged() says how many, and the next recv() goes on with the oldest that
// is there.
//
// The ends may be in different tasks, plugins and threads, and survive one another's unload, as those of
// mpsc do. An end is Transferable if T is.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "../detail/sync/broadcast_state.hpp"
#include "../result.hpp"

namespace tau::broadcast {

template <class T>
class Receiver;

/// An end that sends.
///
/// Ownership: a copy is another sender; the channel ends with the last.
/// Threading: what is not awaited: [any]; awaits: [loop].
/// Unload:    [inert] if T is. What it awaits borrows it.
/// See:       tokio::sync::broadcast::Sender
template <class T>
class Sender {
  using State = detail::sync::BroadcastState<T>;
  using Hold = detail::sync::Hold;

 public:
  using tau_shared_handle = void;  // see detail/transferable.hpp

  /// Returns how many receivers there are. Errors: Errc::closed: none, and the value is dropped.
  Result<std::size_t> send(T value) {
    detail::sync::Snapshot<T> sent(std::move(value));
    Hold hold(*state_, tau_on_loop_thread());
    const std::size_t receivers = state_->receivers;
    if (receivers == 0) return Errc::closed;
    state_->push(hold, sent);
    return receivers;
  }

  /// Another receiver, which gets what is sent from now on.
  Receiver<T> subscribe() const noexcept;
  std::size_t receiver_count() const noexcept {
    Hold hold(*state_, tau_on_loop_thread());
    return state_->receivers;
  }
  /// Waits until there is no receiver.
  auto closed() const noexcept { return detail::sync::UntilClosed<State>(state_.get()); }

 private:
  template <class U>
  friend std::pair<Sender<U>, Receiver<U>> channel(std::size_t capacity);

  explicit Sender(State* counted) noexcept : state_(counted) {}

  detail::sync::StateRef<State, detail::sync::OneOf<State, &State::senders, &State::senders_gone>> state_;
};

/// An end that receives.
///
/// Ownership: dropping it gives up what it has not received.
/// Threading: what is not awaited: [any]; awaits: [loop]. One at a time.
/// Unload:    [inert] if T is. What it awaits borrows it.
/// See:       tokio::sync::broadcast::Receiver
template <class T>
class Receiver {
  using State = detail::sync::BroadcastState<T>;
  using Hold = detail::sync::Hold;

 public:
  using tau_shared_handle = void;  // see detail/transferable.hpp

  Receiver(Receiver&&) noexcept = default;
  Receiver& operator=(Receiver&& other) noexcept {
    if (this != &other) {
      reset();
      state_ = std::move(other.state_);
      place_ = other.place_;
    }
    return *this;
  }
  ~Receiver() { reset(); }

  /// Waits for the next value.
  ///
  /// Errors: Errc::lagged, once, where values were missed. Errc::closed: nothing is left and no sender.
  ///         Throws what T's copy throws; the value is passed over then.
  /// Cancel: the value is still to be received.
  auto recv() noexcept { return detail::sync::BroadcastRecv<T>(state_.get(), &place_); }

  /// The same without waiting; empty if there is nothing now.
  std::optional<Result<T>> try_recv() {
    detail::sync::Snapshot<T> value;
    const Found found = take(value);
    if (found == Found::nothing) return std::nullopt;
    return std::optional<Result<T>>(std::in_place, detail::sync::broadcast_result<T>(found, value));
  }

  /// The same for a thread, which waits. Errors: as recv(); Errc::wrong_thread on the loop's. [blocking]
  Result<T> blocking_recv() {
    if (tau_on_loop_thread()) return Errc::wrong_thread;
    const auto state = detail::sync::StateRef<State>::share(state_.get());
    detail::sync::Snapshot<T> value;
    {
      Hold hold(*state, false);
      while (place_.next == state->end && state->senders != 0) {
        detail::sync::BlockedThread thread;
        hold.block(thread, state->receiving);
      }
    }
    return detail::sync::broadcast_result<T>(take(value), value);
  }

  /// How many values the last Errc::lagged stood for.
  std::uint64_t lagged() const noexcept { return place_.missed; }
  /// Values that wait, those that are lost included.
  std::size_t len() const noexcept {
    Hold hold(*state_, tau_on_loop_thread());
    return static_cast<std::size_t>(state_->end - place_.next);
  }
  bool is_empty() const noexcept { return len() == 0; }
  /// Another receiver, which gets what is sent from now on.
  Receiver resubscribe() const noexcept { return subscribed_to(state_.get()); }

 private:
  friend class Sender<T>;
  template <class U>
  friend std::pair<Sender<U>, Receiver<U>> channel(std::size_t capacity);
  using Found = typename State::Found;

  Receiver(State* counted, std::uint64_t next) noexcept : state_(counted), place_{next} {}
  static Receiver subscribed_to(State* state) noexcept {
    Hold hold(*state, tau_on_loop_thread());
    ++state->refs;
    ++state->receivers;
    return Receiver(state, state->end);
  }

  Found take(detail::sync::Snapshot<T>& value) noexcept {
    Hold hold(*state_, tau_on_loop_thread());
    return state_->take(place_.next, place_.missed, value);
  }
  void reset() noexcept {
    if (!state_) return;
    // No value that comes later counts on this receiver, and none that is there is destroyed in the lock.
    std::uint64_t end;
    {
      Hold hold(*state_, tau_on_loop_thread());
      end = state_->end;
      if (--state_->receivers == 0) hold.wake_all(state_->until_closed, detail::sync::Stage::ended);
    }
    for (bool more = true; more;) {
      detail::sync::Snapshot<T> given_up;
      Hold hold(*state_, tau_on_loop_thread());
      if (place_.next < state_->oldest()) place_.next = state_->oldest();
      more = place_.next < end;
      if (more) state_->pass(place_.next++, given_up);
    }
    state_.reset();
  }

  detail::sync::StateRef<State> state_;
  detail::sync::BroadcastPlace place_;
};

template <class T>
Receiver<T> Sender<T>::subscribe() const noexcept {
  return Receiver<T>::subscribed_to(state_.get());
}

/// A channel that keeps `capacity` values, rounded up to a power of two: std::pair of Sender and Receiver.
///
/// Threading: [any]
/// See:       tokio::sync::broadcast::channel
template <class T>
std::pair<Sender<T>, Receiver<T>> channel(std::size_t capacity) {
  static_assert(std::is_copy_constructible_v<T>, "each receiver gets a copy of the value");
  auto* const state = new detail::sync::BroadcastState<T>(std::bit_ceil(capacity == 0 ? 1 : capacity));
  return {Sender<T>(state), Receiver<T>(state, 0)};
}

}  // namespace tau::broadcast
