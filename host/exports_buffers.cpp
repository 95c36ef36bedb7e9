// Trampolines of buffers.h. See exports.cpp.
#include <tau/rt/buffers.h>

#include "runtime/runtime.hpp"

#define TAU_TRAMPOLINE extern "C" __attribute__((visibility("default")))

using tau::host::Runtime;

TAU_TRAMPOLINE std::int32_t tau_host_buffers_create(tau_plugin* owner, std::uint32_t count, std::uint32_t size,
                                                    tau_buffers* out) noexcept {
  Runtime& runtime = *Runtime::instance();
  if (!runtime.on_loop()) [[unlikely]] return TAU_E_THREAD;
  if (!owner->accepts()) return TAU_E_UNLOADING;
  const std::int32_t status = runtime.reactor.make_buffers(owner, count, size, out);
  if (status == TAU_OK) ++owner->buffers;
  return status;
}

TAU_TRAMPOLINE std::int32_t tau_host_buffers_destroy(tau_buffers group) noexcept {
  Runtime& runtime = *Runtime::instance();
  tau_plugin* owner = runtime.reactor.owner_of_buffers(group);
  const std::int32_t status = runtime.reactor.drop_buffers(group);
  if (status == TAU_OK) --owner->buffers;
  return status;
}

TAU_TRAMPOLINE void tau_host_buffers_return(tau_buffers group, std::uint32_t piece) noexcept {
  Runtime::instance()->reactor.give_back(group, piece);
}
