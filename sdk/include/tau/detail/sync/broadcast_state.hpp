// What the ends of a broadcast channel share: a ring of the last values, and where its end is.
//
// Each receiver has a position of its own. A sender never waits: it overwrites the oldest, and a receiver
// that had not got so far finds its position outside the ring. A value is let go of when all who were there
// when it was sent have got it.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "../../result.hpp"
#include "snapshot.hpp"
#include "until_closed.hpp"

namespace tau::detail::sync {

template <class T>
struct BroadcastState : Core {
  struct Slot {
    Snapshot<T> value;
    std::size_t remaining = 0;  // receivers that are still to get it
  };

  const std::size_t capacity;  // a power of two
  std::unique_ptr<Slot[]> ring;
  std::uint64_t end = 0;  // how many were ever sent
  std::size_t senders = 1;
  std::size_t receivers = 1;
  WaitList receiving;
  WaitList until_closed;  // no receiver is left

  /// With a reference for each end.
  explicit BroadcastState(std::size_t size) : Core(2), capacity(size), ring(new Slot[size]) {}

  bool closed() const noexcept { return receivers == 0; }
  void senders_gone(Hold& hold) noexcept { hold.wake_all(receiving, Stage::ended); }
  Slot& slot(std::uint64_t position) noexcept { return ring[position & (capacity - 1)]; }
  std::uint64_t oldest() const noexcept { return end < capacity ? 0 : end - capacity; }

  /// What it overwrites is left in `value`, to be destroyed outside the lock.
  void push(Hold& hold, Snapshot<T>& value) noexcept {
    Slot& into = slot(end++);
    std::swap(into.value, value);
    into.remaining = receivers;
    hold.wake_all(receiving, Stage::granted);
  }

  enum class Found { value, lagged, nothing, closed };
  /// What a receiver at `next` gets; moves `next` on.
  Found take(std::uint64_t& next, std::uint64_t& missed, Snapshot<T>& out) noexcept {
    if (next < oldest()) {
      missed = oldest() - next;
      next = oldest();
      return Found::lagged;
    }
    if (next == end) return senders == 0 ? Found::closed : Found::nothing;
    Slot& from = slot(next++);
    if (--from.remaining == 0) {
      std::swap(out, from.value);
    } else {
      out = from.value;
    }
    return Found::value;
  }
  /// Gives up one value that a receiver will not get.
  void pass(std::uint64_t position, Snapshot<T>& out) noexcept {
    Slot& from = slot(position);
    if (--from.remaining == 0) std::swap(out, from.value);
  }
};

/// A receiver's place; behind a pointer, since awaiters refer to it.
struct BroadcastPlace {
  std::uint64_t next;
  std::uint64_t missed = 0;
};

template <class T>
Result<T> broadcast_result(typename BroadcastState<T>::Found found, Snapshot<T>& value) {
  using Found = typename BroadcastState<T>::Found;
  switch (found) {
    case Found::value: {
      // The last to get it need not copy it.
      if constexpr (std::is_move_constructible_v<T>) {
        if (value.is_only()) return std::move(value.value());
      }
      return value.value();
    }
    case Found::lagged: return Errc::lagged;
    case Found::nothing: return Errc::busy;  // somebody else took it
    case Found::closed: break;
  }
  return Errc::closed;
}

template <class T>
class [[nodiscard("a value is received by co_await")]] BroadcastRecv : public Onlooker<BroadcastState<T>> {
  using State = BroadcastState<T>;

 public:
  BroadcastRecv(State* state, BroadcastPlace* place) noexcept : Onlooker<State>(state), place_(place) {}

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    State& state = *this->state_;
    Hold hold(state, true);
    if (place_->next != state.end || state.senders == 0) return this->stay(suspended);
    return this->wait_in(state.receiving, suspended);
  }
  /// Throws what T's copy throws; the value is passed over then.
  Result<T> await_resume() {
    auto found = State::Found::closed;
    Snapshot<T> value;
    this->exit([&](Hold&, Stage) { found = this->state_->take(place_->next, place_->missed, value); });
    return broadcast_result<T>(found, value);
  }

 private:
  BroadcastPlace* place_;
};

}  // namespace tau::detail::sync
