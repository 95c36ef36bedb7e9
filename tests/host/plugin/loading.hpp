// A runtime with a loader and an unloader: what it takes to run real modules.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plugin/loader.hpp"
#include "plugin/module.hpp"
#include "plugin/registry.hpp"
#include "plugin/unload.hpp"
#include "plugin/watchdog.hpp"
#include "runtime/runtime.hpp"

namespace tau::test {

inline std::string fixture(const std::string& name) {
  return std::string(TAU_FIXTURE_MODULES) + "/" + name + ".so";
}

inline bool has(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("'" << part << "' is not in: " << text);
  return found;
}

/// A function that a fixture shows to its test.
template <class Function>
Function* entry(const host::Plugin& plugin, const char* name) {
  void* found = plugin.module->symbol(name);
  REQUIRE_MESSAGE(found != nullptr, name);
  return reinterpret_cast<Function*>(found);
}

struct Loading {
  explicit Loading(std::function<void(std::string_view)> say = [](std::string_view) {},
                   std::chrono::nanoseconds patience = std::chrono::hours(1), bool manual_clock = true)
      : runtime(make_reactor(), {.blocking_threads = 4, .manual_clock = manual_clock}),
        watchdog(std::move(say), patience) {}
  /// On the machine's clock, for modules that look at it themselves.
  static Loading on_real_clock() { return Loading([](std::string_view) {}, std::chrono::hours(1), false); }

  /// Nothing that a test loaded may stay behind, unless it says so by taking it from here.
  ~Loading() {
    bool all = false;
    unloader.unload_all([&] { all = true; });
    runtime.run_until([&] { return all; });
    CHECK(unloader.idle());
    for (const auto& plugin : registry.all()) CHECK_MESSAGE(plugin->stuck, plugin->name);
  }

  /// Loads a fixture that must be fine.
  host::Plugin& load(const std::string& file, const std::string& name = {}) {
    const auto result = loader.load(fixture(file), name);
    REQUIRE_MESSAGE(result.plugin != nullptr, result.error);
    return *result.plugin;
  }

  /// Turns the loop until nothing is ready.
  void settle() {
    for (int idle = 0; idle < 2; ++idle) {
      do {
        runtime.turn(false);
      } while (runtime.executor.ready() || runtime.remote.pending());
    }
  }

  /// Unloads one to its end; whether it is gone from the maps.
  bool unload(host::Plugin& plugin) {
    bool ended = false, unmapped = false;
    const auto copy = plugin.module->copy();
    unloader.unload(plugin, [&](host::Plugin&, const host::UnloadResult& r) {
      ended = true;
      unmapped = r.unmapped;
    });
    runtime.run_until([&] { return ended; });
    return unmapped && !host::is_mapped(copy);
  }

  static std::unique_ptr<host::Reactor> make_reactor() {
    std::string why;
    auto reactor = host::make_reactor("auto", &why);
    REQUIRE_MESSAGE(reactor, why);
    return reactor;
  }

  host::Runtime runtime;
  host::Registry registry;
  host::Watchdog watchdog;
  std::vector<std::string> reports;
  host::Unloader unloader{runtime, registry, watchdog, [this](const std::string& line) { reports.push_back(line); }};
  host::Loader loader{registry, unloader, watchdog, {.flags_hash = {}, .rt_library = TAU_RT_LIBRARY, .folder = {}}};
};

}  // namespace tau::test
