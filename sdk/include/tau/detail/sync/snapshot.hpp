// Snapshot: a value that several readers look at without a lock, and whoever is last destroys.
//
// So no copy constructor and no destructor of an author's type runs while a channel is locked, and nobody
// who looks at a value keeps a sender waiting. The price is an allocation for each value sent.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace tau::detail::sync {

template <class T>
class Snapshot {
 public:
  Snapshot() noexcept = default;
  explicit Snapshot(T&& value) : node_(new Node(std::move(value))) {}
  Snapshot(const Snapshot& other) noexcept : node_(other.node_) {
    if (node_) node_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  Snapshot(Snapshot&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  Snapshot& operator=(Snapshot other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~Snapshot() {
    if (!node_) return;
    if (is_only() || node_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) delete node_;
  }

  explicit operator bool() const noexcept { return node_ != nullptr; }
  T& value() const noexcept { return node_->value; }
  /// Nobody else looks at it, nor will.
  bool is_only() const noexcept { return node_->refs.load(std::memory_order_acquire) == 1; }
  bool operator==(const Snapshot& other) const noexcept { return node_ == other.node_; }

 private:
  struct Node {
    std::atomic<std::uint32_t> refs{1};
    T value;

    explicit Node(T&& from) : value(std::move(from)) {}
  };

  Node* node_ = nullptr;
};

}  // namespace tau::detail::sync
