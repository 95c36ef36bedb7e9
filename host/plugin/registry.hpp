// Registry: who is alive.
//
// One record for each loaded generation of each plugin; the record is the tau_plugin that the C ABI
// hands out. It outlives its module: whoever gives back a guard from another thread may still be about
// to leave the call that did so.
#pragma once

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
  bool stuck = false;  // closed, and yet mapped: the record stays for whoever keeps it so

  // Entry points; null once the module is being closed.
  std::int32_t (*init)(tau_plugin*) = nullptr;
  void (*destroy)(tau_plugin*) = nullptr;
  void (*request)(tau_plugin*, tau_request*) = nullptr;  // optional
};

/// Threading: [loop], all of it.
class Registry {
 public:
  Registry() = default;
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// The next generation of that name, which is then taken, whether a plugin comes of it or not.
  std::uint64_t next_generation(const std::string& name) { return ++generations_[name]; }

  /// A new record in phase `opening`, with the next id. Owned here until it is removed or swept.
  Plugin& add(std::string name, std::uint64_t generation, std::filesystem::path file, std::unique_ptr<Module> module);

  /// Takes back a record of which no code has run; its id, the newest, is free again.
  void remove(Plugin& plugin) noexcept;

  /// The newest generation of that name in phase `running`, or null.
  Plugin* find(std::string_view name) const noexcept;
  /// The record with that id, in any phase, or null.
  Plugin* find(std::uint64_t id) const noexcept;
  /// All records, in load order.
  const std::vector<std::unique_ptr<Plugin>>& all() const noexcept { return plugins_; }

  /// Removes the records of closed plugins that nobody refers to any more.
  void sweep() noexcept;

 private:
  std::vector<std::unique_ptr<Plugin>> plugins_;
  std::map<std::string, std::uint64_t, std::less<>> generations_;
  std::uint64_t last_id_ = 0;
};

}  // namespace tau::host
