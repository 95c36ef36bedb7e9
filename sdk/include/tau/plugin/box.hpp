// PluginBox: the only owner of an object that one plugin made and another may keep.
//
// Whoever lets go of it, the object is destroyed by code of its maker's module, and only when that code
// has returned is the maker's guard released, by code of the holder's module: never a release while a
// frame of the maker is still on the stack. The layout is four words in every module, without a vtable:
// a box may be moved and dropped long after its maker was told to unload.
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include "../detail/module.hpp"
#include "guard.hpp"

namespace tau {

/// Threading: as T; dropping runs T's destructor on the dropping thread.
/// Unload:    [pins] the maker's module.
template <class T>
class PluginBox {
 public:
  /// Makes a T here: this module is the maker.
  template <class... Args>
    requires std::constructible_from<T, Args...>
  [[nodiscard]] static PluginBox make(Args&&... args) {
    auto* const object = new T(std::forward<Args>(args)...);
    tau_plugin* const owner = detail::module_owner();
    if (owner != nullptr) tau_plugin_retain(owner);
    return PluginBox(object, const_cast<void*>(static_cast<const void*>(object)), &destroy_whole, owner);
  }

  PluginBox() noexcept = default;
  PluginBox(std::nullptr_t) noexcept {}
  PluginBox(PluginBox&& other) noexcept { swap(other); }
  /// From a box of a derived type; it is still destroyed as what it was made.
  template <class U>
    requires(!std::same_as<T, U> && std::convertible_to<U*, T*>)
  PluginBox(PluginBox<U>&& other) noexcept
      : object_(std::exchange(other.object_, nullptr)),
        whole_(std::exchange(other.whole_, nullptr)),
        destroy_(std::exchange(other.destroy_, nullptr)),
        owner_(std::exchange(other.owner_, nullptr)) {}
  PluginBox& operator=(PluginBox&& other) noexcept {
    PluginBox(std::move(other)).swap(*this);
    return *this;
  }
  ~PluginBox() {
    if (object_ == nullptr) return;
    destroy_(whole_);
    if (owner_ != nullptr) tau_plugin_release(owner_);
  }

  void reset() noexcept { PluginBox().swap(*this); }
  void swap(PluginBox& other) noexcept {
    std::swap(object_, other.object_);
    std::swap(whole_, other.whole_);
    std::swap(destroy_, other.destroy_);
    std::swap(owner_, other.owner_);
  }

  T* get() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  /// The maker's; empty for an empty box.
  PluginGuard guard() const noexcept { return PluginGuard(owner_); }

 private:
  template <class U>
  friend class PluginBox;

  PluginBox(T* object, void* whole, void (*destroy)(void*), tau_plugin* owner) noexcept
      : object_(object), whole_(whole), destroy_(destroy), owner_(owner) {}

  static void destroy_whole(void* whole) noexcept { delete static_cast<T*>(whole); }

  T* object_ = nullptr;
  void* whole_ = nullptr;  // what was made; differs from object_ after a conversion to a base
  void (*destroy_)(void*) = nullptr;
  tau_plugin* owner_ = nullptr;
};

}  // namespace tau
