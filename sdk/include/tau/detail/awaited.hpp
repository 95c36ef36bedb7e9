// Awaited: an awaitable that is a branch, from where it was handed over to its result.
//
// The awaitable is moved in, so that a branch that lost can be destroyed before the others go on. What
// cannot be moved is borrowed: it lives until the end of the full expression that made it, and until
// then wakes of it end at a closed driver.
//
// Alternative: a coroutine that awaits it. That would be a frame for each branch; here what an awaiter
// needs of one, a handle and a promise with a context, is in the branch itself.
#pragma once

#include <concepts>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <variant>

#include "branch.hpp"

namespace tau::detail {

template <class A>
concept HasMemberCoAwait = requires(A&& awaitable) { static_cast<A&&>(awaitable).operator co_await(); };
template <class A>
concept HasFreeCoAwait = requires(A&& awaitable) { operator co_await(static_cast<A&&>(awaitable)); };
template <class A>
concept IsAwaiter = requires(std::remove_reference_t<A>& awaiter) {
  awaiter.await_ready();
  awaiter.await_resume();
};

/// What `co_await` accepts in a coroutine of the sdk.
template <class A>
concept Awaitable = HasMemberCoAwait<A> || HasFreeCoAwait<A> || IsAwaiter<A>;

/// The awaiter of an awaitable: a value of its own, or a reference to the awaitable itself.
template <class A>
decltype(auto) get_awaiter(A&& awaitable) {
  if constexpr (HasMemberCoAwait<A>) {
    return static_cast<A&&>(awaitable).operator co_await();
  } else if constexpr (HasFreeCoAwait<A>) {
    return operator co_await(static_cast<A&&>(awaitable));
  } else {
    static_assert(!std::is_lvalue_reference_v<A>,
                  "this awaiter would outlive the branch that awaits it: pass std::move(it)");
    return static_cast<std::remove_reference_t<A>&>(awaitable);
  }
}

template <class A>
using AwaiterOf = decltype(get_awaiter(std::declval<A>()));
/// Of `co_await`: never a reference.
template <class A>
using AwaitedValue = std::remove_cvref_t<decltype(std::declval<std::remove_reference_t<AwaiterOf<A>>&>().await_resume())>;
template <class T>
using VoidAsUnit = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// `A` as a forwarding reference deduces it.
template <class A>
class Awaited : public Branch {
  static_assert(Awaitable<A&&>, "what is awaited here cannot be awaited");
  static constexpr bool owned = !std::is_reference_v<A> && std::is_move_constructible_v<A>;
  static constexpr bool own_awaiter = !std::is_reference_v<AwaiterOf<A&&>>;
  using Awaiter = std::remove_reference_t<AwaiterOf<A&&>>;

 public:
  using Value = AwaitedValue<A&&>;

  explicit Awaited(A&& awaitable) : Branch(&resumed), awaitable_(hold(awaitable)) {}
  Awaited(Awaited&& other) : Branch(std::move(other)), awaitable_(std::move(other.awaitable_)) {}
  ~Awaited() { destroy(); }

  /// Begins to wait; it has ended afterwards if there was nothing to wait for.
  void start() noexcept {
    try {
      if constexpr (own_awaiter) {
        ::new (static_cast<void*>(storage_)) Awaiter(get_awaiter(static_cast<A&&>(*awaitable_)));
        awaiter_ = std::launder(reinterpret_cast<Awaiter*>(storage_));
      } else {
        awaiter_ = std::addressof(get_awaiter(static_cast<A&&>(*awaitable_)));
      }
      if (awaiter_->await_ready()) return settle();
      using Suspended = decltype(awaiter_->await_suspend(handle()));
      if constexpr (std::is_void_v<Suspended>) {
        awaiter_->await_suspend(handle());
      } else if constexpr (std::is_same_v<Suspended, bool>) {
        if (!awaiter_->await_suspend(handle())) settle();
      } else {
        awaiter_->await_suspend(handle()).resume();
      }
    } catch (...) {
      exception_ = std::current_exception();
      destroy();
      end();
    }
  }

  /// The result of one that has ended: once.
  Value take() {
    if (exception_) rethrow();
    if constexpr (!std::is_void_v<Value>) return std::move(*value_);
  }
  VoidAsUnit<Value> take_value() {
    if (exception_) rethrow();
    return std::move(*value_);
  }
  /// The result of one that has ended, to look at; null if it threw.
  const VoidAsUnit<Value>* value() const noexcept { return value_ ? &*value_ : nullptr; }

  /// Withdraws what waits and lets go of the awaitable; harmless when done before.
  void destroy() noexcept {
    if constexpr (own_awaiter) {
      if (awaiter_) std::destroy_at(awaiter_);
    }
    awaiter_ = nullptr;
    if constexpr (owned) awaitable_.reset();
  }

 private:
  using Held = std::conditional_t<owned, std::optional<std::remove_reference_t<A>>, std::remove_reference_t<A>*>;

  static Held hold(std::remove_reference_t<A>& awaitable) {
    if constexpr (owned) {
      return Held(std::move(awaitable));
    } else {
      return std::addressof(awaitable);
    }
  }

  static void resumed(Branch* self) noexcept { static_cast<Awaited*>(self)->settle(); }
  /// Takes the result at once, as a coroutine would: an awaiter may count on that.
  void settle() noexcept {
    try {
      if constexpr (std::is_void_v<Value>) {
        awaiter_->await_resume();
        value_.emplace();
      } else {
        value_.emplace(awaiter_->await_resume());
      }
    } catch (...) {
      exception_ = std::current_exception();
    }
    destroy();
    end();
  }
  [[noreturn]] void rethrow() { std::rethrow_exception(std::exchange(exception_, nullptr)); }

  Held awaitable_;
  Awaiter* awaiter_ = nullptr;
  std::optional<VoidAsUnit<Value>> value_;
  std::exception_ptr exception_;
  alignas(Awaiter) std::byte storage_[own_awaiter ? sizeof(Awaiter) : 1];
};

}  // namespace tau::detail
