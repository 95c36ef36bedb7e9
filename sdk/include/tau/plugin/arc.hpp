// PluginArc: shared ownership of an object that one plugin made and others may keep.
//
// std::shared_ptr's control block has a vtable in the module that made it, and nothing keeps that
// module mapped. Here the block is a count, a function of the maker and the maker's guard: one guard
// for the object however many share it, released by the last holder's code after the maker's returned.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "../detail/module.hpp"
#include "guard.hpp"

namespace tau {

namespace detail {

struct ArcBlock {
  std::atomic<std::uint64_t> count;
  void (*destroy)(ArcBlock* self) noexcept;
  tau_plugin* owner;
};

template <class T>
struct ArcNode : ArcBlock {
  T value;

  template <class... Args>
  explicit ArcNode(tau_plugin* made_by, Args&&... args)
      : ArcBlock{{1}, &destroy_node, made_by}, value(std::forward<Args>(args)...) {}

  static void destroy_node(ArcBlock* block) noexcept { delete static_cast<ArcNode*>(block); }
};

}  // namespace detail

/// Threading: the count may be shared between any threads; the object as T says. The last holder's
///            thread runs T's destructor.
/// Unload:    [pins] the maker's module.
template <class T>
class PluginArc {
 public:
  /// Makes a T here: this module is the maker.
  template <class... Args>
    requires std::constructible_from<T, Args...>
  [[nodiscard]] static PluginArc make(Args&&... args) {
    tau_plugin* const owner = detail::module_owner();
    auto* const node = new detail::ArcNode<T>(owner, std::forward<Args>(args)...);
    if (owner != nullptr) tau_plugin_retain(owner);
    return PluginArc(&node->value, node);
  }

  PluginArc() noexcept = default;
  PluginArc(std::nullptr_t) noexcept {}
  PluginArc(const PluginArc& other) noexcept : object_(other.object_), block_(other.block_) {
    if (block_ != nullptr) block_->count.fetch_add(1, std::memory_order_relaxed);
  }
  PluginArc(PluginArc&& other) noexcept { swap(other); }
  /// Shares as a base or as const; the object is still destroyed as what it was made.
  template <class U>
    requires(!std::same_as<T, U> && std::convertible_to<U*, T*>)
  PluginArc(PluginArc<U> other) noexcept
      : object_(std::exchange(other.object_, nullptr)), block_(std::exchange(other.block_, nullptr)) {}
  PluginArc& operator=(PluginArc other) noexcept {
    swap(other);
    return *this;
  }
  ~PluginArc() {
    if (block_ == nullptr || block_->count.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    tau_plugin* const owner = block_->owner;
    block_->destroy(block_);
    if (owner != nullptr) tau_plugin_release(owner);
  }

  void reset() noexcept { PluginArc().swap(*this); }
  void swap(PluginArc& other) noexcept {
    std::swap(object_, other.object_);
    std::swap(block_, other.block_);
  }

  T* get() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  friend bool operator==(const PluginArc& a, const PluginArc& b) noexcept { return a.object_ == b.object_; }

  /// Holders at this moment; 0 for an empty one.
  std::uint64_t use_count() const noexcept {
    return block_ == nullptr ? 0 : block_->count.load(std::memory_order_acquire);
  }
  /// The maker's; empty for an empty one.
  PluginGuard guard() const noexcept { return PluginGuard(block_ == nullptr ? nullptr : block_->owner); }

 private:
  template <class U>
  friend class PluginArc;

  PluginArc(T* object, detail::ArcBlock* block) noexcept : object_(object), block_(block) {}

  T* object_ = nullptr;
  detail::ArcBlock* block_ = nullptr;
};

}  // namespace tau
