// Where plugins lie when none is named: the project's folder first, then the user's.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tau::host {

struct Discovery {
  /// Source trees (with a meson.build) and modules (*.so), each folder's in the order of their names. A
  /// plugin of the nearest folder hides one of the same name in the home.
  std::vector<std::filesystem::path> plugins;
  /// The folders looked into, for a message when nothing was found.
  std::vector<std::filesystem::path> searched;
};

/// Looks into the nearest .tau/plugins, from `start` upwards, and into `home`/plugins.
Discovery discover_plugins(const std::filesystem::path& start, const std::filesystem::path& home);

}  // namespace tau::host
