// TaskGroup: tasks that do not outlive the scope that started them.
//
//   tau::TaskGroup group;
//   group.spawn(serve(first));
//   group.spawn(serve(second));
//   tau::Result<void> served = co_await group.join();
//
// Children are tasks like any other, so each has its own turn, budget and handle. What binds them is
// this object: the first that fails cancels the others, and when the group is destroyed, by whatever
// cancelled its owner, its children are destroyed before its destructor returns (tau_task_drop). So a
// child may refer to what was declared before the group, and leaves its result there.
//
// One thing cannot be destroyed: a child that is inside block_on() has its frames on the stack. It is
// aborted instead, goes when block_on() returns, and the log says so.
#pragma once

#include <tau/rt/plugin.h>

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "spawn.hpp"

namespace tau {

class TaskGroup;

namespace detail {

template <class T>
std::optional<Error> failure_of(const Result<T>& outcome) noexcept {
  if (outcome) return std::nullopt;
  return outcome.error();
}
template <class T>
std::optional<Error> failure_of(const T&) noexcept {
  return std::nullopt;
}

/// A root whose exception stays where it is: the group fetches it, within the same module.
template <class T>
struct GroupRoot : Root<T> {
  static std::int32_t poll(tau_task* context) noexcept {
    void* resume = context->resume;
    if (!resume) return TAU_PENDING;
    context->resume = nullptr;
    auto& promise = Root<T>::handle(context->data).promise();
    if (resume == context->data) promise.context = context;
    std::coroutine_handle<>::from_address(resume).resume();
    if (context->resume != ended(context)) return TAU_PENDING;
    return promise.exception ? TAU_E_THREW : TAU_READY;
  }
  static constexpr tau_task_fns fns{&poll, &Root<T>::drop};
};

/// A child that has not ended.
struct GroupChild : tau_wait {
  explicit GroupChild(TaskGroup& its_group) noexcept : tau_wait{}, group(its_group) { owner = module_owner(); }

  TaskGroup& group;
  TaskId id = 0;
  GroupChild* previous = nullptr;
  GroupChild* next = nullptr;
};

}  // namespace detail

/// A set of tasks with one end.
///
/// A child fails by an exception, or by an Error if it is a Task of a Result. One that is aborted by its
/// handle has ended, and has not failed.
/// Ownership: of the children.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       Python's asyncio.TaskGroup; JoinSet for tasks whose results are read one by one
class TaskGroup {
 public:
  TaskGroup() noexcept = default;
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup() {
    closed_ = true;
    while (head_) destroy(head_);
  }

  /// Spawns a child. Once the group has failed, or its plugin is being unloaded, the task is destroyed
  /// unstarted.
  template <class T>
  AbortHandle spawn(Task<T> task, detail::SourceLocation at = detail::SourceLocation::current()) {
    if (closed_) return AbortHandle();
    auto child = std::make_unique<detail::GroupChild>(*this);
    child->fire = [](tau_wait* wait) { ended<T>(static_cast<detail::GroupChild*>(wait)); };
    child->id = detail::spawn_root(detail::GroupRoot<T>::fns, task.release(), at);
    if (child->id == 0) return AbortHandle();
    tau_join(child->id, child.get());
    link(child.get());
    return AbortHandle(child.release()->id);
  }
  template <detail::TaskFactory F>
  AbortHandle spawn(F closure, detail::SourceLocation at = detail::SourceLocation::current()) {
    return spawn(detail::run_closure<F>(std::move(closure)), at);
  }

  /// Asks all children to end; join() waits until they have, and tells of no failure.
  void cancel() noexcept {
    for (detail::GroupChild* child = head_; child; child = child->next) tau_abort(child->id);
  }

  /// Children that have not ended.
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  /// Waits until all children have ended: `Result<void> outcome = co_await group.join();` Dropping the
  /// wait loses nothing. Afterwards the group may be used again.
  ///
  /// Errors: the first child's Error, or its exception is thrown; Errc::busy if another join() waits.
  auto join() noexcept { return Join(*this); }

 private:
  class [[nodiscard("a join() is awaited")]] Join {
   public:
    explicit Join(TaskGroup& group) noexcept : group_(group) {}
    Join(Join&& other) noexcept : Join(other.group_) {}
    ~Join() {
      if (waits_) group_.waiting_ = {};
    }
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
      busy_ = group_.waiting_.context != nullptr;
      if (busy_) return false;
      if (group_.empty()) return detail::suspend_if_exhausted(suspended);
      group_.waiting_.set(suspended);
      return waits_ = true;
    }
    Result<void> await_resume() {
      if (busy_) return Errc::busy;
      return group_.outcome();
    }

   private:
    TaskGroup& group_;
    bool waits_ = false;
    bool busy_ = false;
  };

  template <class T>
  static void ended(detail::GroupChild* child) noexcept {
    void* data = nullptr;
    const std::int32_t status = tau_join_take(child->id, &data);
    if (status == TAU_E_THREW) {
      child->group.fail(Errc::threw, std::exchange(detail::Root<T>::handle(data).promise().exception, nullptr));
    } else if constexpr (!std::is_void_v<T>) {
      if (status == TAU_OK) {
        const T value = detail::Root<T>::handle(data).promise().take();
        if (const auto error = detail::failure_of(value)) child->group.fail(*error, nullptr);
      }
    }
    child->group.remove(child);
  }

  /// Notes the first failure and asks the others to end.
  void fail(Error error, std::exception_ptr exception) noexcept {
    if (error_) return;
    error_ = error;
    exception_ = std::move(exception);
    closed_ = true;
    cancel();
  }

  Result<void> outcome() {
    closed_ = false;
    const std::optional<Error> error = std::exchange(error_, std::nullopt);
    if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
    if (error) return *error;
    return {};
  }

  void link(detail::GroupChild* child) noexcept {
    child->next = head_;
    if (head_) head_->previous = child;
    head_ = child;
    ++size_;
  }
  void unlink(detail::GroupChild* child) noexcept {
    (child->previous ? child->previous->next : head_) = child->next;
    if (child->next) child->next->previous = child->previous;
    --size_;
  }
  /// Of a child that has ended: its frame goes, and whoever waits for the last one goes on.
  void remove(detail::GroupChild* ended_child) noexcept {
    const std::unique_ptr<detail::GroupChild> child(ended_child);
    unlink(ended_child);
    tau_detach(child->id);
    if (empty() && waiting_.context) waiting_.wake();
  }
  /// Of one that has not.
  void destroy(detail::GroupChild* running) noexcept {
    const std::unique_ptr<detail::GroupChild> child(running);
    unlink(running);
    tau_join_cancel(child->id, running);
    if (tau_task_drop(child->id) != TAU_E_BUSY) return;
    tau_abort(child->id);
    tau_detach(child->id);
    static constexpr char text[] = "a child of a TaskGroup is inside block_on() and outlives the group until it returns";
    tau_log(detail::module_owner(), TAU_LOG_ERROR, text, sizeof text - 1);
  }

  detail::GroupChild* head_ = nullptr;
  std::size_t size_ = 0;
  detail::Waiter waiting_;
  bool closed_ = false;
  std::optional<Error> error_;  // of the first child that failed
  std::exception_ptr exception_;
};

}  // namespace tau
