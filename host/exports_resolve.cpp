// Trampolines of resolve.h. See exports.cpp.
#include <tau/rt/resolve.h>

#include "net/resolve_wait.hpp"
#include "runtime/runtime.hpp"

#define TAU_TRAMPOLINE extern "C" __attribute__((visibility("default")))

using tau::host::Runtime;

TAU_TRAMPOLINE std::int32_t tau_host_resolve(tau_lookup* lookup) noexcept {
  Runtime& runtime = *Runtime::instance();
  if (!runtime.on_loop()) return TAU_E_THREAD;
  return runtime.resolver.start(*lookup);
}

TAU_TRAMPOLINE void tau_host_resolve_cancel(tau_lookup* lookup) noexcept {
  Runtime::instance()->resolver.cancel(*lookup);
}

TAU_TRAMPOLINE std::int32_t tau_host_resolve_wait(tau_plugin* owner, const char* host, const char* service,
                                                  const addrinfo* hints, addrinfo** found) {
  return tau::host::resolve_wait(*Runtime::instance(), *owner, host, service, hints, found);
}
