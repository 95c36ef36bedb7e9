// Trampolines of the runtime's families: validate, translate, delegate.
//
// libtau_rt.so finds these in the executable by name (host.list exports them). Calls that belong to the
// loop check their thread where the mistake would corrupt something; a wrong call is refused, not served.
#include <tau/rt/abi.h>
#include <tau/rt/blocking.h>
#include <tau/rt/event.h>
#include <tau/rt/io.h>
#include <tau/rt/resource.h>
#include <tau/rt/task.h>
#include <tau/rt/timer.h>

#include <algorithm>
#include <cstring>

#include "runtime/assert.hpp"
#include "runtime/loop_barrier.hpp"
#include "runtime/runtime.hpp"

#define TAU_TRAMPOLINE extern "C" __attribute__((visibility("default")))

using tau::host::Executor;
using tau::host::Runtime;
using tau::host::TaskSlot;

namespace {

Runtime& runtime() noexcept {
  return *Runtime::instance();
}

bool on_loop() noexcept { return runtime().on_loop(); }
/// The same for what may be called after the loop's end.
bool has_loop() noexcept { return Runtime::instance() && on_loop(); }

/// Of an operation, what can be known without asking the system.
bool makes_sense(const tau_io& op) noexcept {
  if (op.opcode < TAU_IO_POLL || op.opcode > TAU_IO_SYMLINKAT) return false;
  if (op.how == 0) return true;
  if ((op.how & ~unsigned{TAU_IO_MORE}) != TAU_IO_MULTISHOT) return false;
  if (op.opcode == TAU_IO_ACCEPT) return op.buffer == nullptr;
  return op.opcode == TAU_IO_RECV && op.owner == runtime().reactor.owner_of_buffers(op.group);
}

}  // namespace

TAU_TRAMPOLINE std::int32_t tau_host_abi_version() noexcept { return TAU_ABI_VERSION; }

// ---- task.h ----

TAU_TRAMPOLINE std::int32_t tau_host_spawn(tau_plugin* owner, const tau_task_fns* fns, void* resume, void* data,
                                           tau_task_id* out) noexcept {
  if (!on_loop()) [[unlikely]] return TAU_E_THREAD;
  return runtime().executor.spawn(*owner, fns, resume, data, out);
}

TAU_TRAMPOLINE std::int32_t tau_host_spawn_remote(tau_plugin* owner, void (*start)(void*), void (*abandon)(void*),
                                                  void* data) noexcept {
  return runtime().spawn_remote(*owner, start, abandon, data);
}

TAU_TRAMPOLINE std::int32_t tau_host_spawn_remote_quietly(tau_plugin* owner, void (*start)(void*),
                                                          void (*abandon)(void*), void* data) noexcept {
  return runtime().spawn_remote(*owner, start, abandon, data, true);
}

TAU_TRAMPOLINE void tau_host_wake_loop() noexcept { runtime().remote.wake_if_sleeping(); }

TAU_TRAMPOLINE void tau_host_task_wake(tau_task* task) noexcept {
  runtime().executor.wake(task);
}

TAU_TRAMPOLINE std::int32_t tau_host_wake(tau_task_id id) noexcept {
  if (!on_loop()) return runtime().executor.request(id, TaskSlot::wake);
  TaskSlot* task = runtime().executor.find(id);
  if (!task) return TAU_E_STALE;
  runtime().executor.wake(task);
  return TAU_OK;
}

TAU_TRAMPOLINE std::int32_t tau_host_abort(tau_task_id id) noexcept {
  if (!on_loop()) return runtime().executor.request(id, TaskSlot::abort);
  TaskSlot* task = runtime().executor.find(id);
  if (!task) return TAU_E_STALE;
  runtime().executor.abort(task);
  return TAU_OK;
}

TAU_TRAMPOLINE std::int32_t tau_host_task_drop(tau_task_id id) noexcept {
  if (!on_loop()) [[unlikely]] return TAU_E_THREAD;
  TaskSlot* task = runtime().executor.find(id);
  return task ? runtime().executor.drop_now(task) : TAU_E_STALE;
}

TAU_TRAMPOLINE std::int32_t tau_host_detach(tau_task_id id) noexcept {
  if (!on_loop()) return runtime().executor.request(id, TaskSlot::detach);
  TaskSlot* task = runtime().executor.find(id);
  if (!task) return TAU_E_STALE;
  runtime().executor.detach(task);
  return TAU_OK;
}

