// Trampolines of what is known of tasks: where they were spawned, what they are called. See exports.cpp.
#include <tau/rt/task.h>

#include "runtime/runtime.hpp"

#define TAU_TRAMPOLINE extern "C" __attribute__((visibility("default")))

using tau::host::Runtime;

TAU_TRAMPOLINE std::int32_t tau_host_spawn_at(tau_plugin* owner, const tau_task_fns* fns, void* data,
                                              tau_task_id* out, const char* file, std::uint32_t line) noexcept {
  Runtime& runtime = *Runtime::instance();
  if (!runtime.on_loop()) [[unlikely]] return TAU_E_THREAD;
  return runtime.executor.spawn(*owner, fns, data, data, out, owner->sites.number(file, line));
}

TAU_TRAMPOLINE std::int32_t tau_host_task_set_name(tau_task_id id, const char* name, std::size_t length) noexcept {
  Runtime& runtime = *Runtime::instance();
  if (!runtime.on_loop()) [[unlikely]] return TAU_E_THREAD;
  tau::host::TaskSlot* task = runtime.executor.find(id);
  return task ? runtime.executor.set_name(task, name, length) : TAU_E_STALE;
}

TAU_TRAMPOLINE std::int32_t tau_host_task_list(tau_plugin* owner, void (*visit)(void*, const tau_task_info*),
                                               void* data) noexcept {
  Runtime& runtime = *Runtime::instance();
  if (!runtime.on_loop()) [[unlikely]] return TAU_E_THREAD;
  return runtime.executor.list(*owner, visit, data);
}
