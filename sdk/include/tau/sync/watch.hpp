// watch: the latest value, for all who care.
//
//   auto [tx, rx] = tau::watch::channel<Config>(initial);
//   while (auto changed = co_await rx.changed()) use(*rx.borrow());
//
// Receivers see the last value sent, never all of them; the very last one also after the senders are gone.
// Looking takes no lock that a sender could wait for: a value is a snapshot, and a new one replaces it.
//
// The ends may be in different tasks, plugins and threads, and survive one another's unload, as those of
// mpsc do. An end is Transferable if T is.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "../detail/sync/snapshot.hpp"
#include "../detail/sync/until_closed.hpp"
#include "../result.hpp"
#include "../task.hpp"

namespace tau::watch {

template <class T>
class Sender;
template <class T>
class Receiver;
template <class T>
std::pair<Sender<T>, Receiver<T>> channel(T initial);

/// A value as it was when it was borrowed.
///
/// Ownership: keeps the value; it may be kept across awaits, and holds nobody up.
/// Threading: [any]
/// Unload:    [inert] if T is.
/// See:       tokio::sync::watch::Ref
template <class T>
class Ref {
 public:
  const T& operator*() const noexcept { return value_.value(); }
  const T* operator->() const noexcept { return &value_.value(); }

 private:
  friend class Sender<T>;
  friend class Receiver<T>;

  explicit Ref(detail::sync::Snapshot<T> value) noexcept : value_(std::move(value)) {}

  detail::sync::Snapshot<T> value_;
};

}  // namespace tau::watch

namespace tau::detail::sync {

template <class T>
struct WatchState : Core {
  Snapshot<T> current;
  std::uint64_t version = 0;
  std::size_t senders = 1;
  std::size_t receivers = 1;
  WaitList changing;
  WaitList until_closed;  // no receiver is left

  /// With a reference for each end.
  explicit WatchState(Snapshot<T> initial) noexcept : Core(2), current(std::move(initial)) {}

  bool closed() const noexcept { return receivers == 0; }
  void senders_gone(Hold& hold) noexcept { hold.wake_all(changing, Stage::ended); }
  void receivers_gone(Hold& hold) noexcept { hold.wake_all(until_closed, Stage::ended); }
  /// What `next` replaces is left in it, to be destroyed outside the lock.
  void replace(Hold& hold, Snapshot<T>& next) noexcept {
    std::swap(current, next);
    ++version;
    hold.wake_all(changing, Stage::granted);
  }
};

template <class T>
class [[nodiscard("a change is waited for by co_await")]] WatchChanged : public Onlooker<WatchState<T>> {
 public:
  WatchChanged(WatchState<T>* state, std::uint64_t* seen) noexcept
      : Onlooker<WatchState<T>>(state), seen_(seen) {}

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    WatchState<T>& state = *this->state_;
    Hold hold(state, true);
    if (state.version != *seen_ || state.senders == 0) return this->stay(suspended);
    return this->wait_in(state.changing, suspended);
  }
  Result<void> await_resume() noexcept {
    bool changed = false;
    this->exit([&](Hold&, Stage) { changed = std::exchange(*seen_, this->state_->version) != this->state_->version; });
    if (!changed) return Errc::closed;
    return {};
  }

 private:
  std::uint64_t* seen_;  // the receiver's
};

}  // namespace tau::detail::sync

namespace tau::watch {

/// An end that sends.
///
/// Ownership: a copy is another sender; the channel ends with the last.
/// Threading: what is not awaited: [any]; awaits: [loop].
/// Unload:    [inert] if T is. What it awaits borrows it.
/// See:       tokio::sync::watch::Sender
template <class T>
class Sender {
  using State = detail::sync::WatchState<T>;
  using Hold = detail::sync::Hold;

 public:
  using tau_shared_handle = void;  // see detail/transferable.hpp

  /// Errors: Errc::closed: there is no receiver, and the value is dropped.
  Result<void> send(T value) {
    detail::sync::Snapshot<T> next(std::move(value));
    Hold hold(*state_, tau_on_loop_thread());
    if (state_->closed()) return Errc::closed;
    state_->replace(hold, next);
    return {};
  }
  /// Sends also when there is no receiver; returns what it replaces.
  Ref<T> send_replace(T value) {
    detail::sync::Snapshot<T> next(std::move(value));
    {
      Hold hold(*state_, tau_on_loop_thread());
      state_->replace(hold, next);
    }
    return Ref<T>(std::move(next));
  }
  /// Sends a copy of the value that `change(T&)` has changed, unless it returns false. If another thread
  /// sends meanwhile, `change` is called again with the newer value. Returns whether it was sent.
  template <class F>
  bool send_if_modified(F&& change) {
    for (;;) {
      const detail::sync::Snapshot<T> before = snapshot();
      T value(before.value());
      if (!change(value)) return false;
      detail::sync::Snapshot<T> next(std::move(value));
      Hold hold(*state_, tau_on_loop_thread());
      if (state_->current != before) continue;
      state_->replace(hold, next);
      return true;
    }
  }
  template <class F>
  void send_modify(F&& change) {
    auto always = [&](T& value) { return change(value), true; };
    send_if_modified(always);
  }

