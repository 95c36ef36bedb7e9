// CancellationToken: one word to many tasks that they should come to an end by themselves.
//
//   tau::CancellationToken token;
//   tau::spawn(serve(token.child_token())).detach();
//   ...
//   token.cancel();
//
// Aborting a task destroys it where it waits; a token lets it finish what it is doing.
//
// The flag is an atomic, and a token is cancelled when any of its ancestors is, so asking needs no lock
// on any thread. Lists are the loop's alone: a node stands in its parent's list only while somebody waits
// at it or below it, so making and dropping tokens, on whatever thread, touches no list. cancel() on
// another thread sets the flag at once and sends the loop to wake those who wait.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "select.hpp"
#include "spawn.hpp"

namespace tau {
namespace detail {

class CancellationNode;

/// One wait for a token.
struct CancellationWait {
  Waiter waiter;
  CancellationWait* previous = nullptr;
  CancellationWait* next = nullptr;
};

class CancellationNode : public std::enable_shared_from_this<CancellationNode> {
 public:
  explicit CancellationNode(std::shared_ptr<CancellationNode> parent) noexcept : parent_(std::move(parent)) {}

  bool is_cancelled() const noexcept {
    for (const CancellationNode* node = this; node; node = node->parent_.get()) {
      if (node->cancelled_.load(std::memory_order_acquire)) return true;
    }
    return false;
  }

  void cancel() {
    if (cancelled_.exchange(true, std::memory_order_acq_rel)) return;
    if (tau_on_loop_thread()) return wake_all();
    using Kept = std::shared_ptr<CancellationNode>;
    auto kept = std::make_unique<Kept>(shared_from_this());
    auto arrive = [](void* data) { (*std::unique_ptr<Kept>(static_cast<Kept*>(data)))->wake_all(); };
    auto abandon = [](void* data) { delete static_cast<Kept*>(data); };
    // Refused when this plugin is being unloaded: those who wait are destroyed anyway.
    if (tau_spawn_remote(module_owner(), arrive, abandon, kept.get()) == TAU_OK) kept.release();
  }

  void add(CancellationWait* wait) noexcept {
    wait->previous = nullptr;
    wait->next = waits_;
    if (waits_) waits_->previous = wait;
    waits_ = wait;
    for (CancellationNode* node = this; node->parent_ && !node->linked_; node = node->parent_.get()) node->link();
  }
  void remove(CancellationWait* wait) noexcept {
    (wait->previous ? wait->previous->next : waits_) = wait->next;
    if (wait->next) wait->next->previous = wait->previous;
    for (CancellationNode* node = this; node->linked_ && !node->waits_ && !node->children_;
         node = node->parent_.get()) {
      node->unlink();
    }
  }

 private:
  void link() noexcept {
    linked_ = true;
    previous_ = nullptr;
    next_ = parent_->children_;
    if (next_) next_->previous_ = this;
    parent_->children_ = this;
  }
  void unlink() noexcept {
    linked_ = false;
    (previous_ ? previous_->next_ : parent_->children_) = next_;
    if (next_) next_->previous_ = previous_;
  }
  /// Waking runs nobody, so the lists stay as they are. Not by recursion: children may nest deeply.
  void wake_all() noexcept {
    CancellationNode* node = this;
    for (;;) {
      for (CancellationWait* wait = node->waits_; wait; wait = wait->next) wait->waiter.wake();
      if (node->children_) {
        node = node->children_;
        continue;
      }
      while (node != this && !node->next_) node = node->parent_.get();
      if (node == this) return;
      node = node->next_;
    }
  }

