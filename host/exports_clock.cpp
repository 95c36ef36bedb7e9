// Trampolines of the virtual clock. See exports.cpp.
#include <tau/rt/timer.h>

#include "pollset/timer_fds.hpp"
#include "runtime/runtime.hpp"

#define TAU_TRAMPOLINE extern "C" __attribute__((visibility("default")))

using tau::host::Runtime;

TAU_TRAMPOLINE std::int32_t tau_host_clock_pause(tau_plugin* owner) noexcept {
  Runtime& runtime = *Runtime::instance();
  if (!runtime.on_loop()) return TAU_E_THREAD;
  const std::int32_t status = runtime.pause_clock(*owner);
  if (status == TAU_OK) tau::host::timer_fds().make_all_real();  // a foreign loop goes by the system's clock
  return status;
}

TAU_TRAMPOLINE std::int32_t tau_host_clock_advance(tau_plugin* owner, std::uint64_t by_ns) noexcept {
  Runtime& runtime = *Runtime::instance();
  return runtime.on_loop() ? runtime.advance_clock(*owner, by_ns) : TAU_E_THREAD;
}

TAU_TRAMPOLINE std::int32_t tau_host_clock_resume(tau_plugin* owner) noexcept {
  Runtime& runtime = *Runtime::instance();
  return runtime.on_loop() ? runtime.resume_clock(*owner) : TAU_E_THREAD;
}