  Ref<T> borrow() const noexcept { return Ref<T>(snapshot()); }
  /// Another receiver, which has seen the value that is there now.
  Receiver<T> subscribe() const noexcept;
  std::size_t receiver_count() const noexcept {
    Hold hold(*state_, tau_on_loop_thread());
    return state_->receivers;
  }
  /// Waits until there is no receiver.
  auto closed() const noexcept { return detail::sync::UntilClosed<State>(state_.get()); }
  bool is_closed() const noexcept { return receiver_count() == 0; }

 private:
  template <class U>
  friend std::pair<Sender<U>, Receiver<U>> channel(U initial);

  explicit Sender(State* counted) noexcept : state_(counted) {}
  detail::sync::Snapshot<T> snapshot() const noexcept {
    Hold hold(*state_, tau_on_loop_thread());
    return state_->current;
  }

  detail::sync::StateRef<State, detail::sync::OneOf<State, &State::senders, &State::senders_gone>> state_;
};

/// An end that watches.
///
/// Ownership: a copy is another receiver, which has seen what this one has.
/// Threading: what is not awaited: [any]; awaits: [loop].
/// Unload:    [inert] if T is. What it awaits borrows it.
/// See:       tokio::sync::watch::Receiver
template <class T>
class Receiver {
  using State = detail::sync::WatchState<T>;
  using Hold = detail::sync::Hold;

 public:
  using tau_shared_handle = void;  // see detail/transferable.hpp

  /// Waits for a value that this receiver has not seen, and counts it as seen.
  /// Errors: Errc::closed: there is none, and no sender is left. Cancel: the value is still unseen.
  auto changed() noexcept { return detail::sync::WatchChanged<T>(state_.get(), &seen_); }
  /// The same without waiting, and without counting it as seen. Errors: as changed().
  Result<bool> has_changed() const noexcept {
    Hold hold(*state_, tau_on_loop_thread());
    if (state_->version != seen_) return true;
    if (state_->senders == 0) return Errc::closed;
    return false;
  }
  /// The value; it stays unseen if it was.
  Ref<T> borrow() const noexcept {
    Hold hold(*state_, tau_on_loop_thread());
    return Ref<T>(state_->current);
  }
  Ref<T> borrow_and_update() noexcept {
    Hold hold(*state_, tau_on_loop_thread());
    seen_ = state_->version;
    return Ref<T>(state_->current);
  }
  void mark_changed() noexcept { --seen_; }
  void mark_unchanged() noexcept {
    Hold hold(*state_, tau_on_loop_thread());
    seen_ = state_->version;
  }
  /// Waits until `holds(value)`, beginning with the value that is there now. Errors: as changed().
  template <class F>
  Task<Result<Ref<T>>> wait_for(F holds) {
    static_assert(std::is_trivially_copyable_v<F>,
                  "GCC 12 destroys a capturing closure in a co_await expression twice: pass std::ref(it)");
    for (;;) {
      Ref<T> now = borrow_and_update();
      if (holds(*now)) co_return now;
      const Result<void> next = co_await changed();
      if (!next) co_return next.error();
    }
  }
  bool same_channel(const Receiver& other) const noexcept { return state_.get() == other.state_.get(); }

 private:
  friend class Sender<T>;
  template <class U>
  friend std::pair<Sender<U>, Receiver<U>> channel(U initial);

  using End = detail::sync::StateRef<State, detail::sync::OneOf<State, &State::receivers, &State::receivers_gone>>;

  explicit Receiver(State* counted) noexcept : state_(counted) {}
  Receiver(End state, std::uint64_t seen) noexcept : state_(std::move(state)), seen_(seen) {}

  End state_;
  std::uint64_t seen_ = 0;
};

template <class T>
Receiver<T> Sender<T>::subscribe() const noexcept {
  Hold hold(*state_, tau_on_loop_thread());
  return Receiver<T>(Receiver<T>::End::share(state_.get(), hold), state_->version);
}

/// A channel that holds `initial`, which its receiver counts as seen: std::pair of Sender and Receiver.
///
/// Threading: [any]
/// See:       tokio::sync::watch::channel
template <class T>
std::pair<Sender<T>, Receiver<T>> channel(T initial) {
  auto* const state = new detail::sync::WatchState<T>(detail::sync::Snapshot<T>(std::move(initial)));
  return {Sender<T>(state), Receiver<T>(state)};
}

}  // namespace tau::watch
