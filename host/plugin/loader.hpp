// Loader: from a module's file to a running plugin.
//
// check (trusted_file, descriptor) -> fresh copy -> dlopen -> plugin_init. Whatever fails before dlopen
// leaves nothing behind; whatever fails after it goes out by the same way as a plugin that ran
// (unload.hpp), since a plugin_init that fails may have spawned tasks and lent out guards before.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "private_folder.hpp"
#include "registry.hpp"
#include "unload.hpp"
#include "watchdog.hpp"

namespace tau::host {

struct LoadResult {
  Plugin* plugin = nullptr;  // null when it failed; the registry's
  std::string error;         // then: a sentence that names the plugin or the file
};

/// Threading: [loop], all of it.
class Loader {
 public:
  struct Options {
    std::string flags_hash;            // what modules carry as TAU_FLAGS_HASH; empty: they carry none
    std::filesystem::path rt_library;  // libtau_rt.so; empty: the dynamic linker finds it
    std::filesystem::path folder;      // where the private folder is made; empty: see PrivateFolder
  };

  Loader(Registry& registry, Unloader& unloader, Watchdog& watchdog, Options options);
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Loads `file` as plugin `name`; an empty name stands for the file's own. On return plugin_init has
  /// returned and the plugin is running, or the error says why not. Not from a plugin's frame:
  /// plugin_init may run the loop (tau_block_on). A plugin of that name may be running already, or be on
  /// its way out; this is then another generation of it.
  LoadResult load(const std::filesystem::path& file, std::string name = {});

 private:
  bool provide_rt(std::string* why);
  std::string initialise(Plugin& plugin);

  Registry& registry_;
  Unloader& unloader_;
  Watchdog& watchdog_;
  const Options options_;
  const std::string host_abi_;
  PrivateFolder folder_;
  bool rt_provided_ = false;
};

}  // namespace tau::host
