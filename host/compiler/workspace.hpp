// Workspace: the superproject in which a plugin is built, and its native file.
//
//   super/meson.build          subproject(tau), subproject(each other patch), subproject(plugin)
//   super/subprojects/NAME     -> our package         NAME.wrap: [provide] NAME = NAME_dep
//   super/subprojects/plugin   -> the plugin's tree, only read (I10)
//   super/subprojects/NAME-upstream   what our package is put on, where the plugin brings it along: upstream.hpp
//   pc/NAME.pc                 poisoned: whoever finds a library past all that gets an error, not the system's
//   native.ini                 compiler and flags of the host
//
// Eager, that is our packages first and by name, because a plugin's dependency(..., fallback: [...]) beats
// any lazier way; [provide] for the call forms that an override does not reach (method, modules). The
// alternative, a copy of the plugin's tree with our packages in its subprojects/, cannot be eager.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cache.hpp"
#include "environment.hpp"
#include "foundation.hpp"

namespace tau::host {

struct Workspace {
  const Environment& environment;
  const Slot& slot;
  std::filesystem::path plugin;  // canonical; empty when only our packages are built (foundation.hpp)
  const Foundation* foundation = nullptr;

  /// Writes what is missing or different. `changed`: a build folder that exists is of no use any more.
  bool write(bool& changed, std::string& error) const;

  /// Before a set-up: removes what Meson left in subprojects/ for wraps that the plugin may have dropped
  /// since. What was downloaded stays, unless one of the plugin's wraps is another now: Meson would take the
  /// old download for it.
  bool forget_wraps(std::string& error) const;
};

/// A plugin's wraps and the files that go with them: they are read by the set-up, which does not say so.
std::vector<std::filesystem::path> wrap_files(const std::filesystem::path& plugin);

/// A string for a Meson machine file, where nothing is escaped: a backslash stands for itself.
std::string machine_string(std::string_view text);

}  // namespace tau::host
