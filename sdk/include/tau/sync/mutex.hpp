// Mutex: a value that one task or thread uses at a time.
//
//   tau::Mutex<Table> table;
//   auto guard = co_await table.lock();         // may be kept across awaits
//   guard->insert(...);
//
// First come first served. There is no poisoning: who is destroyed while it holds the lock, by an abort or
// an unload, leaves the value as it is. For a value that is never used across an await a plain member does:
// tasks run one at a time (I8).
//
// A Mutex is a handle: its copies are the same mutex with the same value, also in other plugins and threads,
// and guards keep it alive. It is Transferable if T is.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "../detail/sync/permits.hpp"
#include "../result.hpp"

namespace tau {

template <class T>
class Mutex;

namespace detail::sync {

template <class T>
struct MutexState : Core {
  Permits permits{1};
  T value;

  template <class... Args>
  explicit MutexState(std::in_place_t, Args&&... args) : Core(1), value(std::forward<Args>(args)...) {}
  void give_back(Hold& hold, std::size_t n) noexcept { permits.release(hold, n); }
};

}  // namespace detail::sync

/// The right to use a Mutex's value.
///
/// Ownership: dropping it unlocks. It keeps the mutex alive.
/// Threading: [any], like T.
/// Unload:    [inert] if T is.
/// See:       tokio::sync::OwnedMutexGuard
template <class T>
class [[nodiscard("dropping a MutexGuard unlocks")]] MutexGuard {
 public:
  T& operator*() const noexcept { return held_.state()->value; }
  T* operator->() const noexcept { return &held_.state()->value; }
  /// Unlocks before the guard's end; it may not be used afterwards.
  void unlock() noexcept { held_.reset(); }
  explicit operator bool() const noexcept { return static_cast<bool>(held_); }

 private:
  friend class Mutex<T>;
  using State = detail::sync::MutexState<T>;

  explicit MutexGuard(State* counted) noexcept : held_(counted, 1) {}

  detail::sync::Held<State> held_;
};

/// Ownership: a copy is the same Mutex.
/// Threading: copies, drops and what is not awaited: [any]; awaits: [loop].
/// Unload:    [inert] if T is. What it awaits borrows it.
/// See:       tokio::sync::Mutex
template <class T>
class Mutex {
  using State = detail::sync::MutexState<T>;

  class [[nodiscard("a lock is waited for by co_await")]] Lock : public detail::sync::Acquire<State> {
   public:
    explicit Lock(State* state) noexcept : detail::sync::Acquire<State>(state, 1) {}
    MutexGuard<T> await_resume() noexcept {
      this->take();
      return MutexGuard<T>(this->state_);
    }
  };

 public:
  using tau_shared_handle = void;  // see detail/transferable.hpp
  /// The value is made from `args`.
  template <class... Args>
  explicit Mutex(Args&&... args)
    requires std::is_constructible_v<T, Args...>
      : state_(new State(std::in_place, std::forward<Args>(args)...)) {}
  Mutex(const Mutex&) noexcept = default;
  Mutex(Mutex& other) noexcept : Mutex(std::as_const(other)) {}
  Mutex(Mutex&&) noexcept = default;
  Mutex& operator=(const Mutex&) noexcept = default;
  Mutex& operator=(Mutex&&) noexcept = default;

  /// `MutexGuard<T> guard = co_await mutex.lock();` Cancel: the lock goes to the next.
  auto lock() const noexcept { return Lock(state_.get()); }

  /// Empty if somebody holds it.
  std::optional<MutexGuard<T>> try_lock() const noexcept {
    if (!detail::sync::try_acquire(*state_, 1)) return std::nullopt;
    return MutexGuard<T>(state_.get());
  }

  /// For a thread, which waits. Errors: Errc::wrong_thread on the loop's. [blocking]
  Result<MutexGuard<T>> blocking_lock() const noexcept {
    Result<void> got = detail::sync::blocking_acquire(*state_, 1);
    if (!got) return got.error();
    return MutexGuard<T>(state_.get());
  }

 private:
  detail::sync::StateRef<State> state_;
};

}  // namespace tau
