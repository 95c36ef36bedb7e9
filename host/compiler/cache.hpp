// Cache: where builds live, and who may touch them.
//
//   $TAU_HOME or ~/.tau
//     buildcache/<environment>/environment         what the hash stands for
//                              foundation/         sdk archive and precompiled header, shared
//                              <plugin>.lock       held while it is built
//                              <plugin>/           its workspace, stamp and modules
//
// Everything from buildcache/ on must be ours and written by nobody else, since it ends up inside the
// host. Cleaning takes each plugin's lock, so it waits for no build and destroys none.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "environment.hpp"
#include "files.hpp"

namespace tau::host {

/// The folders of one plugin in one environment. Nothing is made by naming them.
struct Slot {
  std::filesystem::path root;
  std::filesystem::path lock;

  std::filesystem::path super() const { return root / "super"; }
  std::filesystem::path build() const { return root / "build"; }
  std::filesystem::path native_file() const { return root / "native.ini"; }
  /// There while the build folder is sound: set up, and not left in the middle of something.
  std::filesystem::path sound() const { return root / "sound"; }
  std::filesystem::path stamp() const { return root / "stamp"; }
  std::filesystem::path modules() const { return root / "modules"; }
  std::filesystem::path compile_commands() const { return root / "compile_commands.json"; }
  std::filesystem::path wraps() const { return root / "wraps"; }
  std::filesystem::path clock() const { return root / "clock"; }
};

struct CacheEntry {
  std::string environment;        // hash
  std::string description;        // of the environment
  bool current = false;           // the running host would use it
  std::string plugin;             // name of its folder
  std::filesystem::path source;   // the plugin's tree; empty for what the plugins of an environment share
  std::uint64_t bytes = 0;
  std::chrono::system_clock::time_point used;
};

class Cache {
 public:
  /// `home` as of home.hpp; empty when there is none.
  explicit Cache(std::filesystem::path home) : home_(std::move(home)) {}

  std::filesystem::path folder() const { return home_ / "buildcache"; }
  std::filesystem::path folder(const Environment& environment) const { return folder() / environment.hash; }

  /// Makes what is above the plugins' folders, and checks who owns it.
  bool open(const Environment& environment, std::string& error) const;

  /// `tree` is canonical: one plugin has one slot whatever path leads to it.
  Slot slot(const Environment& environment, const std::filesystem::path& tree) const;

  /// Takes away environments that differ from this one only in what has changed on the disk since, an sdk
  /// that was rebuilt, say: nobody can ask for them any more. What is being built stays.
  void forget_superseded(const Environment& environment) const;

  /// What is in the cache; `current` is the hash of the running host's environment, or empty.
  std::vector<CacheEntry> list(const std::string& current) const;

  /// What to take away: everything, the entries of a plugin (by its name or its tree), or the environments
  /// other than `current`. Answers how many entries went; what is being built stays and is named in `busy`.
  std::size_t clean_all(std::vector<std::string>& busy) const;
  std::size_t clean_plugin(const std::string& plugin, std::vector<std::string>& busy) const;
  std::size_t clean_stale(const std::string& current, std::vector<std::string>& busy) const;

 private:
  template <typename Wanted>
  std::size_t clean(const std::vector<CacheEntry>& entries, Wanted wanted, std::vector<std::string>& busy) const;

  std::filesystem::path home_;
};

/// Letters, digits, dot, dash and underscore; everything else becomes an underscore.
std::string file_name_for(std::string_view name);

}  // namespace tau::host
