// Builder: compiles source trees on threads of its own while the loop goes on.
#pragma once

#include <cstddef>
#include <filesystem>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "compiler/compiler.hpp"
#include "runtime/runtime.hpp"

namespace tau::host {

class Builder {
 public:
  Builder(Runtime& runtime, const std::filesystem::path& patches);

  /// Compiles the trees, at most one for each processor at a time; results in the order of the trees.
  /// The loop turns meanwhile: plugins that run go on. An end signal stops the builds. [loop]
  std::vector<CompileResult> build(const std::vector<std::filesystem::path>& trees);

  const Compiler& compiler() const noexcept { return compiler_; }

 private:
  void announce();
  void show_progress(const std::string& plugin, const std::string& what);
  void clear_progress();

  Runtime& runtime_;
  const Compiler compiler_;
  const bool terminal_;
  bool announced_ = false;
  std::mutex progress_mutex_;
  bool progress_shown_ = false;  // under progress_mutex_
};

}  // namespace tau::host
