// Patches: the one list of libraries that a plugin gets from us instead of from the system.
//
// A line is `name = folder`, the folder relative to the list, # starts a comment. The folder is a Meson
// project which sets the variable `<name>_dep` (each character that no variable can have turned into _)
// and calls meson.override_dependency('<name>', <name>_dep). A file `uses-system-copy` in it says that the
// package builds on the system's copy of the library on purpose (see audit.hpp), or on the one that the plugin brings
// along (upstream.hpp).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tau::host {

struct Patch {
  std::string name;              // what a plugin asks for: dependency('name')
  std::filesystem::path folder;  // absolute
};

/// Variable that a package's meson.build sets for `name`.
std::string dependency_variable(std::string_view name);

/// Parses `text`; folders are relative to `list`'s folder. The sdk, if listed, comes first, since the
/// others build on it.
/// Errors: nothing, and `error` names the list, the line and the remedy.
std::optional<std::vector<Patch>> parse_patches(std::string_view text, const std::filesystem::path& list,
                                                std::string& error);

/// Reads and parses `list`. Where it has no line for tau, `sources`/tau is used: no plugin builds without.
/// Errors: as above; also for a folder that is missing or is no Meson project.
std::optional<std::vector<Patch>> load_patches(const std::filesystem::path& list,
                                               const std::filesystem::path& sources, std::string& error);

}  // namespace tau::host
