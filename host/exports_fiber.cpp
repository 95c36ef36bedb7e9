// Trampolines of fiber.h. Those that may unwind are not noexcept: the exception leaves through them.
#include <tau/rt/fiber.h>

#include "fiber/parking.hpp"
#include "plugin/fiber_keys.hpp"
#include "runtime/runtime.hpp"

#define TAU_TRAMPOLINE extern "C" __attribute__((visibility("default")))

using tau::host::Fiber;
using tau::host::FiberLocals;
using tau::host::Runtime;

namespace {

Runtime& runtime() noexcept { return *Runtime::instance(); }

}  // namespace

TAU_TRAMPOLINE std::int32_t tau_host_park(tau_plugin* owner, tau_parker* parker, std::uint64_t deadline_ns) {
  return tau::host::park(runtime(), *owner, *parker, deadline_ns);
}

TAU_TRAMPOLINE void tau_host_unpark(tau_parker* parker) noexcept { tau::host::unpark(runtime(), *parker); }

TAU_TRAMPOLINE std::int32_t tau_host_cond_wait(tau_plugin* owner, void* cond, void* mutex, std::uint64_t deadline_ns) {
  return tau::host::cond_wait(runtime(), *owner, cond, mutex, deadline_ns);
}

TAU_TRAMPOLINE void tau_host_cond_signal(void* cond) noexcept { tau::host::cond_wake(runtime(), cond, 1); }

TAU_TRAMPOLINE void tau_host_cond_broadcast(void* cond) noexcept { tau::host::cond_wake(runtime(), cond, SIZE_MAX); }

TAU_TRAMPOLINE std::int32_t tau_host_fiber_start(tau_plugin* owner, std::size_t stack_size, void (*entry)(void*),
                                                 void (*ended)(void*), void* argument, tau_fiber** out) noexcept {
  if (!runtime().on_loop()) return TAU_E_THREAD;
  if (!owner->accepts()) return TAU_E_UNLOADING;
  Fiber* fiber = runtime().fibers.start(*owner, stack_size, entry, ended, argument);
  if (!fiber) return TAU_E_NO_MEMORY;
  *out = reinterpret_cast<tau_fiber*>(fiber);
  return TAU_OK;
}

TAU_TRAMPOLINE void tau_host_fiber_destroy(tau_fiber* fiber) noexcept {
  runtime().fibers.destroy(reinterpret_cast<Fiber*>(fiber));
}

TAU_TRAMPOLINE std::int32_t tau_host_fls_create(tau_plugin* owner, void (*destroy)(void*), tau_fls_key* out) noexcept {
  return tau::host::fiber_keys::create(*owner, destroy, out);
}

TAU_TRAMPOLINE std::int32_t tau_host_fls_delete(tau_fls_key key) noexcept {
  if (FiberLocals* here = FiberLocals::here()) here->forget(key);
  return tau::host::fiber_keys::remove(key);
}

TAU_TRAMPOLINE void* tau_host_fls_get(tau_fls_key key) noexcept {
  if (const FiberLocals* here = FiberLocals::here()) [[likely]] return here->get(key);
  return tau::host::fiber_keys::get_of_thread(key);
}

TAU_TRAMPOLINE std::int32_t tau_host_fls_set(tau_fls_key key, void* value) noexcept {
  return tau::host::fiber_keys::set(FiberLocals::here(), key, value);
}
