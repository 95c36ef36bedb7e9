// Trampolines of process.h. See exports.cpp.
#include <tau/rt/process.h>

#include "runtime/runtime.hpp"

#define TAU_TRAMPOLINE extern "C" __attribute__((visibility("default")))

using tau::host::Children;
using tau::host::Runtime;

namespace {

Children& children() noexcept { return Runtime::instance()->children; }

}  // namespace

TAU_TRAMPOLINE std::int32_t tau_host_process_spawn(tau_process* process) noexcept {
  if (!Runtime::instance()->on_loop()) return TAU_E_THREAD;
  return children().spawn(*process);
}

TAU_TRAMPOLINE void tau_host_process_cancel(tau_process* process) noexcept { children().cancel(*process); }

TAU_TRAMPOLINE std::int32_t tau_host_child_wait(tau_child child, tau_wait* wait) noexcept {
  return children().wait(child, *wait);
}

TAU_TRAMPOLINE void tau_host_child_wait_cancel(tau_wait* wait) noexcept { children().cancel_wait(*wait); }

TAU_TRAMPOLINE std::int32_t tau_host_child_status(tau_child child, std::int32_t* status) noexcept {
  return children().status(child, status);
}

TAU_TRAMPOLINE std::int32_t tau_host_child_signal(tau_child child, std::int32_t number) noexcept {
  return children().signal(child, number);
}

TAU_TRAMPOLINE std::int32_t tau_host_child_release(tau_child child) noexcept { return children().release(child); }