TAU_TRAMPOLINE tau_task* tau_host_task_current_head() noexcept {
  return on_loop() ? runtime().executor.current() : nullptr;
}

TAU_TRAMPOLINE tau_task_id tau_host_task_current() noexcept {
  TaskSlot* task = on_loop() ? runtime().executor.current() : nullptr;
  return task ? Executor::id_of(task) : 0;
}

TAU_TRAMPOLINE std::int32_t tau_host_task_state(tau_task_id id) noexcept {
  TaskSlot* task = runtime().executor.find(id);
  return task ? static_cast<std::int32_t>(task->state & tau::host::task_abi_bits) : TAU_E_STALE;
}

TAU_TRAMPOLINE std::int32_t tau_host_join(tau_task_id id, tau_wait* wait) noexcept {
  return runtime().executor.join(id, wait);
}

TAU_TRAMPOLINE void tau_host_join_cancel(tau_task_id id, tau_wait* wait) noexcept {
  runtime().executor.join_cancel(id, wait);
}

TAU_TRAMPOLINE std::int32_t tau_host_join_take(tau_task_id id, void** data) noexcept {
  return runtime().executor.join_take(id, data);
}

TAU_TRAMPOLINE std::int32_t tau_host_join_release(tau_task_id id, tau_wait* wait, void** data) noexcept {
  return runtime().executor.join_release(id, wait, data);
}

TAU_TRAMPOLINE void tau_host_task_set_message(tau_task* task, const char* text, std::size_t length) noexcept {
  runtime().executor.set_message(static_cast<TaskSlot*>(task), {text, length});
}

TAU_TRAMPOLINE std::int32_t tau_host_task_message(tau_task_id id, char* out, std::size_t capacity) noexcept {
  if (!runtime().executor.find(id)) return TAU_E_STALE;
  const std::string* text = runtime().executor.message(id);
  if (!text) return 0;
  if (capacity != 0) std::memcpy(out, text->data(), std::min(capacity, text->size()));
  return static_cast<std::int32_t>(text->size());
}

TAU_TRAMPOLINE void* tau_host_frame_alloc(tau_plugin* owner, std::size_t size) noexcept {
  return owner->frames.allocate(size, on_loop());
}

TAU_TRAMPOLINE void* tau_host_shared_alloc(std::size_t size) noexcept {
  return tau::host::FrameSlab::shared().allocate(size, has_loop());
}

TAU_TRAMPOLINE void tau_host_frame_free(void* frame, std::size_t) noexcept {
  tau::host::FrameSlab::deallocate(frame, has_loop());
}

TAU_TRAMPOLINE std::int32_t tau_host_block_on(tau_plugin* owner, const tau_task_fns* fns, void* resume, void* data,
                                              tau_task_id* out, void** result) {
  return runtime().block_on(*owner, fns, resume, data, out, result);
}

TAU_TRAMPOLINE std::int32_t tau_host_on_loop_thread() noexcept { return on_loop(); }

TAU_TRAMPOLINE std::int32_t tau_host_loop_barrier() noexcept {
  if (!tau::host::loop_barrier::available()) return TAU_E_UNSUPPORTED;
  if (!on_loop()) tau::host::loop_barrier::issue();
  return TAU_OK;
}

// ---- timer.h ----

TAU_TRAMPOLINE std::uint64_t tau_host_now() noexcept { return runtime().clock.now(); }

TAU_TRAMPOLINE std::uint64_t tau_host_deadline_after(std::uint64_t delay_ns) noexcept {
  return runtime().clock.after(delay_ns);
}

TAU_TRAMPOLINE std::int32_t tau_host_sleep_until(tau_timer* timer, std::uint64_t deadline_ns) noexcept {
  if (!on_loop()) [[unlikely]] return TAU_E_THREAD;
  return runtime().arm(timer, deadline_ns);
}

TAU_TRAMPOLINE std::int32_t tau_host_sleep(tau_timer* timer, std::uint64_t delay_ns) noexcept {
  return tau_host_sleep_until(timer, runtime().clock.after(delay_ns));
}

TAU_TRAMPOLINE void tau_host_sleep_cancel(tau_timer* timer) noexcept { runtime().wheel.cancel(timer); }

// ---- io.h ----

TAU_TRAMPOLINE std::int32_t tau_host_io_submit(tau_io* op) noexcept {
  if (!on_loop()) [[unlikely]] return TAU_E_THREAD;
  if (!op->owner->accepts()) return TAU_E_UNLOADING;
  if (!makes_sense(*op)) return TAU_E_INVALID;
  if (runtime().reactor.submit(op)) return TAU_READY;
  ++op->owner->ios;
  return TAU_PENDING;
}

