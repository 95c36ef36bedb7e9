// Executor: runs tasks, one after another, on the loop's thread.
//
// A task is queued when it is woken and polled when its turn comes. Aborting marks and queues it; it is
// dropped at its turn, never inside abort(), so no destructor runs in the middle of another's. Dropping
// calls the module's `drop`, which destroys the coroutine frame and with it every wait (I7).
//
// Who may touch what: everything is the loop's but request(), which is how other threads wake, abort and
// detach (I8).
#pragma once

#include <tau/rt/task.h>

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>

#include "remote_queue.hpp"
#include "task_slot.hpp"
#include "task_table.hpp"

namespace tau::host {

class Executor {
 public:
  explicit Executor(RemoteQueue& remote) noexcept : remote_(remote) {}
  ~Executor();

  // ---- the loop's side ----
  /// `site`: where, as a number of the owner's SpawnSites.
  std::int32_t spawn(Owner& owner, const tau_task_fns* fns, void* resume, void* data, tau_task_id* out,
                     std::uint32_t site = 0) noexcept {
    if (!owner.accepts()) [[unlikely]] return TAU_E_UNLOADING;
    TaskSlot* task = table_.take(owner);
    if (!task) [[unlikely]] return TAU_E_NO_MEMORY;
    task->resume = resume;
    task->data = data;
    task->fns = fns;
    task->state = TAU_TASK_LIVE | site << task_site_shift;
    task->joiner = nullptr;
    ++owner.tasks;
    ++owner.live_tasks;
    enqueue(task);
    *out = id_of(task);
    return TAU_OK;
  }

  /// Also for a branch's context, which is no slot.
  void wake(tau_task* task) noexcept {
    constexpr std::uint32_t deaf =
        TAU_TASK_QUEUED | TAU_TASK_RUNNING | TAU_TASK_FINISHED | TAU_TASK_BRANCH | task_dropping;
    if (task->state & deaf) {
      if (task->state & TAU_TASK_BRANCH) return wake_branch(task);
      if (task->state & TAU_TASK_RUNNING) task->state |= TAU_TASK_WOKEN;
      return;
    }
    enqueue(static_cast<TaskSlot*>(task));
  }
  void abort(TaskSlot* task) noexcept;
  void detach(TaskSlot* task) noexcept;
  /// Drops a task inside this call, unless its poll or its drop is on the stack (TAU_E_BUSY).
  std::int32_t drop_now(TaskSlot* task) noexcept;

  std::int32_t join(tau_task_id id, tau_wait* wait) noexcept;
  void join_cancel(tau_task_id id, tau_wait* wait) noexcept;
  std::int32_t join_take(tau_task_id id, void** data) noexcept;
  /// What the current task's plugin waits for: its data becomes the caller's, and the slot is given back.
  std::int32_t join_release(tau_task_id id, tau_wait* wait, void** data) noexcept;

  void set_message(TaskSlot* task, std::string text) noexcept;
  const std::string* message(tau_task_id id) const noexcept;

  std::int32_t set_name(TaskSlot* task, const char* name, std::size_t length) noexcept;
  /// Shows the owner's tasks, and returns how many there are.
  std::int32_t list(Owner& owner, void (*visit)(void* data, const tau_task_info* info), void* data) noexcept;

  /// Whether another owner has tasks that have not ended. O(all tasks)
  bool has_tasks_beside(const Owner& owner) noexcept;

  /// Polls at most `limit` tasks; returns how many turns were taken.
  std::size_t run(std::size_t limit) noexcept;
  bool ready() const noexcept { return head_ != nullptr; }

  /// Drops every task of an owner that is being unloaded, and unlinks its waits on others' tasks.
  /// None of its tasks may be on a stack but such as cannot be unwound: those stay.
  void drop_owner(Owner& owner) noexcept;
  /// Returns the memory of an owner without tasks.
  void reclaim(Owner& owner) noexcept;

  /// The task that runs, or null.
  TaskSlot* current() const noexcept { return current_; }
  /// Where that is kept: each stack has its own.
  void* current_variable() noexcept { return &current_; }

  /// While it lives no task runs: for what is called on a task's stack and not by it.
  class Outside {
   public:
    explicit Outside(Executor& executor) noexcept
        : executor_(executor), inside_(std::exchange(executor.current_, nullptr)) {}
    ~Outside() { executor_.current_ = inside_; }
    Outside(const Outside&) = delete;

   private:
    Executor& executor_;
    TaskSlot* inside_;
  };

  /// The live task that `id` names, or null.
  TaskSlot* find(tau_task_id id) const noexcept {
    TaskSlot* task = table_.find(id);
    if (!task || generation(task->remote.load(std::memory_order_relaxed)) != generation(id) ||
        !(task->state & TAU_TASK_LIVE)) {
      return nullptr;
    }
    return task;
  }

  /// Requests of other threads that have arrived for one task.
  void arrived(RemoteLink* link) noexcept;

  // ---- any thread's side ----
  /// Leaves `request` (TaskSlot::wake, abort or detach) with a task; TAU_E_STALE if it is gone.
  std::int32_t request(tau_task_id id, std::uint64_t request) noexcept;

  static tau_task_id id_of(const TaskSlot* task) noexcept { return TaskTable::id_of(task); }

 private:
  void enqueue(TaskSlot* task) noexcept {
    task->state |= TAU_TASK_QUEUED;
    task->next = nullptr;
    if (tail_) {
      tail_->next = task;
    } else {
      head_ = task;
    }
    tail_ = task;
  }
  void poll(TaskSlot* task) noexcept;
  /// A branch is a head in a module's memory: no more of a slot than that.
  static void wake_branch(tau_task* branch) noexcept { branch->fns->poll(branch); }
  void finish(TaskSlot* task, std::int32_t outcome) noexcept;
  void drop(TaskSlot* task) noexcept;
  tau_wait* destroy(TaskSlot* task) noexcept;
  void forget_texts(TaskSlot* task) noexcept {
    if (!messages_.empty() || (task->state & task_named)) [[unlikely]] erase_texts(id_of(task));
  }
  void erase_texts(tau_task_id id) noexcept;
  void give_back(TaskSlot* task) noexcept;
  void unqueue(Owner& owner) noexcept;
  tau_wait* unlink_joiner(TaskSlot* task) noexcept;

  RemoteQueue& remote_;
  TaskTable table_;
  TaskSlot* head_ = nullptr;
  TaskSlot* tail_ = nullptr;
  TaskSlot* current_ = nullptr;
  std::unordered_map<tau_task_id, std::string> messages_;
  std::unordered_map<tau_task_id, std::string> names_;
};

}  // namespace tau::host
