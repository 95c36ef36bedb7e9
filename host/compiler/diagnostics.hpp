// Diagnostics: what Meson, Ninja, the compiler and the linker said, as its reader needs it.
//
// The tools see the plugin as ../super/subprojects/plugin; the user sees his own path, as he gave it. The
// first error comes first, warnings after, the tools' chatter not at all.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "cache.hpp"
#include "command.hpp"
#include "environment.hpp"

namespace tau::host {

struct Diagnosis {
  const Environment& environment;
  const Slot& slot;
  std::string shown;             // the plugin's path as the user gave it; empty for our own packages
  std::filesystem::path plugin;  // canonical

  /// What went wrong outside of the sources, if something did: a disk that is full, a plugin that vanished, a
  /// signal. The build folder is not to be trusted then.
  std::string of_circumstances(const CommandResult& result) const;
  /// Of a failed `meson setup`, when it was no circumstance.
  std::string of_setup(const CommandResult& result) const;
  /// Of a failed `ninja`, when it was no circumstance.
  std::string of_build(const CommandResult& result) const;
  /// What the compiler said in a build that went well; empty when nothing.
  std::string warnings(const CommandResult& result) const;

  /// Workspace paths turned into real ones.
  std::string with_real_paths(std::string text) const;
};

/// Ninja's output without its own lines; the parts of failed steps first.
std::string without_ninja(std::string_view output);

/// Compiler output with errors, each with its context, before warnings.
std::string errors_first(std::string_view output);

/// Meson's output from the first ERROR on, without the line about its log.
std::string from_meson_error(std::string_view output);

}  // namespace tau::host
