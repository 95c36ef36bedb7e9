// A loader and an unloader on a runtime that holds nothing: what the plugin room does by itself.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "plugin/loader.hpp"
#include "plugin/module.hpp"
#include "plugin/registry.hpp"
#include "plugin/unload.hpp"
#include "plugin/watchdog.hpp"

namespace tau::test {

inline std::string fixture(const std::string& name) {
  return std::string(TAU_FIXTURE_MODULES) + "/" + name + ".so";
}

inline bool has(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("'" << part << "' is not in: " << text);
  return found;
}

/// Writes down what it is asked for; time is the test's.
class FakeParts final : public host::RuntimeParts {
 public:
  void empty(host::Owner&) override { ++emptied; }
  std::string what_is_left(const host::Owner&) override { return left; }
  void release_memory(host::Owner& owner) override { owner.frames.release(); }
  std::uint64_t now_ns() override { return now; }
  void report(const std::string& line) override { reports.push_back(line); }
  void advance_soon() override { soon = true; }

  std::string left;
  std::vector<std::string> reports;
  std::uint64_t now = 1'000;
  int emptied = 0;
  bool soon = false;
};

struct Loading {
  explicit Loading(std::function<void(std::string_view)> say = [](std::string_view) {},
                   std::chrono::nanoseconds patience = std::chrono::hours(1))
      : watchdog(std::move(say), patience) {}

  /// Loads a fixture that must be fine.
  host::Plugin& load(const std::string& name) {
    const auto result = loader.load(fixture(name));
    REQUIRE_MESSAGE(result.plugin != nullptr, result.error);
    return *result.plugin;
  }

  /// Turns the loop's part until nothing is on its way out or asks to be looked at again.
  void settle() {
    do {
      parts.soon = false;
      unloader.advance();
    } while (parts.soon);
  }

  /// Unloads one; whether it is gone from the maps.
  bool unload(host::Plugin& plugin) {
    bool unmapped = false;
    const auto copy = plugin.module->copy();
    unloader.start(plugin, [&](host::Plugin&, const host::UnloadResult& r) { unmapped = r.unmapped; });
    settle();
    return unmapped && !host::is_mapped(copy);
  }

  FakeParts parts;
  host::Registry registry;
  host::Watchdog watchdog;
  host::Unloader unloader{registry, parts, watchdog};
  host::Loader loader{registry, unloader, watchdog, {.flags_hash = {}, .rt_library = TAU_RT_LIBRARY, .folder = {}}};
};

}  // namespace tau::test
