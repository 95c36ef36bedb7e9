// Context: how a suspended coroutine and its task find one another.
//
// A task's context is the head of its slot (tau_task). Each coroutine of the task knows it. A leaf
// awaiter keeps its coroutine's handle, suspends, and when what it waits for has happened sets
// `resume` and wakes the task; the poll that follows resumes there. A wake that sets no `resume` is
// harmless, so nobody is resumed twice or too early.
//
// A part of a task that waits by itself, such as a branch of select(), has a context of its own: the
// head of a tau_task that no host knows (branch.hpp). tau_task_wake() takes it like any other.
//
// Rule for every awaiter: it has a constructor (GCC 12 duplicates aggregate temporaries bitwise in
// expressions with co_await), its destructor withdraws what it linked (I7), and it can be moved until
// it is awaited, so that a combinator may own it (awaited.hpp).
#pragma once

#include <tau/rt/task.h>

#include <coroutine>

namespace tau::detail {

using Context = ::tau_task;

/// What a root coroutine leaves in `resume` when it has ended.
inline void* ended(Context* context) noexcept { return context; }

/// Makes the task go on at `handle` at its next turn. [loop]
inline void schedule(Context* context, std::coroutine_handle<> handle) noexcept {
  context->resume = handle.address();
  tau_task_wake(context);
}

/// Where a leaf awaiter's coroutine waits.
struct Waiter {
  Context* context = nullptr;
  std::coroutine_handle<> handle;

  template <class Promise>
  void set(std::coroutine_handle<Promise> suspended) noexcept {
    context = suspended.promise().context;
    handle = suspended;
  }
  void wake() const noexcept { schedule(context, handle); }
};

/// For an awaiter that turned out to be ready: goes on at once (false), unless the task has used up its
/// budget; then it yields first (true), so that a chain of ready awaits starves nobody.
template <class Promise>
bool suspend_if_exhausted(std::coroutine_handle<Promise> handle) noexcept {
  Context* context = handle.promise().context;
  if (context->budget > 1) {
    --context->budget;
    return false;
  }
  schedule(context, handle);
  return true;
}

}  // namespace tau::detail
