// Resources: objects that plugins lend one another by name and type.
//
//   auto put = tau::resource::put<Counter>("hits", 0);            // in one plugin
//   auto hits = tau::resource::get<Counter>("hits");              // in another
//   if (hits) (*hits)->add(1);
//
// A Ref pins the module that made the object, so it may be of any type. What is taken leaves its maker
// behind, and must be Transferable; so must what is a reference in itself (a pointer, a shared_ptr, a
// std::function, an end of a channel, a handle of a lock), since whoever borrows it can keep a copy.
//
// What an object waits for on its own account, by its maker's timers or descriptors, is the maker's: when that
// one is unloaded, nobody is woken by it any more. A task that waits through a Ref then waits until it is
// cancelled, and the maker stays mapped as long.
#pragma once

#include <tau/rt/resource.h>

#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "detail/module.hpp"
#include "detail/transferable.hpp"
#include "detail/type_id.hpp"
#include "result.hpp"

namespace tau::resource {

namespace detail {

/// What stands in the registry. `borrowed` counts the Refs, so that take() never moves an object away
/// from under one.
template <class T>
struct Slot {
  std::uint64_t borrowed = 0;
  T value;

  template <class... Args>
  explicit Slot(Args&&... args) : value(std::forward<Args>(args)...) {}
  static void drop(void* slot) noexcept { delete static_cast<Slot*>(slot); }
};

}  // namespace detail

/// A loan of a T.
///
/// Ownership: one reference; the object is destroyed with the last, by its maker's code.
/// Threading: [loop], the destructor too.
/// Unload:    [pins] the maker's module. The maker may be unloaded meanwhile; the object stays whole.
template <class T>
class [[nodiscard]] Ref {
 public:
  Ref(Ref&& other) noexcept
      : slot_(std::exchange(other.slot_, nullptr)), reference_(std::exchange(other.reference_, nullptr)) {}
  Ref& operator=(Ref&& other) noexcept {
    std::swap(slot_, other.slot_);
    std::swap(reference_, other.reference_);
    return *this;
  }
  ~Ref() {
    if (slot_ == nullptr) return;
    --slot_->borrowed;
    tau_resource_release(reference_);
  }

  T& operator*() const noexcept { return slot_->value; }
  T* operator->() const noexcept { return &slot_->value; }
  T* get() const noexcept { return slot_ == nullptr ? nullptr : &slot_->value; }

 private:
  template <class U>
  friend Result<Ref<U>> get(std::string_view name) noexcept;

  Ref(detail::Slot<T>* slot, tau_resource* reference) noexcept : slot_(slot), reference_(reference) {
    ++slot_->borrowed;
  }

  detail::Slot<T>* slot_;
  tau_resource* reference_;
};

/// Makes a T from `args` and publishes it under `name`.
///
/// Ownership: the registry's, until it is taken or this plugin unloads.
/// Errors:    Errc::exists, Errc::unloading, Errc::no_memory, Errc::invalid (empty name); the T is
///            destroyed. Exceptions of its constructor pass through. A T that refers to what is not in it
///            does not compile unless it is Transferable.
/// Threading: [loop]
/// Unload:    [drained]; Refs held by others [pin] this module.
template <class T, class... Args>
  requires std::constructible_from<T, Args...>
Result<void> put(std::string_view name, Args&&... args) {
  using Slot = detail::Slot<T>;
  if constexpr (tau::detail::is_shared_handle<T>) tau::detail::require_transferable<T>();
  auto* const slot = new Slot(std::forward<Args>(args)...);
  const std::int32_t status = tau_resource_put(tau::detail::module_owner(), name.data(), name.size(),
                                               tau::detail::type_id<Slot>, slot, &Slot::drop);
  if (status < 0) delete slot;
  return Result<void>::from_status(status);
}

/// Borrows what is published under `name`.
///
/// Errors:    Errc::not_found, Errc::type_mismatch, Errc::no_memory.
/// Threading: [loop]
/// Unload:    [pins] the maker's module as long as the Ref lives.
template <class T>
Result<Ref<T>> get(std::string_view name) noexcept {
  using Slot = detail::Slot<T>;
  void* object = nullptr;
  tau_resource* reference = nullptr;
  const std::int32_t status = tau_resource_get(tau::detail::module_owner(), name.data(), name.size(),
                                               tau::detail::type_id<Slot>, &object, &reference);
  if (status < 0) return Error::from_status(status);
  return Ref<T>(static_cast<Slot*>(object), reference);
}

/// Moves the object out of the registry; its name is free again, and its maker no longer concerned.
///
/// Errors:    as get(); Errc::busy while somebody holds a Ref: it stays where it is.
/// Threading: [loop]
/// Unload:    [inert], which is why T must be Transferable.
template <class T>
Result<T> take(std::string_view name) {
  tau::detail::require_transferable<T>();
  static_assert(std::is_nothrow_move_constructible_v<T>, "what is taken is moved, and that may not fail");
  using Slot = detail::Slot<T>;
  tau_plugin* const user = tau::detail::module_owner();
  void* object = nullptr;
  tau_resource* reference = nullptr;
  std::int32_t status = tau_resource_get(user, name.data(), name.size(), tau::detail::type_id<Slot>,
                                         &object, &reference);
  if (status < 0) return Error::from_status(status);
  const bool borrowed = static_cast<Slot*>(object)->borrowed != 0;
  tau_resource_release(reference);
  if (borrowed) return Errc::busy;

  status = tau_resource_take(user, name.data(), name.size(), tau::detail::type_id<Slot>, &object, &reference);
  if (status < 0) return Error::from_status(status);
  Result<T> taken(std::move(static_cast<Slot*>(object)->value));
  tau_resource_release(reference);
  return taken;
}

}  // namespace tau::resource
