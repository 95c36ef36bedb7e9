// Introspection: what Meson says about a build that it has set up, and the commands it wrote for it.
//
// The one place that knows the JSON under meson-info/ and in compile_commands.json.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tau::host {

struct ModuleTarget {
  std::string name;             // as in shared_module('name')
  std::string project;          // the plugin's project()
  std::string output;           // relative to the build folder: what Ninja is asked for
};

/// The one shared module of the subproject `plugin`.
/// Errors: none, or several: `error` names them and the remedy.
std::optional<ModuleTarget> find_module(const std::filesystem::path& build, std::string& error);

/// The sdk's static library, relative to the build folder; empty when there is none.
std::string find_archive(const std::filesystem::path& build);

/// Files that the configuration was made from: each meson.build, option file, configured input.
std::vector<std::filesystem::path> build_description_files(const std::filesystem::path& build);

/// Source files of all targets, absolute or relative to the build folder.
std::vector<std::filesystem::path> target_sources(const std::filesystem::path& build);

struct CompileCommand {
  std::string file;                    // as written: relative to the build folder, or absolute
  std::vector<std::string> arguments;
};

std::vector<CompileCommand> compile_commands(const std::filesystem::path& build);

/// compile_commands.json as text.
std::string to_json(const std::vector<CompileCommand>& commands, const std::filesystem::path& directory);

/// Words of a POSIX shell command without expansions: what Ninja writes for its commands and paths.
std::vector<std::string> split_words(std::string_view text);

}  // namespace tau::host