  const std::shared_ptr<CancellationNode> parent_;
  std::atomic<bool> cancelled_{false};
  bool linked_ = false;  // in the parent's list: somebody waits here or below. All below: [loop]
  CancellationWait* waits_ = nullptr;
  CancellationNode* children_ = nullptr;
  CancellationNode* previous_ = nullptr;
  CancellationNode* next_ = nullptr;
};

/// Awaitable returned by CancellationToken::cancelled().
class [[nodiscard("cancelled() is awaited")]] Cancelled : CancellationWait {
 public:
  explicit Cancelled(std::shared_ptr<CancellationNode> node) noexcept : node_(std::move(node)) {}
  /// Until it is awaited.
  Cancelled(Cancelled&& other) noexcept : Cancelled(std::move(other.node_)) {}
  Cancelled& operator=(Cancelled&&) = delete;
  ~Cancelled() {
    if (waits_) node_->remove(this);
  }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    if (node_->is_cancelled()) return suspend_if_exhausted(suspended);
    waiter.set(suspended);
    node_->add(this);
    return waits_ = true;
  }
  void await_resume() const noexcept {}

 private:
  std::shared_ptr<CancellationNode> node_;
  bool waits_ = false;
};

/// An awaitable, or nothing once the token is cancelled.
template <class A>
class [[nodiscard("run_until_cancelled() does nothing until it is awaited")]] RunUntilCancelled
    : public Select<true, Cancelled, A> {
 public:
  using Select<true, Cancelled, A>::Select;
  std::optional<VoidAsUnit<typename Awaited<A>::Value>> await_resume() {
    auto first = Select<true, Cancelled, A>::await_resume();
    if (first.index() == 0) return std::nullopt;
    return std::get<1>(std::move(first));
  }
};

}  // namespace detail

/// Tells tasks to end; copies are the same token.
///
/// Ownership: shared by its copies, children and waits.
/// Threading: [any], but for cancelled() and run_until_cancelled(), which are [loop].
/// Unload:    [drained]: for use within one plugin; a watch::Receiver tells others. It cannot be lent.
/// See:       tokio_util::sync::CancellationToken
class CancellationToken {
 public:
  CancellationToken() : CancellationToken(std::shared_ptr<detail::CancellationNode>()) {}

  /// One that is cancelled with this one, and may be by itself.
  CancellationToken child_token() const { return CancellationToken(node_); }

  /// For good: this token and its descendants. Allocates when not on the loop's thread.
  void cancel() const { node_->cancel(); }
  bool is_cancelled() const noexcept { return node_->is_cancelled(); }

  /// `co_await token.cancelled();` returns once it is. Dropping the wait leaves nothing.
  detail::Cancelled cancelled() const noexcept { return detail::Cancelled(node_); }

  /// The value of `awaitable` (std::monostate for void), or nothing if the token is cancelled first, or
  /// is already; the awaitable has been destroyed then.
  template <class A>
  detail::RunUntilCancelled<A> run_until_cancelled(A&& awaitable) const {
    return detail::RunUntilCancelled<A>(cancelled(), std::forward<A>(awaitable));
  }

  class DropGuard;
  /// Cancels the token at the end of a scope.
  DropGuard drop_guard() const noexcept;

  friend bool operator==(const CancellationToken&, const CancellationToken&) noexcept = default;

 private:
  explicit CancellationToken(std::shared_ptr<detail::CancellationNode> parent)
      : node_(std::make_shared<detail::CancellationNode>(std::move(parent))) {}

  std::shared_ptr<detail::CancellationNode> node_;
};

/// Cancels its token when it is destroyed, unless it was disarmed. See: CancellationToken::drop_guard
class [[nodiscard("a DropGuard that is dropped cancels at once")]] CancellationToken::DropGuard {
 public:
  explicit DropGuard(CancellationToken token) noexcept : token_(std::move(token)) {}
  DropGuard(DropGuard&& other) noexcept : token_(std::exchange(other.token_, std::nullopt)) {}
  DropGuard& operator=(DropGuard&&) = delete;
  ~DropGuard() {
    if (token_) token_->cancel();
  }
  /// Gives the token back, which goes on.
  CancellationToken disarm() && noexcept { return *std::exchange(token_, std::nullopt); }

 private:
  std::optional<CancellationToken> token_;
};

inline CancellationToken::DropGuard CancellationToken::drop_guard() const noexcept { return DropGuard(*this); }

}  // namespace tau
