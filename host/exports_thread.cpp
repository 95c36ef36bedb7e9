// Trampolines of thread.h.
#include <tau/rt/thread.h>

#include "runtime/runtime.hpp"
#include "runtime/threads.hpp"

#define TAU_TRAMPOLINE extern "C" __attribute__((visibility("default")))

using tau::host::Runtime;

TAU_TRAMPOLINE std::int32_t tau_host_thread_create(tau_plugin* owner, void* thread, const void* attributes,
                                                   void* (*start)(void*), void* argument) noexcept {
  return tau::host::threads::create(*Runtime::instance(), *owner, static_cast<pthread_t*>(thread),
                                    static_cast<const pthread_attr_t*>(attributes), start, argument);
}

TAU_TRAMPOLINE std::int32_t tau_host_thread_join(tau_plugin* owner, const void* thread, void** result,
                                                 std::uint64_t deadline_ns) {
  return tau::host::threads::join(*Runtime::instance(), *owner, *static_cast<const pthread_t*>(thread), result,
                                  deadline_ns);
}

TAU_TRAMPOLINE std::int32_t tau_host_thread_detach(const void* thread) noexcept {
  return tau::host::threads::detach(*static_cast<const pthread_t*>(thread));
}
