// Trampolines of signal.h. See exports.cpp.
#include <tau/rt/signal.h>

#include "runtime/runtime.hpp"

#define TAU_TRAMPOLINE extern "C" __attribute__((visibility("default")))

using tau::host::Runtime;

TAU_TRAMPOLINE std::int32_t tau_host_signal_subscribe(tau_signal* subscription) noexcept {
  if (!Runtime::instance()->on_loop()) return TAU_E_THREAD;
  return Runtime::instance()->signals.subscribe(*subscription);
}

TAU_TRAMPOLINE void tau_host_signal_unsubscribe(tau_signal* subscription) noexcept {
  Runtime::instance()->signals.unsubscribe(*subscription);
}

TAU_TRAMPOLINE std::int32_t tau_host_sigaction(tau_plugin* owner, std::int32_t number, const struct sigaction* action,
                                               struct sigaction* old) noexcept {
  return Runtime::instance()->signals.act(*owner, number, action, old);
}
