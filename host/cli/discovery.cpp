// Folders that cannot be read count as empty: discovery serves whoever named nothing.
#include "cli/discovery.hpp"

#include <algorithm>
#include <set>
#include <system_error>

namespace tau::host {
namespace {

namespace fs = std::filesystem;

bool is_plugin(const fs::path& path) {
  std::error_code ignored;
  if (path.filename().native().starts_with('.')) return false;
  if (fs::is_directory(path, ignored)) return fs::is_regular_file(path / "meson.build", ignored);
  return path.extension() == ".so" && fs::is_regular_file(path, ignored);
}

std::vector<fs::path> plugins_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (is_plugin(entry->path())) found.push_back(entry->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// The nearest folder's .tau/plugins, or empty.
fs::path nearest_folder(const fs::path& start) {
  std::error_code error;
  fs::path at = fs::absolute(start, error).lexically_normal();
  while (!error) {
    const fs::path folder = at / ".tau" / "plugins";
    std::error_code ignored;
    if (fs::is_directory(folder, ignored)) return folder;
    if (!at.has_relative_path()) break;
    at = at.parent_path();
  }
  return {};
}

}  // namespace

Discovery discover_plugins(const fs::path& start, const fs::path& home) {
  Discovery discovery;
  if (const fs::path nearest = nearest_folder(start); !nearest.empty()) discovery.searched.push_back(nearest);
  if (!home.empty()) {
    const fs::path users = home / "plugins";
    // Below the home directory the nearest folder may be the user's own.
    std::error_code ignored;
    if (discovery.searched.empty() || !fs::equivalent(discovery.searched.front(), users, ignored)) {
      discovery.searched.push_back(users);
    }
  }

  std::set<fs::path> names;
  for (const fs::path& folder : discovery.searched) {
    for (fs::path& plugin : plugins_in(folder)) {
      if (names.insert(plugin.stem()).second) discovery.plugins.push_back(std::move(plugin));
    }
  }
  return discovery;
}

}  // namespace tau::host
