// OnceCell: a value that is made once, by whoever needs it first.
//
//   auto connect = [] () -> tau::Task<Connection> { ... };
//   Connection* shared = co_await cell.get_or_init(connect);
//
// While one makes it the others wait. If its task is destroyed meanwhile, or it throws, the next one tries.
// A OnceCell is a handle: its copies are the same cell, also in other plugins and threads. It is
// Transferable if T is.
#pragma once

#include <atomic>
#include <optional>
#include <type_traits>
#include <utility>

#include "../detail/sync/permits.hpp"
#include "../result.hpp"
#include "../task.hpp"

namespace tau {

namespace detail::sync {

template <class T>
struct OnceState : Core {
  Permits permits{1};  // the right to make it
  std::optional<T> value;
  std::atomic<bool> made{false};

  OnceState() noexcept : Core(1) {}
  void give_back(Hold& hold, std::size_t n) noexcept { permits.release(hold, n); }

  T* get() noexcept { return made.load(std::memory_order_acquire) ? &*value : nullptr; }
  /// By whoever has the right, from the loop or elsewhere. Throws what T's move throws.
  T* make(T&& from) {
    value.emplace(std::move(from));
    made.store(true, std::memory_order_release);
    Hold hold(*this, tau_on_loop_thread());
    permits.close(hold);
    return &*value;
  }
};

template <class T>
class OnceRight : public Acquire<OnceState<T>> {
 public:
  explicit OnceRight(OnceState<T>* state) noexcept : Acquire<OnceState<T>>(state, 1) {}
  /// The right to make the value; none if it is made.
  Held<OnceState<T>> await_resume() noexcept {
    return this->take() ? Held<OnceState<T>>(this->state_, 1) : Held<OnceState<T>>();
  }
};

}  // namespace detail::sync

/// Ownership: a copy is the same cell.
/// Threading: copies, drops, get() and set(): [any]; awaits: [loop].
/// Unload:    [inert] if T is. What it awaits borrows it.
/// See:       tokio::sync::OnceCell
template <class T>
class OnceCell {
  using State = detail::sync::OnceState<T>;

 public:
  using tau_shared_handle = void;  // see detail/transferable.hpp

  OnceCell() : state_(new State) {}

  /// The value, or null if it is not made yet. Valid as long as any copy of the cell.
  T* get() const noexcept { return state_->get(); }
  bool initialized() const noexcept { return get() != nullptr; }

  /// Errors: Errc::exists: it was made before. Errc::busy: somebody is making it.
  Result<void> set(T value) const {
    Result<void> right = detail::sync::try_acquire(*state_, 1);
    if (!right) return initialized() ? Errc::exists : Errc::busy;
    detail::sync::Held<State> held(state_.get(), 1);
    state_->make(std::move(value));
    return {};
  }

  /// The value, made if need be by `init`: something that returns a Task<T>. Exceptions of `init` pass
  /// through, and the next one tries.
  template <class F>
  Task<T*> get_or_init(F& init) const {
    if (T* made = get()) co_return made;
    detail::sync::OnceRight<T> right(state_.get());
    const detail::sync::Held<State> held = co_await right;
    if (T* made = get()) co_return made;
    auto making = init();
    T value = co_await std::move(making);
    co_return state_->make(std::move(value));
  }

  /// The same for one that may fail, with a Task<Result<T>>: its error is returned, and the next one tries.
  template <class F>
  Task<Result<T*>> get_or_try_init(F& init) const {
    if (T* made = get()) co_return made;
    detail::sync::OnceRight<T> right(state_.get());
    const detail::sync::Held<State> held = co_await right;
    if (T* made = get()) co_return made;
    auto making = init();
    Result<T> value = co_await std::move(making);
    if (!value) co_return value.error();
    co_return state_->make(std::move(*value));
  }

 private:
  detail::sync::StateRef<State> state_;
};

}  // namespace tau
