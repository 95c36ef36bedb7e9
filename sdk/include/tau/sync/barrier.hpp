// Barrier: tasks that wait for one another.
//
//   tau::Barrier barrier(3);
//   auto result = co_await barrier.wait();      // goes on when three are here; one of them is the leader
//
// Whoever is destroyed while it waits was not here. A Barrier is a handle: its copies are the same one, also
// in other plugins. It can be used again and again.
#pragma once

#include <coroutine>
#include <cstddef>

#include "../detail/sync/core.hpp"

namespace tau {

namespace detail::sync {

struct BarrierState : Core {
  WaitList waiting;
  const std::size_t size;
  std::size_t here = 0;

  explicit BarrierState(std::size_t n) noexcept : Core(1), size(n) {}
};

}  // namespace detail::sync

/// What a wait() comes back with. [inert]
class BarrierWaitResult {
 public:
  explicit BarrierWaitResult(bool leader) noexcept : leader_(leader) {}
  /// Whether it was the last to come; one of each round is.
  bool is_leader() const noexcept { return leader_; }

 private:
  bool leader_;
};

/// Ownership: a copy is the same Barrier.
/// Threading: copies and drops: [any]; awaits: [loop].
/// Unload:    [inert]. What it awaits borrows it.
/// See:       tokio::sync::Barrier
class Barrier {
  using State = detail::sync::BarrierState;
  using Stage = detail::sync::Stage;
  using Hold = detail::sync::Hold;

  class [[nodiscard("the others are waited for by co_await")]] Wait : public detail::sync::Place<State> {
   public:
    explicit Wait(State* state) noexcept : Place(state) {}
    ~Wait() { leave(); }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
      Hold hold(*state_, true);
      if (state_->here + 1 < state_->size) {
        ++state_->here;
        enter_waiting(suspended);
        state_->waiting.push_back(*this);
        return true;
      }
      leader_ = true;
      state_->here = 0;
      hold.wake_all(state_->waiting, Stage::ended);
      return detail::suspend_if_exhausted(suspended);
    }
    BarrierWaitResult await_resume() noexcept {
      leave();
      return BarrierWaitResult(leader_);
    }

   private:
    void leave() noexcept {
      if (stage == Stage::idle) return;
      exit([this](Hold&, Stage was) {
        if (was == Stage::waiting) --state_->here;
      });
    }

    bool leader_ = false;
  };

 public:
  /// Of `n` tasks; 0 counts as 1.
  explicit Barrier(std::size_t n) : state_(new State(n == 0 ? 1 : n)) {}

  /// Waits until `n` are here. Cancel: who is destroyed before the last comes was not here.
  auto wait() const noexcept { return Wait(state_.get()); }

 private:
  detail::sync::StateRef<State> state_;
};

}  // namespace tau
