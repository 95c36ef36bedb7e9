// Trampolines of pollset.h.
#include <tau/rt/pollset.h>

#include <cerrno>

#include "pollset/pollsets.hpp"
#include "runtime/runtime.hpp"

#define TAU_TRAMPOLINE extern "C" __attribute__((visibility("default")))

using tau::host::pollsets;
using tau::host::Runtime;

TAU_TRAMPOLINE std::int32_t tau_host_pollset_create(tau_plugin* owner, std::int32_t* set) noexcept {
  return pollsets().create(*Runtime::instance(), *owner, set);
}

TAU_TRAMPOLINE std::int32_t tau_host_pollset_ctl(std::int32_t set, std::int32_t operation, std::int32_t fd,
                                                 const tau_poll_event* event) noexcept {
  const auto found = pollsets().find(set);
  return found ? found->control(operation, fd, event) : -EBADF;
}

TAU_TRAMPOLINE std::int32_t tau_host_pollset_wait(tau_plugin* owner, std::int32_t set, tau_poll_event* events,
                                                  std::int32_t capacity, std::int64_t timeout_ns,
                                                  const void* sigmask) {
  const auto found = pollsets().find(set);
  return found ? found->wait(*owner, events, capacity, timeout_ns, sigmask) : -EBADF;
}

TAU_TRAMPOLINE std::int32_t tau_host_pollset_closing(std::int32_t fd) noexcept {
  return pollsets().closing(fd) ? 1 : 0;
}

TAU_TRAMPOLINE void tau_host_pollset_opened(tau_plugin* owner, std::int32_t fd) noexcept {
  pollsets().opened(*owner, fd);
}
