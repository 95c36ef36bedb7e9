// Upstream: a library that a plugin brings along itself, put below our package of that name.
//
// A plugin's own subprojects/NAME or subprojects/NAME.wrap says which version it wants. Our package still comes first
// and takes its files from there, instead of from the system. Its meson.build is not run: it would override
// dependency('NAME') before our package does.
//
//   super/subprojects/NAME-upstream/         a project of ours; tree -> what the plugin has there, or
//   super/subprojects/NAME-upstream.wrap     fetches what NAME.wrap names, with a meson.build of ours
//
// In either, subproject('NAME-upstream').get_variable('upstream_folder') is where the library's files are. Only packages
// that say `uses-system-copy` have one; the others are the library.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "patches.hpp"

namespace tau::host {

/// Writes what is missing or different below `subprojects`, and removes what the plugin no longer brings.
/// `changed`: a build folder that exists is of no use any more.
/// Errors: false; `error` names the plugin's file and the remedy.
bool write_upstream(const std::filesystem::path& subprojects, const Patch& patch, const std::filesystem::path& plugin,
                    bool& changed, std::string& error);

/// Names in `subprojects` that write_upstream() has written itself. What has been fetched is not among them.
std::vector<std::string> upstream_names(const Patch& patch, const std::filesystem::path& plugin);

}  // namespace tau::host
