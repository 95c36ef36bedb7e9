// PluginFn: a callable that one plugin made, closures included, and another may keep and call.
//
// Four words in every module: the closure, how to call it, how to destroy it, and whose guard it holds.
// std::function has the first three, and nothing that keeps their code mapped.
//
// No exception crosses the edge of a module (I13): it is caught in the maker's own code, its text goes
// to the log under the maker's name, and the caller reads Errc::threw. So a call gives a Result.
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "../detail/module.hpp"
#include "../result.hpp"
#include "guard.hpp"

namespace tau {

namespace detail {

template <class R>
struct FnOutcome {
  using type = Result<R>;
};
template <class T>
struct FnOutcome<Result<T>> {  // what may fail anyway is not wrapped twice
  using type = Result<T>;
};

inline void log_thrown(const char* what) noexcept {
  try {
    const std::string text = std::string("a closure ended with an exception: ") + what;
    tau_log(module_owner(), TAU_LOG_ERROR, text.data(), text.size());
  } catch (...) {
  }
}

/// The four words and what both kinds of signature share.
template <class R, class... Args>
class FnWords {
  static_assert(!std::is_reference_v<R>, "a PluginFn returns a value: what it refers to may be unloaded");

 public:
  using Outcome = typename FnOutcome<R>::type;

  FnWords() noexcept = default;
  FnWords(FnWords&& other) noexcept { swap(other); }
  FnWords& operator=(FnWords&& other) noexcept {
    FnWords(std::move(other)).swap(*this);
    return *this;
  }
  ~FnWords() {
    if (object_ == nullptr) return;
    destroy_(object_);
    // The maker's code has returned; only now its module may go.
    if (owner_ != nullptr) tau_plugin_release(owner_);
  }

  /// `Callable` is F, or const F for a signature that ends in const.
  template <class Callable, class F>
  static FnWords make(F&& function) {
    using Stored = std::remove_const_t<Callable>;
    FnWords made;
    if constexpr (std::is_pointer_v<Stored> || std::is_member_pointer_v<Stored>) {
      if (function == nullptr) return made;
    }
    made.object_ = new Stored(std::forward<F>(function));
    made.invoke_ = &invoke<Callable>;
    made.destroy_ = &destroy<Stored>;
    made.owner_ = module_owner();
    if (made.owner_ != nullptr) tau_plugin_retain(made.owner_);
    return made;
  }

  Outcome invoke_with(Args&&... args) const noexcept {
    if (object_ == nullptr) return Errc::invalid;
    return invoke_(object_, std::forward<Args>(args)...);
  }
  void swap(FnWords& other) noexcept {
    std::swap(object_, other.object_);
    std::swap(invoke_, other.invoke_);
    std::swap(destroy_, other.destroy_);
    std::swap(owner_, other.owner_);
  }
  bool empty() const noexcept { return object_ == nullptr; }
  tau_plugin* owner() const noexcept { return owner_; }

 private:
  template <class Callable>
  static Outcome invoke(void* object, Args&&... args) noexcept {
    try {
      auto& callable = *static_cast<Callable*>(object);
      if constexpr (std::is_void_v<R>) {
        std::invoke(callable, std::forward<Args>(args)...);
        return Outcome();
      } else {
        R value = std::invoke(callable, std::forward<Args>(args)...);
        return Outcome(std::move(value));
      }
    } catch (const std::exception& error) {
      log_thrown(error.what());
    } catch (...) {
      log_thrown("it is no std::exception");
    }
    return Errc::threw;
  }
  template <class Stored>
  static void destroy(void* object) noexcept {
    delete static_cast<Stored*>(object);
  }

  void* object_ = nullptr;
  Outcome (*invoke_)(void* object, Args&&... args) noexcept = nullptr;
  void (*destroy_)(void* object) noexcept = nullptr;
  tau_plugin* owner_ = nullptr;
};

}  // namespace detail

/// A callable of signature `R(Args...)`, or `R(Args...) const` if calling must not change it.
///
/// Ownership: of the closure; move-only.
/// Errors:    a call reads Errc::threw if the callable threw, Errc::invalid if there is none. If R is a
///            Result itself, the call returns just that.
/// Threading: as the callable; it is destroyed on the thread that lets go of it.
/// Unload:    [pins] the maker's module as long as it lives. What a call returned is not pinned: keep
///            only what is Transferable.
template <class Signature>
class PluginFn;

template <class R, class... Args>
class PluginFn<R(Args...)> : detail::FnWords<R, Args...> {
  using Words = detail::FnWords<R, Args...>;

 public:
  using Outcome = typename Words::Outcome;

  PluginFn() noexcept = default;
  PluginFn(std::nullptr_t) noexcept {}
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, PluginFn> &&
             std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
  PluginFn(F&& function) : Words(Words::template make<std::decay_t<F>>(std::forward<F>(function))) {}

  Outcome call(Args... args) noexcept { return Words::invoke_with(std::forward<Args>(args)...); }
  Outcome operator()(Args... args) noexcept { return Words::invoke_with(std::forward<Args>(args)...); }

  explicit operator bool() const noexcept { return !Words::empty(); }
  /// The maker's; empty for an empty one.
  PluginGuard guard() const noexcept { return PluginGuard(Words::owner()); }
};

template <class R, class... Args>
class PluginFn<R(Args...) const> : detail::FnWords<R, Args...> {
  using Words = detail::FnWords<R, Args...>;

 public:
  using Outcome = typename Words::Outcome;

  PluginFn() noexcept = default;
  PluginFn(std::nullptr_t) noexcept {}
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, PluginFn> &&
             std::is_invocable_r_v<R, const std::decay_t<F>&, Args...>)
  PluginFn(F&& function) : Words(Words::template make<const std::decay_t<F>>(std::forward<F>(function))) {}

  Outcome call(Args... args) const noexcept { return Words::invoke_with(std::forward<Args>(args)...); }
  Outcome operator()(Args... args) const noexcept { return Words::invoke_with(std::forward<Args>(args)...); }

  explicit operator bool() const noexcept { return !Words::empty(); }
  /// The maker's; empty for an empty one.
  PluginGuard guard() const noexcept { return PluginGuard(Words::owner()); }
};

}  // namespace tau
