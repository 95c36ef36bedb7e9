// Trampolines of source.h. See exports.cpp.
#include <tau/rt/source.h>

#include "runtime/runtime.hpp"

#define TAU_TRAMPOLINE extern "C" __attribute__((visibility("default")))

using tau::host::Runtime;

TAU_TRAMPOLINE std::int32_t tau_host_source_add(tau_source* source) noexcept {
  if (!Runtime::instance()->on_loop()) return TAU_E_THREAD;
  return Runtime::instance()->sources.add(*source);
}

TAU_TRAMPOLINE void tau_host_source_remove(tau_source* source) noexcept {
  Runtime::instance()->sources.remove(*source);
}
