// The trampolines that fixture modules need, for a test program without a runtime: plugin.h's and the
// thread exits are real, the rest is there to be linked and must not be called. Weak: where the host
// defines one, the host's is taken.
#include <tau/rt/blocking.h>
#include <tau/rt/plugin.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "loading.hpp"
#include "plugin/opening.hpp"
#include "plugin/registry.hpp"
#include "plugin/thread_exit.hpp"

#define REAL extern "C" __attribute__((weak, visibility("default")))
#define NOT_HERE(name)                                   \
  REAL void tau_host_##name() {                          \
    std::fputs("tau_" #name ": not in this test\n", stderr); \
    std::abort();                                        \
  }

REAL tau_plugin* tau_host_plugin_opening() noexcept { return tau::host::opening(); }
REAL uint64_t tau_host_plugin_id(const tau_plugin* plugin) noexcept { return plugin->id; }
REAL const char* tau_host_plugin_name(const tau_plugin* plugin) noexcept { return plugin->name.c_str(); }
REAL void tau_host_plugin_retain(tau_plugin* plugin) noexcept { tau::host::Registry::retain(*plugin); }
REAL uint64_t tau_host_plugin_refs(const tau_plugin* plugin) noexcept { return plugin->refs; }
REAL void tau_host_plugin_set_error(tau_plugin* plugin, const char* text, size_t length) noexcept {
  plugin->error.assign(text, length);
}
REAL void tau_host_log(const tau_plugin*, int32_t, const char*, size_t) noexcept {}
REAL int32_t tau_host_thread_atexit(tau_plugin* owner, void (*destroy)(void*), void* object) noexcept {
  return tau::host::thread_exit::add(owner, destroy, object);
}
REAL int32_t tau_host_abi_version() noexcept { return TAU_ABI_VERSION; }

// clang-format off
NOT_HERE(spawn) NOT_HERE(spawn_remote) NOT_HERE(task_wake) NOT_HERE(wake) NOT_HERE(abort)
NOT_HERE(task_current) NOT_HERE(task_current_head) NOT_HERE(task_state) NOT_HERE(join)
NOT_HERE(join_cancel) NOT_HERE(join_take) NOT_HERE(detach) NOT_HERE(task_set_message)
NOT_HERE(task_message) NOT_HERE(frame_alloc) NOT_HERE(frame_free) NOT_HERE(block_on)
NOT_HERE(on_loop_thread) NOT_HERE(now) NOT_HERE(sleep_until) NOT_HERE(sleep) NOT_HERE(sleep_cancel)
NOT_HERE(io_submit) NOT_HERE(io_cancel) NOT_HERE(fd_register) NOT_HERE(fd_deregister)
NOT_HERE(fd_wait_ready) NOT_HERE(fd_wait_cancel) NOT_HERE(fd_clear) NOT_HERE(spawn_blocking)
NOT_HERE(spawn_blocking_cancel) NOT_HERE(resource_put) NOT_HERE(resource_get) NOT_HERE(resource_take)
NOT_HERE(resource_release) NOT_HERE(event_subscribe) NOT_HERE(event_unsubscribe) NOT_HERE(event_publish)
NOT_HERE(plugin_release) NOT_HERE(request_payload) NOT_HERE(request_id) NOT_HERE(request_end)
