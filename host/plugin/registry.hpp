// Registry: who is alive.
//
// One record for each loaded generation of each plugin; the record is the tau_plugin that the C ABI
// hands out. It outlives its module: whoever holds a guard may give it back late, and finds it.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "module.hpp"
#include "runtime/owner.hpp"

struct tau_request;

namespace tau::host {

/// One generation of one plugin. [loop], but for what tau_plugin says of itself.
struct Plugin final : tau_plugin {
  std::uint64_t generation = 0;  // counted from 1 for each name
  std::filesystem::path file;    // what it was loaded from
  std::unique_ptr<Module> module;
  bool stuck = false;            // closed, and yet mapped: see Unloading

  // Entry points; null once the module is closed.
  std::int32_t (*init)(tau_plugin*) = nullptr;
  void (*destroy)(tau_plugin*) = nullptr;
  void (*request)(tau_plugin*, tau_request*) = nullptr;  // optional
};

class Registry {
 public:
  Registry() = default;
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// A new record in phase `opening`, with the next id and the next generation of its name. Owned here;
  /// it goes in sweep(). [loop]
  Plugin& add(std::string name, std::filesystem::path file);

  /// The newest generation of that name in phase `running`, or null. [loop]
  Plugin* find(std::string_view name) const noexcept;
  /// The record with that id, in any phase, or null. [loop]
  Plugin* find(std::uint64_t id) const noexcept;
  /// All records, oldest first. [loop]
  const std::vector<std::unique_ptr<Plugin>>& all() const noexcept { return plugins_; }

  /// Removes the records of closed plugins that nobody refers to. Returns how many stay closed but
  /// referred to. [loop], not while a record of a closed plugin is in use.
  std::size_t sweep() noexcept;

  // ---- guards: behind tau_plugin_retain and tau_plugin_release ----

  static void retain(tau_plugin& plugin) noexcept { plugin.refs.fetch_add(1, std::memory_order_relaxed); }

  /// Gives back one guard. True if it was the last one of a plugin that waits for that: the caller must
  /// then make the loop call Unloader::advance() soon. `plugin` may be gone when this returns. [any]
  bool release(tau_plugin& plugin) noexcept;

 private:
  std::vector<std::unique_ptr<Plugin>> plugins_;
  std::map<std::string, std::uint64_t, std::less<>> generations_;
  std::uint64_t last_id_ = 0;
  // release() calls on their way: between giving back the guard and looking at the phase a record must
  // not vanish, and no guard holds it there any more.
  std::atomic<std::uint32_t> releasing_{0};
};

}  // namespace tau::host
