// Installing a plugin: a copy of its source tree under ~/.tau/plugins, where discovery finds it.
//
// Nothing of the plugin runs here. The copy is made beside its place and renamed into it, so that no half
// plugin is ever found there.
#pragma once

#include <filesystem>
#include <string>

namespace tau::host {

struct InstallResult {
  bool ok = false;
  std::filesystem::path installed;  // when ok
  std::string error;                // otherwise: what is wrong, and the remedy
};

/// `source` is a local path, a git URL (https, ssh, git, file, or user@host:path), or USER/REPO on GitHub;
/// a path that exists is taken as one. The plugin gets the source's last name.
/// Errors: the name is taken, the source cannot be had, or it is no plugin (has no meson.build).
/// Threading: [blocking]; git shows its progress on our standard error.
InstallResult install_plugin(const std::string& source, const std::filesystem::path& home);

}  // namespace tau::host
