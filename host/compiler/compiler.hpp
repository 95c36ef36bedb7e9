// Compiler: a plugin's source tree in, the path of a loadable module or a diagnosis out.
//
// It knows files and child processes; it knows neither the loop nor the loader. Meson and Ninja do the
// work in a superproject of ours (workspace.hpp) under a cache (cache.hpp); the plugin's tree is only
// read (I10). Safe to call from any thread, and from several processes at once.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace tau::host {

/// Where the parts of an installed tau are: found from the executable's own path.
struct Installation {
  std::filesystem::path root;          // the dist tree
  std::filesystem::path rt_library;    // lib/libtau_rt.so
  std::filesystem::path sources;       // src/: one folder per line of patches.list
  std::filesystem::path patches_list;  // src/patches.list, or the one given by --patches

  /// From /proc/self/exe; `patches` overrides the list when not empty.
  static Installation find(const std::filesystem::path& patches = {});
};

struct CompileRequest {
  std::filesystem::path source;  // the plugin's tree, as the user gave it
  std::stop_token stop = {};     // ends the build, from another thread
};

struct CompileResult {
  bool ok = false;
  std::filesystem::path module;  // content-named, never rewritten in place
  std::string name;              // the plugin's project name
  std::string error;             // when !ok: ready to show, first error first, the user's own paths
  std::string warnings;          // when ok: what the compiler said all the same, ready to show
  std::filesystem::path compile_commands;  // for clangd: real paths; empty when the set-up failed
  bool fresh = false;            // true: nothing had to be built
};

/// Told while it works: "setup", "compile 3/7" and the like; never called when nothing is built.
using Progress = std::function<void(const std::string& what)>;

class Compiler {
 public:
  explicit Compiler(Installation installation);
  ~Compiler();

  /// Lines to show before the first build or load: "Using prebuilt tau-rt: ..." and one
  /// "Patching NAME → PATH" for each line of patches.list, without the "[Compiler] " prefix.
  std::vector<std::string> announcement() const;

  /// Errors: never thrown; see CompileResult::error.
  /// Threading: [blocking]
  CompileResult compile(const CompileRequest& request, const Progress& progress = {}) const;

  const Installation& installation() const { return installation_; }

 private:
  Installation installation_;
};

}  // namespace tau::host
