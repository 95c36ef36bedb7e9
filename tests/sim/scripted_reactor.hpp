// A reactor whose operations complete when the simulation says so, and which never sleeps: when the loop
// would, the simulation lets something happen instead.
#pragma once

#include <cstddef>
#include <functional>

#include "reactor/intrusive_queue.hpp"
#include "reactor/reactor.hpp"

namespace tau::sim {

class ScriptedReactor final : public host::Reactor {
 public:
  /// Of which the simulation must find each.
  struct Faults {
    bool ignores_cancel = false;
    bool forgets_withdrawal = false;
    bool completes_twice = false;
  };
  Faults faults;

  /// Called where the loop would sleep, for `timeout_ns` at most.
  std::function<void(std::int64_t timeout_ns)> asleep;

  std::string_view name() const noexcept override { return "scripted"; }

  /// An operation of which `flags` is not zero finishes at once.
  bool submit(tau_io* op) noexcept override {
    if (op->flags != 0) {
      op->result = op->offset;
      return true;
    }
    link(waiting_, op);
    ++count_;
    return false;
  }
  bool cancel(tau_io* op) noexcept override {
    if (!op->previous) return false;
    if (!faults.ignores_cancel) {
      unlink(op);
      --count_;
    }
    return true;
  }
  std::size_t withdraw_owner(tau_plugin* owner) noexcept override {
    if (faults.forgets_withdrawal) return 0;
    std::size_t found = 0;
    for (Queue* queue : {&waiting_, &due_}) {
      for (tau_io* op = queue->front(); op;) {
        tau_io* next = op->next;
        if (op->owner == owner) {
          unlink(op);
          --count_;
          ++found;
        }
        op = next;
      }
    }
    return found;
  }

  std::int32_t add(tau_plugin*, int, tau_fd*) noexcept override { return TAU_E_UNSUPPORTED; }
  tau_plugin* owner_of(tau_fd) const noexcept override { return nullptr; }
  std::int32_t remove(tau_fd) noexcept override { return TAU_E_STALE; }
  std::int32_t wait_ready(tau_fd, tau_fd_wait*) noexcept override { return TAU_E_STALE; }
  bool cancel_wait(tau_fd_wait*) noexcept override { return false; }
  std::int32_t clear(tau_fd, std::uint32_t) noexcept override { return TAU_E_STALE; }
  std::size_t pending() const noexcept override { return count_; }

  void poll(std::int64_t timeout_ns) noexcept override {
    if (timeout_ns != 0) asleep(timeout_ns);
    // What a callback completes waits for the next poll.
    Queue now;
    while (tau_io* op = due_.pop()) link(now, op);
    while (tau_io* op = now.pop()) {
      --count_;
      op->result = op->offset;
      call(op);
      if (faults.completes_twice) call(op);
    }
  }
  void wake() noexcept override { ++wakes; }

  /// Lets an operation complete in the next poll, the oldest or the one after it; false if none waits.
  bool complete(bool oldest) noexcept {
    tau_io* op = waiting_.front();
    if (op && !oldest && op->next) op = op->next;
    if (!op) return false;
    unlink(op);
    link(due_, op);
    return true;
  }
  bool anything_due() const noexcept { return !due_.empty(); }

  std::size_t wakes = 0;

 private:
  using Queue = host::IntrusiveQueue<tau_io>;

  static void link(Queue& queue, tau_io* op) noexcept {
    op->entry = &queue;
    queue.push(op);
  }
  static void unlink(tau_io* op) noexcept { static_cast<Queue*>(op->entry)->remove(op); }

  Queue waiting_;
  Queue due_;
  std::size_t count_ = 0;
};

}  // namespace tau::sim
