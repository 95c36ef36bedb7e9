// Spawning: making a Task run by itself.
#pragma once

#include <atomic>
#include <concepts>
#include <coroutine>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "detail/source_location.hpp"
#include "join_handle.hpp"

namespace tau {

namespace detail {

template <class T>
struct TaskValue;
template <class T>
struct TaskValue<Task<T>> {
  using type = T;
};

template <class F>
concept TaskFactory = requires { typename TaskValue<std::invoke_result_t<F&>>::type; };

/// Keeps a closure alive as long as the coroutine it returned.
template <class F>
std::invoke_result_t<F&> run_closure(F closure) {
  co_return co_await closure();
}

/// A task from a coroutine, or 0: then the coroutine was destroyed.
inline TaskId spawn_root(const tau_task_fns& fns, std::coroutine_handle<> root, detail::SourceLocation at) noexcept {
  TaskId id = 0;
  if (tau_spawn_at(module_owner(), &fns, root.address(), &id, at.file_name(), at.line()) < 0) root.destroy();
  return id;
}

}  // namespace detail

/// Spawns `task` onto the loop; it runs from the next turn on. The runtime knows it by where this is
/// called, and by `name` if one is given: see list_tasks().
///
/// Ownership: the runtime owns it from here; the handle owns its result. The name is copied.
/// Errors:    when the plugin is being unloaded the task is destroyed unstarted and the handle reads
///            canceled.
/// Threading: [loop]; elsewhere use spawn_on_loop.
/// Unload:    [drained]
/// See:       tokio::spawn, tokio::task::Builder
template <class T>
JoinHandle<T> spawn(Task<T> task, detail::SourceLocation at = detail::SourceLocation::current()) noexcept {
  return JoinHandle<T>(detail::spawn_root(detail::Root<T>::fns, task.release(), at));
}
template <class T>
JoinHandle<T> spawn(Task<T> task, std::string_view name,
                    detail::SourceLocation at = detail::SourceLocation::current()) noexcept {
  JoinHandle<T> handle = spawn(std::move(task), at);
  tau_task_set_name(handle.task_id(), name.data(), name.size());
  return handle;
}

/// The same for a callable that returns a Task; the callable lives as long as the task.
template <detail::TaskFactory F>
auto spawn(F closure, detail::SourceLocation at = detail::SourceLocation::current()) {
  return spawn(detail::run_closure<F>(std::move(closure)), at);
}
template <detail::TaskFactory F>
auto spawn(F closure, std::string_view name, detail::SourceLocation at = detail::SourceLocation::current()) {
  return spawn(detail::run_closure<F>(std::move(closure)), name, at);
}

/// Spawns from any thread, detached.
///
/// Errors:    Errc::unloading: the task is destroyed unstarted.
/// Threading: [any]
/// Unload:    [drained]
inline Result<void> spawn_on_loop(Task<void> task) noexcept {
  void* frame = task.release().address();
  auto start = [](void* data) { spawn(Task<void>(Task<void>::Handle::from_address(data))).detach(); };
  auto abandon = [](void* data) { Task<void>::Handle::from_address(data).destroy(); };
  std::int32_t status = tau_spawn_remote(detail::module_owner(), start, abandon, frame);
  if (status < 0) abandon(frame);
  return Result<void>::from_status(status);
}

/// Awaitable returned by yield_now().
class [[nodiscard("a Yield does nothing until it is awaited")]] Yield {
 public:
  Yield() noexcept {}
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    detail::schedule(suspended.promise().context, suspended);
  }
  // An empty one would do. Clang 14 crashes, optimising, where that ends in a look at a variable:
  // `while (!stop) co_await yield_now()`. A fence for the compiler alone keeps the two apart.
  void await_resume() const noexcept {
    std::atomic_signal_fence(std::memory_order_acq_rel);
  }
};

/// Lets every other ready task run once.
/// Threading: [loop]. See: tokio::task::yield_now
inline Yield yield_now() noexcept { return Yield(); }

/// Id of the running task, 0 outside of one. [any]
inline TaskId current_task_id() noexcept { return tau_task_current(); }

/// Runs `task` to its end and returns its result.
///
/// On the loop's thread the call is suspended with its stack and everybody else goes on; several may be, and end
/// in any order. On another thread the caller waits.
/// Errors:    Errc::threw, Errc::canceled, Errc::unloading.
/// Threading: [any]
/// Unload:    [drained]: leaves by an exception that must not be held back, see tau/rt/fiber.h.
/// See:       tokio::runtime::Runtime::block_on, which may not be called inside of a task; this may.
template <class T>
Result<T> block_on(Task<T> task) {
  TaskId id = 0;
  void* data = nullptr;
  std::int32_t status;
  {
    auto handle = task.release();
    // Once it has an id the task is the executor's, also when this call is unwound.
    struct Keep {
      typename Task<T>::Handle handle;
      TaskId& id;
      Keep(typename Task<T>::Handle handle, TaskId& id) noexcept : handle(handle), id(id) {}
      ~Keep() {
        if (id == 0) handle.destroy();
      }
    } keep(handle, id);
    status = tau_block_on(detail::module_owner(), &detail::Root<T>::fns, handle.address(), handle.address(), &id,
                          &data);
  }
  if (id == 0) return Error::from_status(status);
  JoinHandle<T> joined(id);
  if (status == TAU_E_STALE) return Errc::canceled;
  if (status < 0) return Error::from_status(status);
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return detail::Root<T>::handle(data).promise().take();
  }
}

}  // namespace tau
