// See cache.hpp.
#include "cache.hpp"

#include <cerrno>
#include <set>
#include <system_error>

#include "hash.hpp"

namespace tau::host {
namespace fs = std::filesystem;

namespace {

constexpr const char* foundation = "foundation";

std::uint64_t size_of_tree(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code ignored;
  for (fs::recursive_directory_iterator it(folder, ignored), end; !ignored && it != end; it.increment(ignored)) {
    // A symbolic link leads out of the cache, to the plugin's own tree.
    std::error_code gone;
    if (it->is_symlink(gone)) continue;
    if (it->is_regular_file(gone)) {
      const auto size = it->file_size(gone);
      if (!gone) bytes += size;
    }
  }
  return bytes;
}

std::chrono::system_clock::time_point last_use(const fs::path& folder) {
  // The workspace's own mtime is set at each use; see Compiler::compile.
  const auto state = file_state(folder.c_str());
  return std::chrono::system_clock::time_point(std::chrono::duration_cast<std::chrono::system_clock::duration>(
      std::chrono::nanoseconds(state ? state->mtime_ns : 0)));
}

std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> result;
  std::error_code ignored;
  for (fs::directory_iterator it(folder, ignored), end; !ignored && it != end; it.increment(ignored)) {
    std::error_code gone;
    const bool hidden = it->path().filename().native().front() == '.';
    if (!hidden && !it->is_symlink(gone) && it->is_directory(gone)) result.push_back(it->path());
  }
  return result;
}

}  // namespace

std::string file_name_for(std::string_view name) {
  std::string result(name);
  for (char& c : result) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                       c == '_' || c == '.';
    if (!plain) c = '_';
  }
  if (result.empty() || result.front() == '.') result.insert(result.begin(), '_');
  if (result.size() > 60) result.resize(60);
  return result;
}

bool Cache::open(const Environment& environment, std::string& error) const {
  if (home_.empty()) {
    error = "neither TAU_HOME nor HOME names a folder for the build cache; set TAU_HOME";
    return false;
  }
  std::error_code ignored;
  // The home itself may be shared with a group; from here on nothing is.
  if (!fs::is_directory(home_, ignored) && !make_private_directory(home_, error)) return false;
  bool changed = false;
  return make_private_directory(folder(), error) && make_private_directory(folder(environment), error) &&
         write_if_changed(folder(environment) / "environment", environment.description, changed, error);
}

Slot Cache::slot(const Environment& environment, const fs::path& tree) const {
  const std::string name = file_name_for(tree.filename().string()) + "-" + hash_of(tree.native());
  return {folder(environment) / name, folder(environment) / (name + ".lock")};
}

std::vector<CacheEntry> Cache::list(const std::string& current) const {
  std::vector<CacheEntry> entries;
  for (const fs::path& environment : folders_in(folder())) {
    const std::string description = read_file(environment / "environment").value_or("");
    for (const fs::path& plugin : folders_in(environment)) {
      CacheEntry entry;
      entry.environment = environment.filename().string();
      entry.description = description;
      entry.current = entry.environment == current;
      entry.plugin = plugin.filename().string();
      entry.source = read_file(plugin / "source").value_or("");
      entry.bytes = size_of_tree(plugin);
      entry.used = last_use(plugin);
      entries.push_back(std::move(entry));
    }
  }
  return entries;
}

template <typename Wanted>
std::size_t Cache::clean(const std::vector<CacheEntry>& entries, Wanted wanted,
                         std::vector<std::string>& busy) const {
  std::size_t removed = 0;
  for (const CacheEntry& entry : entries) {
    // What the plugins of an environment share goes with the last of them, below.
    if (entry.plugin == foundation || !wanted(entry)) continue;
    const fs::path environment = folder() / entry.environment;
    const fs::path lock_file = environment / (entry.plugin + ".lock");
    FileLock lock;
    std::string error;
    if (!lock.acquire(lock_file, false, error) || !lock.held()) {
      busy.push_back(entry.plugin);
      continue;
    }
    remove_tree(environment / entry.plugin);
    std::error_code ignored;
    fs::remove(lock_file, ignored);
    ++removed;
  }
  std::set<std::string> environments;
  for (const CacheEntry& entry : entries) environments.insert(entry.environment);
  for (const std::string& hash : environments) {
    const fs::path environment = folder() / hash;
    const auto left = folders_in(environment);
    if (left.size() > 1 || (left.size() == 1 && left.front().filename() != foundation)) continue;
    FileLock lock;
    std::string error;
    if (lock.acquire(environment / (std::string(foundation) + ".lock"), false, error) && lock.held()) {
      remove_tree(environment);
    }
  }
  return removed;
}

std::size_t Cache::clean_all(std::vector<std::string>& busy) const {
  return clean(list({}), [](const CacheEntry&) { return true; }, busy);
}

std::size_t Cache::clean_plugin(const std::string& plugin, std::vector<std::string>& busy) const {
  std::error_code ignored;
  const fs::path tree = fs::weakly_canonical(plugin, ignored);
  return clean(
      list({}),
      [&](const CacheEntry& entry) {
        return entry.plugin == plugin || entry.source == tree || entry.source.filename() == plugin;
      },
      busy);
}

std::size_t Cache::clean_stale(const std::string& current, std::vector<std::string>& busy) const {
  return clean(list(current), [](const CacheEntry& entry) { return !entry.current; }, busy);
}

void Cache::forget_superseded(const Environment& environment) const {
  std::vector<CacheEntry> entries;
  for (const fs::path& other : folders_in(folder())) {
    if (other.filename() == environment.hash) continue;
    if (read_file(other / "environment") != environment.description) continue;
    for (const fs::path& plugin : folders_in(other)) {
      CacheEntry entry;
      entry.environment = other.filename().string();
      entry.plugin = plugin.filename().string();
      entries.push_back(std::move(entry));
    }
  }
  if (entries.empty()) return;
  std::vector<std::string> busy;
  clean(entries, [](const CacheEntry&) { return true; }, busy);
}

}  // namespace tau::host
