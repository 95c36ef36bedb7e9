// Trampolines of what a plugin asks about itself, and of thread exits. See exports.cpp.
#include <tau/rt/abi.h>
#include <tau/rt/blocking.h>
#include <tau/rt/plugin.h>

#include <new>
#include <string_view>

#include "console.hpp"
#include "plugin/opening.hpp"
#include "plugin/thread_exit.hpp"
#include "runtime/runtime.hpp"

#define TAU_TRAMPOLINE extern "C" __attribute__((visibility("default")))

using tau::host::Runtime;

namespace {

// Texts may come with a null pointer when there is nothing to say.
std::string_view view(const char* text, std::size_t length) noexcept {
  return text ? std::string_view(text, length) : std::string_view();
}

}  // namespace

TAU_TRAMPOLINE tau_plugin* tau_host_plugin_opening() noexcept { return tau::host::opening(); }

TAU_TRAMPOLINE std::uint64_t tau_host_plugin_id(const tau_plugin* plugin) noexcept { return plugin->id; }

TAU_TRAMPOLINE const char* tau_host_plugin_name(const tau_plugin* plugin) noexcept { return plugin->name.c_str(); }

TAU_TRAMPOLINE void tau_host_plugin_retain(tau_plugin* plugin) noexcept { Runtime::instance()->retain(*plugin); }

TAU_TRAMPOLINE void tau_host_plugin_release(tau_plugin* plugin) noexcept { Runtime::instance()->release(*plugin); }

TAU_TRAMPOLINE std::uint64_t tau_host_plugin_refs(const tau_plugin* plugin) noexcept {
  return plugin->refs.load(std::memory_order_acquire);
}

TAU_TRAMPOLINE void tau_host_log(const tau_plugin* plugin, std::int32_t level, const char* text,
                                 std::size_t length) noexcept {
  const std::string_view name = plugin ? std::string_view(plugin->name) : std::string_view("tau");
  const auto print = level == TAU_LOG_WARN || level == TAU_LOG_ERROR ? tau::host::console::error_line
                                                                     : tau::host::console::line;
  print(name, view(text, length));
}

TAU_TRAMPOLINE void tau_host_plugin_set_error(tau_plugin* plugin, const char* text, std::size_t length) noexcept {
  try {
    plugin->error = view(text, length);
  } catch (const std::bad_alloc&) {
    // The text is lost, the failure is not.
  }
}

TAU_TRAMPOLINE const char* tau_host_request_payload(const tau_request* request, std::size_t* length) noexcept {
  if (length) *length = request->payload.size();
  return request->payload.c_str();
}

TAU_TRAMPOLINE std::uint64_t tau_host_request_id(const tau_request* request) noexcept { return request->id; }

TAU_TRAMPOLINE void tau_host_request_end(tau_request* request, std::int32_t status, const char* text,
                                         std::size_t length) noexcept {
  Runtime::instance()->requests.end(request, status, text, length);
}

TAU_TRAMPOLINE std::int32_t tau_host_thread_atexit(tau_plugin* owner, void (*destroy)(void*), void* object) noexcept {
  return tau::host::thread_exit::add(owner, destroy, object);
}
