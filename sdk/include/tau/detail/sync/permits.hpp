// Permits: a counting semaphore, first come first served. Bounded mpsc, Semaphore, Mutex and RwLock stand on it.
//
// Permits that come back go to who waits longest, and to nobody behind him before he has all that he wants;
// so while anybody waits none is available, and who asks for many is not starved by those who ask for few.
// A waiter that is destroyed gives back what it had got.
//
// A state on permits is a Core with a member `permits` and a function
//   void give_back(Hold&, std::size_t n) noexcept       n permits that somebody held are free
#pragma once

#include <coroutine>
#include <cstddef>

#include "../../result.hpp"
#include "core.hpp"

namespace tau::detail::sync {

/// Guarded by the lock of the state that it is a part of.
class Permits {
 public:
  explicit Permits(std::size_t available) noexcept : available_(available) {}

  std::size_t available() const noexcept { return available_; }
  bool closed() const noexcept { return closed_; }

  bool take(std::size_t n) noexcept {
    if (available_ < n) return false;
    available_ -= n;
    return true;
  }

  /// Puts `node`, for which take() found too little, at the back. The caller has set its stage.
  void wait(WaitNode& node, std::size_t n) noexcept {
    node.wanted = n;
    node.needed = n - available_;
    available_ = 0;
    waiting_.push_back(node);
  }

  /// What a node that is destroyed had got, to be given back.
  static std::size_t held(const WaitNode& node, Stage was) noexcept {
    if (was == Stage::waiting) return node.wanted - node.needed;
    return was == Stage::granted ? node.wanted : 0;
  }

  void release(Hold& hold, std::size_t n) noexcept {
    while (WaitNode* first = waiting_.front()) {
      if (n < first->needed) {
        first->needed -= n;
        return;
      }
      n -= first->needed;
      first->needed = 0;
      WaitList::remove(*first);
      first->stage = Stage::granted;
      hold.wake(*first);
    }
    available_ += n;
  }

  /// Takes up to `n` away for good; returns how many.
  std::size_t forget(std::size_t n) noexcept {
    if (n > available_) n = available_;
    available_ -= n;
    return n;
  }

  /// Nobody waits from now on.
  void close(Hold& hold) noexcept {
    closed_ = true;
    while (WaitNode* first = waiting_.pop_front()) {
      available_ += first->wanted - first->needed;
      first->stage = Stage::ended;
      hold.wake(*first);
    }
  }

 private:
  std::size_t available_;
  bool closed_ = false;
  WaitList waiting_;
};

/// Waits for permits; what an awaiter makes of them is its own matter.
template <class State>
class Acquire : public Place<State> {
 public:
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    Hold hold(*this->state_, true);
    Permits& permits = this->state_->permits;
    if (permits.closed()) [[unlikely]] return false;
    if (!permits.take(this->wanted)) {
      this->enter_waiting(suspended);
      permits.wait(*this, this->wanted);
      return true;
    }
    this->enter(Stage::granted);
    if (take_budget(suspended.promise().context)) return false;
    schedule(suspended.promise().context, suspended);
    return true;
  }

 protected:
  Acquire(State* state, std::size_t n) noexcept : Place<State>(state) { this->wanted = n; }
  ~Acquire() {
    if (this->stage != Stage::idle) [[unlikely]] withdraw();
  }

  /// Whether it has got them; the reference that it counted is then the caller's.
  bool take() noexcept {
    if (this->stage == Stage::granted) [[likely]] {
      this->stage = Stage::idle;
      return true;
    }
    if (this->stage != Stage::idle) this->exit([](Hold&, Stage) {});
    return false;
  }

 private:
  __attribute__((noinline)) void withdraw() noexcept {
    this->exit([this](Hold& hold, Stage was) { this->state_->give_back(hold, Permits::held(*this, was)); });
  }
};

/// The same without waiting: Errc::would_block or Errc::closed. A reference is counted for the caller. [any]
template <class State>
Result<void> try_acquire(State& state, std::size_t n) noexcept {
  Hold hold(state, tau_on_loop_thread());
  if (state.permits.closed()) return Errc::closed;
  if (!state.permits.take(n)) return Errc::would_block;
  ++state.refs;
  return {};
}

/// The same for a thread that waits: Errc::closed, or Errc::wrong_thread on the loop's. [blocking]
template <class State>
Result<void> blocking_acquire(State& state, std::size_t n) noexcept {
  if (tau_on_loop_thread()) return Errc::wrong_thread;
  Stage outcome = Stage::granted;
  // Counted from the start, so that the state outlives the end that it was reached by.
  bool last = false;
  {
    Hold hold(state, false);
    if (state.permits.closed()) return Errc::closed;
    ++state.refs;
    if (!state.permits.take(n)) {
      BlockedThread node;
      node.stage = Stage::waiting;
      state.permits.wait(node, n);
      hold.block(node);
      outcome = node.stage;
    }
    if (outcome == Stage::ended) last = --state.refs == 0;
  }
  if (last) delete &state;
  if (outcome == Stage::ended) return Errc::closed;
  return {};
}

/// Permits that are held: what guards and permits of all kinds are made of. Destruction is [any].
template <class State>
class Held {
 public:
  Held() noexcept = default;
  /// Takes over `n` permits and a counted reference.
  Held(State* state, std::size_t n) noexcept : state_(state), n_(n) {}
  Held(Held&& other) noexcept : state_(other.state_), n_(other.n_) { other.state_ = nullptr; }
  Held& operator=(Held&& other) noexcept {
    if (this != &other) {
      reset();
      state_ = other.state_;
      n_ = other.n_;
      other.state_ = nullptr;
    }
    return *this;
  }
  ~Held() { reset(); }

  explicit operator bool() const noexcept { return state_ != nullptr; }
  State* state() const noexcept { return state_; }
  std::size_t count() const noexcept { return n_; }

  void reset() noexcept {
    State* const state = state_;
    if (!state) return;
    state_ = nullptr;
    leave_state(state, tau_on_loop_thread(), [&](Hold& hold) { state->give_back(hold, n_); });
  }
  /// Gives `n` of them back and keeps the rest.
  void give_back(std::size_t n) noexcept {
    Hold hold(*state_, tau_on_loop_thread());
    n_ -= n;
    state_->give_back(hold, n);
  }
  /// Moves `n` of them out.
  Held split(std::size_t n) noexcept {
    Hold hold(*state_, tau_on_loop_thread());
    ++state_->refs;
    n_ -= n;
    return Held(state_, n);
  }
  /// Lets the reference go, and no permits.
  void forget() noexcept {
    n_ = 0;
    reset();
  }
  void add(std::size_t n) noexcept { n_ += n; }

 private:
  State* state_ = nullptr;
  std::size_t n_ = 0;
};

}  // namespace tau::detail::sync
