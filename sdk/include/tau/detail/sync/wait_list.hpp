// Wait list: who waits, first come first served. Nodes lie in awaiters, or on a blocked thread's stack.
//
// A node is in one list at most and knows which, so that it can leave at any moment (I7). Everything here
// is guarded by the lock of the state that the list belongs to.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "../context.hpp"
#include "../module.hpp"
#include "thread_sleep.hpp"

namespace tau::detail::sync {

class WaitList;
struct Core;

/// Where a node is in its life.
enum class Stage : std::uint8_t {
  idle,     // not waiting yet, or done
  waiting,  // in a list
  granted,  // has got what it waits for; if it is destroyed, somebody else must get it
  ended,    // was told that there is nothing to get, or nothing that could get lost
};

/// A node's stage. It is changed under the lock; but the task that waits looks at it without, to see whether it waits
/// at all, which nobody else changes, while another thread may be granting what it waits for.
class NodeStage {
 public:
  NodeStage& operator=(Stage now) noexcept {
    value_.store(now, std::memory_order_relaxed);
    return *this;
  }
  operator Stage() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<Stage> value_{Stage::idle};
};

struct WaitNode {
  WaitNode* next;
  WaitNode* previous;
  WaitList* list = nullptr;
  Waiter waiter;                // none while nobody awaits the node
  tau_plugin* owner;            // by whom another thread reaches the loop on the node's behalf ...
  void (*drain)(void* core);    // ... and what to call there: code of the node's own module
  std::size_t wanted;           // permits in all, and those it still lacks
  std::size_t needed;
  NodeStage stage;
  bool blocking = false;        // it is a BlockedThread

  WaitNode() noexcept {}
  WaitNode(const WaitNode&) = delete;
  WaitNode& operator=(const WaitNode&) = delete;
};

/// A thread that waits, with the state's mutex, for its node's stage to change.
struct BlockedThread : WaitNode {
  ThreadSleep sleep;

  BlockedThread() noexcept { blocking = true; }
};

class WaitList {
 public:
  WaitList() noexcept = default;
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;

  bool empty() const noexcept { return head_ == nullptr; }
  WaitNode* front() const noexcept { return head_; }

  void push_back(WaitNode& node) noexcept {
    node.list = this;
    node.next = nullptr;
    node.previous = tail_;
    (tail_ ? tail_->next : head_) = &node;
    tail_ = &node;
  }
  /// `node` is in some list.
  static void remove(WaitNode& node) noexcept {
    WaitList& list = *node.list;
    (node.previous ? node.previous->next : list.head_) = node.next;
    (node.next ? node.next->previous : list.tail_) = node.previous;
    node.list = nullptr;
  }
  WaitNode* pop_front() noexcept {
    WaitNode* const first = head_;
    if (first) remove(*first);
    return first;
  }

 private:
  WaitNode* head_ = nullptr;
  WaitNode* tail_ = nullptr;
};

}  // namespace tau::detail::sync
