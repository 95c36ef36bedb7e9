// Semaphore: permits, first come first served.
//
//   tau::Semaphore slots(8);
//   auto permit = co_await slots.acquire();     // given back when the permit is dropped
//
// Nobody is passed by somebody who came later, even if he wants less. A Semaphore is a handle: its copies
// are the same one, also in other plugins and threads.
#pragma once

#include <cstddef>

#include "../detail/sync/permits.hpp"
#include "../result.hpp"

namespace tau {

namespace detail::sync {

struct SemaphoreState : Core {
  Permits permits;

  explicit SemaphoreState(std::size_t available) noexcept : Core(1), permits(available) {}
  void give_back(Hold& hold, std::size_t n) noexcept { permits.release(hold, n); }
};

}  // namespace detail::sync

/// Permits of a Semaphore that somebody holds.
///
/// Ownership: dropping it gives them back. It keeps the semaphore alive.
/// Threading: [any]
/// Unload:    [inert]
/// See:       tokio::sync::OwnedSemaphorePermit
class [[nodiscard("dropping a SemaphorePermit gives it back")]] SemaphorePermit {
 public:
  std::size_t num_permits() const noexcept { return held_.state() ? held_.count() : 0; }
  /// The semaphore has that many less for good.
  void forget() noexcept { held_.forget(); }
  /// Takes over another's permits; false, and nothing changed, if they are of another semaphore.
  bool merge(SemaphorePermit&& other) noexcept {
    if (!held_ || other.held_.state() != held_.state() || &other == this) return false;
    held_.add(other.held_.count());
    other.held_.forget();
    return true;
  }
  /// Moves `n` permits out; Errc::invalid if it has less.
  Result<SemaphorePermit> split(std::size_t n) noexcept {
    if (n > num_permits()) return Errc::invalid;
    return SemaphorePermit(held_.split(n));
  }

 private:
  friend class Semaphore;
  using Held = detail::sync::Held<detail::sync::SemaphoreState>;

  explicit SemaphorePermit(Held held) noexcept : held_(std::move(held)) {}

  Held held_;
};

/// Ownership: a copy is the same Semaphore.
/// Threading: copies, drops and what is not awaited: [any]; awaits: [loop].
/// Unload:    [inert]. What it awaits borrows it; who is destroyed while it waits or holds gives back.
/// See:       tokio::sync::Semaphore
class Semaphore {
  using State = detail::sync::SemaphoreState;

  class [[nodiscard("permits are waited for by co_await")]] Acquire : public detail::sync::Acquire<State> {
   public:
    Acquire(State* state, std::size_t n) noexcept : detail::sync::Acquire<State>(state, n) {}
    Result<SemaphorePermit> await_resume() noexcept {
      if (!take()) return Errc::closed;
      return SemaphorePermit(SemaphorePermit::Held(state_, wanted));
    }
  };

 public:
  explicit Semaphore(std::size_t permits) : state_(new State(permits)) {}

  /// Waits for `n` permits at once. `Result<SemaphorePermit> permit = co_await semaphore.acquire();`
  /// Errors: Errc::closed. Cancel: what it has got goes to the next.
  auto acquire() const noexcept { return Acquire(state_.get(), 1); }
  auto acquire_many(std::size_t n) const noexcept { return Acquire(state_.get(), n); }

  /// Errors: Errc::would_block: not that many now. Errc::closed.
  Result<SemaphorePermit> try_acquire(std::size_t n = 1) const noexcept {
    Result<void> got = detail::sync::try_acquire(*state_, n);
    if (!got) return got.error();
    return SemaphorePermit(SemaphorePermit::Held(state_.get(), n));
  }
  Result<SemaphorePermit> try_acquire_many(std::size_t n) const noexcept { return try_acquire(n); }

  /// For a thread, which waits. Errors: Errc::closed; Errc::wrong_thread on the loop's. [blocking]
  Result<SemaphorePermit> blocking_acquire(std::size_t n = 1) const noexcept {
    Result<void> got = detail::sync::blocking_acquire(*state_, n);
    if (!got) return got.error();
    return SemaphorePermit(SemaphorePermit::Held(state_.get(), n));
  }

  std::size_t available_permits() const noexcept {
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    return state_->permits.available();
  }
  void add_permits(std::size_t n) const noexcept {
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    state_->give_back(hold, n);
  }
  /// Takes up to `n` available ones away for good; returns how many.
  std::size_t forget_permits(std::size_t n) const noexcept {
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    return state_->permits.forget(n);
  }
  /// Whoever waits, and comes later, reads Errc::closed. Permits in hand stay.
  void close() const noexcept {
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    state_->permits.close(hold);
  }
  bool is_closed() const noexcept {
    detail::sync::Hold hold(*state_, tau_on_loop_thread());
    return state_->permits.closed();
  }

 private:
  detail::sync::StateRef<State> state_;
};

}  // namespace tau