TAU_TRAMPOLINE void tau_host_io_cancel(tau_io* op) noexcept {
  if (runtime().reactor.cancel(op)) --op->owner->ios;
}

TAU_TRAMPOLINE std::int32_t tau_host_fd_register(tau_plugin* owner, std::int32_t fd, tau_fd* out) noexcept {
  if (!on_loop()) [[unlikely]] return TAU_E_THREAD;
  if (!owner->accepts()) return TAU_E_UNLOADING;
  std::int32_t status = runtime().reactor.add(owner, fd, out);
  if (status == TAU_OK) ++owner->fds;
  return status;
}

TAU_TRAMPOLINE std::int32_t tau_host_fd_deregister(tau_fd handle) noexcept {
  tau_plugin* owner = runtime().reactor.owner_of(handle);
  std::int32_t status = runtime().reactor.remove(handle);
  if (status == TAU_OK) --owner->fds;
  return status;
}

TAU_TRAMPOLINE std::int32_t tau_host_fd_wait_ready(tau_fd handle, tau_fd_wait* wait) noexcept {
  if (!wait->owner->accepts()) return TAU_E_UNLOADING;
  constexpr std::uint32_t events = TAU_IN | TAU_OUT | TAU_ERR | TAU_HUP | TAU_RDHUP | TAU_PRI;
  if (wait->interest & ~events) return TAU_E_INVALID;  // the reactor has more, for the host's own
  std::int32_t status = runtime().reactor.wait_ready(handle, wait);
  if (status == TAU_PENDING) ++wait->owner->fd_waits;
  return status;
}

TAU_TRAMPOLINE void tau_host_fd_wait_cancel(tau_fd_wait* wait) noexcept {
  if (runtime().reactor.cancel_wait(wait)) --wait->owner->fd_waits;
}

TAU_TRAMPOLINE std::int32_t tau_host_fd_clear(tau_fd handle, std::uint32_t events) noexcept {
  return runtime().reactor.clear(handle, events);
}

// ---- blocking.h (tau_thread_atexit: see exports_plugin.cpp) ----

TAU_TRAMPOLINE std::int32_t tau_host_spawn_blocking(tau_job* job) noexcept {
  std::int32_t status = runtime().pool.submit(job);
  if (status < 0) runtime().let_go();
  return status;
}

TAU_TRAMPOLINE std::int32_t tau_host_spawn_blocking_cancel(tau_job* job) noexcept {
  std::int32_t status = runtime().pool.cancel(job);
  if (status == TAU_OK) runtime().let_go();
  return status;
}

// ---- resource.h ----

TAU_TRAMPOLINE std::int32_t tau_host_resource_put(tau_plugin* owner, const char* name, std::size_t length,
                                                  std::uint64_t type, void* object, void (*drop)(void*)) noexcept {
  return runtime().resources.put(*owner, {name, length}, type, object, drop);
}

TAU_TRAMPOLINE std::int32_t tau_host_resource_get(tau_plugin* user, const char* name, std::size_t length,
                                                  std::uint64_t type, void** object, tau_resource** out) noexcept {
  return runtime().resources.get(*user, {name, length}, type, object, out);
}

TAU_TRAMPOLINE std::int32_t tau_host_resource_take(tau_plugin* user, const char* name, std::size_t length,
                                                   std::uint64_t type, void** object, tau_resource** out) noexcept {
  return runtime().resources.take(*user, {name, length}, type, object, out);
}

TAU_TRAMPOLINE void tau_host_resource_release(tau_resource* reference) noexcept {
  runtime().resources.release(reference);
}

// ---- event.h ----

TAU_TRAMPOLINE std::int32_t tau_host_event_subscribe(tau_subscription* subscription, const char* name,
                                                     std::size_t length, std::uint64_t type) noexcept {
  return runtime().events.subscribe(*subscription, {name, length}, type);
}

TAU_TRAMPOLINE void tau_host_event_unsubscribe(tau_subscription* subscription) noexcept {
  runtime().events.unsubscribe(*subscription);
}

TAU_TRAMPOLINE std::int32_t tau_host_event_publish(tau_plugin* owner, const char* name, std::size_t length,
                                                   std::uint64_t type, const void* object) noexcept {
  return runtime().events.publish(*owner, {name, length}, type, object);
}
