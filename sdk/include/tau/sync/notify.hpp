// Notify: "something happened", to one who waits or to all.
//
//   notify.notify_one();                 // wakes one; with nobody waiting, the next to wait goes on at once
//   co_await notify.notified();
//
// It stores one permit at most. Whoever was notified and is destroyed before its turn passes it on.
// A Notify is a handle: its copies are the same one, also in other plugins and threads.
#pragma once

#include <coroutine>
#include <cstdint>

#include "../detail/sync/core.hpp"

namespace tau {

namespace detail::sync {

struct NotifyState : Core {
  WaitList waiting;
  std::uint64_t rounds = 0;  // of notify_waiters()
  bool permit = false;

  NotifyState() noexcept : Core(1) {}

  void notify_one(Hold& hold) noexcept {
    WaitNode* const first = waiting.pop_front();
    permit |= first == nullptr;
    if (!first) return;
    first->stage = Stage::granted;
    hold.wake(*first);
  }
};

}  // namespace detail::sync

/// Awaitable returned by Notify::notified().
class [[nodiscard("a notification is waited for by co_await")]] Notified
    : public detail::sync::Place<detail::sync::NotifyState> {
  using Hold = detail::sync::Hold;
  using Stage = detail::sync::Stage;

 public:
  explicit Notified(detail::sync::NotifyState* state) noexcept : Place(state) {
    Hold hold(*state_, tau_on_loop_thread());
    round_ = state_->rounds;
  }
  ~Notified() {
    if (stage == Stage::idle) return;
    exit([this](Hold& hold, Stage was) {
      if (was == Stage::granted) state_->notify_one(hold);
    });
  }

  /// Takes its place among those who wait, or its permit, before it is awaited. Returns whether it was
  /// notified already. [loop]
  bool enable() noexcept {
    Hold hold(*state_, true);
    return enable(hold);
  }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    Hold hold(*state_, true);
    if (enable(hold)) return detail::suspend_if_exhausted(suspended);
    waiter.set(suspended);
    return true;
  }
  void await_resume() noexcept {
    exit([](Hold&, Stage) {});
  }

 private:
  bool enable(Hold&) noexcept {
    if (stage != Stage::idle) return stage != Stage::waiting;
    join();
    if (round_ != state_->rounds) {
      stage = Stage::ended;
    } else if (state_->permit) {
      state_->permit = false;
      stage = Stage::granted;
    } else {
      state_->waiting.push_back(*this);
      return false;
    }
    return true;
  }

  std::uint64_t round_;
};

/// Wakes those who wait for something that it says nothing about.
///
/// Ownership: a copy is the same Notify.
/// Threading: copies, drops and notifying: [any]; awaits: [loop].
/// Unload:    [inert]. What it awaits borrows it.
/// See:       tokio::sync::Notify
class Notify {
 public:
  Notify() : state_(new detail::sync::NotifyState) {}

  /// Waits to be notified: by notify_one(), first come first served, or by a notify_waiters() that comes
  /// after this call. Cancel: what it was given by notify_one() goes to the next.
  Notified notified() const noexcept { return Notified(state_.get()); }

  /// Notifies who waits longest; if nobody does, leaves one permit. Permits do not add up.
  void notify_one() const noexcept {
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    state_->notify_one(hold);
  }
  /// Notifies everybody who waits now; leaves no permit.
  void notify_waiters() const noexcept {
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    ++state_->rounds;
    hold.wake_all(state_->waiting, detail::sync::Stage::ended);
  }

 private:
  detail::sync::StateRef<detail::sync::NotifyState> state_;
};

}  // namespace tau
