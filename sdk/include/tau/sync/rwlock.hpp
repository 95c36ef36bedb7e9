// RwLock: a value that many read at a time, or one changes.
//
//   auto reading = co_await lock.read();
//   auto writing = co_await lock.write();
//
// First come first served between readers and writers: a writer who waits lets no later reader pass, so a
// stream of readers does not starve him. For the same reason a task that reads must not ask to read again.
// It is a semaphore of very many permits: a reader takes one, a writer all (tokio's way).
//
// An RwLock is a handle: its copies are the same lock with the same value, also in other plugins and
// threads, and guards keep it alive. It is Transferable if T is.
#pragma once

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include "../detail/sync/permits.hpp"
#include "../result.hpp"

namespace tau {

template <class T>
class RwLock;
template <class T>
class RwLockWriteGuard;

namespace detail::sync {

template <class T>
struct RwLockState : Core {
  static constexpr std::size_t most_readers = std::size_t{1} << 30;

  Permits permits{most_readers};
  T value;

  template <class... Args>
  explicit RwLockState(std::in_place_t, Args&&... args) : Core(1), value(std::forward<Args>(args)...) {}
  void give_back(Hold& hold, std::size_t n) noexcept { permits.release(hold, n); }
};

}  // namespace detail::sync

/// The right to read. Ownership, threading, unload: as MutexGuard.
/// See: tokio::sync::OwnedRwLockReadGuard
template <class T>
class [[nodiscard("dropping a guard unlocks")]] RwLockReadGuard {
 public:
  const T& operator*() const noexcept { return held_.state()->value; }
  const T* operator->() const noexcept { return &held_.state()->value; }
  /// Unlocks before the guard's end; it may not be used afterwards.
  void unlock() noexcept { held_.reset(); }

 private:
  friend class RwLock<T>;
  friend class RwLockWriteGuard<T>;
  using State = detail::sync::RwLockState<T>;

  explicit RwLockReadGuard(detail::sync::Held<State> held) noexcept : held_(std::move(held)) {}

  detail::sync::Held<State> held_;
};

/// The right to change. Ownership, threading, unload: as MutexGuard.
/// See: tokio::sync::OwnedRwLockWriteGuard
template <class T>
class [[nodiscard("dropping a guard unlocks")]] RwLockWriteGuard {
 public:
  T& operator*() const noexcept { return held_.state()->value; }
  T* operator->() const noexcept { return &held_.state()->value; }
  /// Unlocks before the guard's end; it may not be used afterwards.
  void unlock() noexcept { held_.reset(); }
  /// Goes on as a reader: nobody changes the value in between.
  RwLockReadGuard<T> downgrade() && noexcept {
    held_.give_back(State::most_readers - 1);
    return RwLockReadGuard<T>(std::move(held_));
  }

 private:
  friend class RwLock<T>;
  using State = detail::sync::RwLockState<T>;

  explicit RwLockWriteGuard(detail::sync::Held<State> held) noexcept : held_(std::move(held)) {}

  detail::sync::Held<State> held_;
};

/// Ownership: a copy is the same RwLock.
/// Threading: copies, drops and what is not awaited: [any]; awaits: [loop].
/// Unload:    [inert] if T is. What it awaits borrows it.
/// See:       tokio::sync::RwLock
template <class T>
class RwLock {
  using State = detail::sync::RwLockState<T>;
  using Held = detail::sync::Held<State>;
  using ReadGuard = RwLockReadGuard<T>;
  using WriteGuard = RwLockWriteGuard<T>;

  template <class Guard>
  class [[nodiscard("a lock is waited for by co_await")]] Lock : public detail::sync::Acquire<State> {
   public:
    Lock(State* state, std::size_t n) noexcept : detail::sync::Acquire<State>(state, n) {}
    Guard await_resume() noexcept {
      this->take();
      return RwLock::guard<Guard>(this->state_, this->wanted);
    }
  };

 public:
  using tau_shared_handle = void;  // see detail/transferable.hpp

  /// The value is made from `args`.
  template <class... Args>
  explicit RwLock(Args&&... args)
    requires std::is_constructible_v<T, Args...>
      : state_(new State(std::in_place, std::forward<Args>(args)...)) {}
  RwLock(const RwLock&) noexcept = default;
  RwLock(RwLock& other) noexcept : RwLock(std::as_const(other)) {}
  RwLock(RwLock&&) noexcept = default;
  RwLock& operator=(const RwLock&) noexcept = default;
  RwLock& operator=(RwLock&&) noexcept = default;

  /// Cancel: the lock goes to the next.
  auto read() const noexcept { return Lock<ReadGuard>(state_.get(), 1); }
  auto write() const noexcept { return Lock<WriteGuard>(state_.get(), State::most_readers); }

  /// Empty if somebody changes the value, or waits to.
  std::optional<ReadGuard> try_read() const noexcept { return try_lock<ReadGuard>(1); }
  /// Empty if anybody uses it.
  std::optional<WriteGuard> try_write() const noexcept { return try_lock<WriteGuard>(State::most_readers); }

  /// For a thread, which waits. Errors: Errc::wrong_thread on the loop's. [blocking]
  Result<ReadGuard> blocking_read() const noexcept { return blocking_lock<ReadGuard>(1); }
  Result<WriteGuard> blocking_write() const noexcept { return blocking_lock<WriteGuard>(State::most_readers); }

 private:
  template <class Guard>
  static Guard guard(State* counted, std::size_t n) noexcept {
    return Guard(Held(counted, n));
  }
  template <class Guard>
  std::optional<Guard> try_lock(std::size_t n) const noexcept {
    if (!detail::sync::try_acquire(*state_, n)) return std::nullopt;
    return guard<Guard>(state_.get(), n);
  }
  template <class Guard>
  Result<Guard> blocking_lock(std::size_t n) const noexcept {
    Result<void> got = detail::sync::blocking_acquire(*state_, n);
    if (!got) return got.error();
    return guard<Guard>(state_.get(), n);
  }

  detail::sync::StateRef<State> state_;
};

}  // namespace tau
