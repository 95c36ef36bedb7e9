// See loader.hpp.
#include "loader.hpp"

#include <dlfcn.h>
#include <tau/rt/abi.h>

#include <algorithm>
#include <cstring>

#include "abi_text.hpp"
#include "opening.hpp"

namespace tau::host {
namespace {

// The name becomes part of a file's name and of messages.
std::string plain(std::string name) {
  std::replace_if(
      name.begin(), name.end(),
      [](char c) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        return !letter && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.';
      },
      '_');
  if (name.empty() || name.front() == '.') name.insert(0, "_");
  if (name.size() > 100) name.resize(100);
  return name;
}

std::string status_text(std::int32_t status) {
  if (status < 0 && status >= -4095) return std::string("status ") + std::to_string(status) + " (" + std::strerror(-status) + ")";
  return "status " + std::to_string(status);
}

template <class Function>
void resolve(const Module& module, const char* name, Function*& out) {
  out = reinterpret_cast<Function*>(module.symbol(name));
}

}  // namespace

Loader::Loader(Registry& registry, Unloader& unloader, Watchdog& watchdog, Options options)
    : registry_(registry),
      unloader_(unloader),
      watchdog_(watchdog),
      options_(std::move(options)),
      host_abi_(host_abi_text(options_.flags_hash)) {}

// Modules name the library without a path and must get this one, wherever the tree was moved to: the
// dynamic linker takes what is loaded already under that name. It is never unloaded.
bool Loader::provide_rt(std::string* why) {
  if (rt_provided_ || options_.rt_library.empty()) return true;
  if (dlopen(options_.rt_library.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) == nullptr) {
    const char* text = dlerror();
    *why = "tau's own library '" + options_.rt_library.string() + "' cannot be opened: " +
           (text != nullptr ? text : "no reason given") + "; is the installation complete?";
    return false;
  }
  return rt_provided_ = true;
}

LoadResult Loader::load(const std::filesystem::path& file, std::string name) {
  LoadResult result;
  if (!provide_rt(&result.error)) return result;
  if (name.empty()) name = file.stem().string();

  name = plain(std::move(name));
  const std::uint64_t generation = registry_.next_generation(name);
  auto module = Module::prepare({file, name, generation, host_abi_}, folder_, &result.error);
  if (module == nullptr) return result;

  Plugin& plugin = registry_.add(std::move(name), generation, file, std::move(module));
  bool opened;
  {
    const OpeningScope scope(&plugin);
    const Watchdog::Scope watch(watchdog_, plugin.name, "a static constructor");
    opened = plugin.module->open(&result.error);
  }
  if (!opened) {
    result.error = "module '" + file.string() + "' cannot be opened: " + result.error;
    registry_.remove(plugin);
    return result;
  }
  const std::string failure = initialise(plugin);
  if (failure.empty()) {
    plugin.phase = Phase::running;
    result.plugin = &plugin;
    return result;
  }
  result.error = "plugin '" + plugin.name + "': " + failure;
  unloader_.discard(plugin);
  return result;
}

std::string Loader::initialise(Plugin& plugin) {
  resolve(*plugin.module, "plugin_init", plugin.init);
  resolve(*plugin.module, "plugin_destroy", plugin.destroy);
  resolve(*plugin.module, "plugin_request", plugin.request);
  if (plugin.init == nullptr || plugin.destroy == nullptr) return "its entry points are not functions of its own";

  const Watchdog::Scope watch(watchdog_, plugin.name, "plugin_init");
  std::string failure;
  Runtime::instance()->enter([&] {
    const OpeningScope scope(&plugin);
    try {
      const std::int32_t status = plugin.init(&plugin);
      if (status >= 0) return;
      failure = plugin.error.empty() ? "plugin_init failed with " + status_text(status)
                                     : "plugin_init failed: " + plugin.error;
    } catch (const Unwinding&) {
      failure = "plugin_init was still waiting when the plugin was unloaded";
    } catch (...) {
      // The text is copied here, while what was thrown and its destructor are still mapped.
      failure = "plugin_init threw: " + current_exception_text();
    }
  });
  return failure;
}

}  // namespace tau::host
