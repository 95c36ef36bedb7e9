// See stamp.hpp. The text is made for reading fast: one line an entry, numbers before the path.
#include "stamp.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "concat.hpp"
#include "hash.hpp"

namespace tau::host {
namespace fs = std::filesystem;

namespace {

constexpr std::string_view heading = "tau stamp 1";

/// Takes the text up to `end` off the front.
std::string_view take(std::string_view& text, char end) {
  const auto length = std::min(text.find(end), text.size());
  const auto result = text.substr(0, length);
  text.remove_prefix(std::min(length + 1, text.size()));
  return result;
}

template <typename Number>
Number take_number(std::string_view& text) {
  const auto word = take(text, ' ');
  Number value{};
  std::from_chars(word.data(), word.data() + word.size(), value);
  return value;
}

bool is_passing(const std::string& name) {
  return name.front() == '.' || name.front() == '#' || name.back() == '~' || name == "__pycache__";
}

}  // namespace

std::string Stamp::text() const {
  std::string result = concat({heading, "\n", project, "\n", module, "\n", std::to_string(taken_ns), "\n"});
  for (const Entry& entry : entries) {
    result += static_cast<char>(entry.kind);
    for (const auto number : {entry.state.mtime_ns, entry.state.ctime_ns}) append(result, {" ", std::to_string(number)});
    for (const auto number : {entry.state.size, entry.state.inode}) append(result, {" ", std::to_string(number)});
    append(result, {" ", entry.names, " ", entry.path, "\n"});
  }
  // Without this line the text is not whole.
  return result + "end\n";
}

Stamp Stamp::parse(std::string_view text) {
  Stamp stamp;
  if (take(text, '\n') != heading) return {};
  stamp.project = take(text, '\n');
  stamp.module = take(text, '\n');
  std::string_view taken = take(text, '\n');
  stamp.taken_ns = take_number<std::int64_t>(taken);
  stamp.entries.reserve(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')));
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    if (line == "end") return stamp;
    Entry entry;
    const auto kind = take(line, ' ');
    entry.kind = static_cast<Kind>(kind.empty() ? 0 : kind.front());
    entry.state.mtime_ns = take_number<std::int64_t>(line);
    entry.state.ctime_ns = take_number<std::int64_t>(line);
    entry.state.size = take_number<std::uint64_t>(line);
    entry.state.inode = take_number<std::uint64_t>(line);
    entry.names = take(line, ' ');
    entry.path = line;
    stamp.entries.push_back(std::move(entry));
  }
  return {};
}

bool Stamp::add(Kind kind, const fs::path& path) {
  const auto state = file_state(path.c_str());
  if (!state) return false;
  entries.push_back({kind, *state, kind == Kind::folder ? hash_names(path) : "-", path.string()});
  return true;
}

Freshness Stamp::check() const {
  if (entries.empty()) return Freshness::start_over;
  auto result = module.empty() ? Freshness::edited : Freshness::fresh;
  for (const Entry& entry : entries) {
    const auto now = file_state(entry.path.c_str());
    if (now == entry.state) continue;
    if (!now) return Freshness::start_over;
    switch (entry.kind) {
      case Kind::folder:
        // An editor's lock file came and went, say.
        if (now->inode != entry.state.inode || hash_names(entry.path) != entry.names) return Freshness::start_over;
        break;
      case Kind::source:
        // Ninja rebuilds what is newer than its outputs, and every output is older than the stamp.
        if (now->mtime_ns < taken_ns) return Freshness::start_over;
        result = Freshness::edited;
        break;
      case Kind::description:
        return Freshness::start_over;
      case Kind::output:
        result = Freshness::edited;
        break;
      default:
        return Freshness::start_over;
    }
  }
  return result;
}

std::int64_t Stamp::newest_ns(const fs::path& ours) const {
  const std::string prefix = ours.string() + "/";
  std::int64_t newest = 0;
  for (const Entry& entry : entries) {
    if (entry.path.rfind(prefix, 0) == 0) continue;
    newest = std::max({newest, entry.state.mtime_ns, entry.state.ctime_ns});
  }
  return newest;
}

std::string hash_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (fs::directory_iterator it(folder, ignored), end; !ignored && it != end; it.increment(ignored)) {
    std::string name = it->path().filename().string();
    if (!is_passing(name)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  Hasher hasher;
  for (const std::string& name : names) hasher.add(name);
  return hasher.hex();
}

std::vector<fs::path> source_folders(const fs::path& tree) {
  std::vector<fs::path> folders{tree};
  std::error_code ignored;
  for (fs::recursive_directory_iterator it(tree, fs::directory_options::skip_permission_denied, ignored), end;
       !ignored && it != end; it.increment(ignored)) {
    std::error_code gone;
    if (it->is_symlink(gone) || !it->is_directory(gone)) continue;
    // A build folder of the author's own changes at each of his builds.
    if (is_passing(it->path().filename().string()) || fs::exists(it->path() / "meson-private", gone)) {
      it.disable_recursion_pending();
    } else {
      folders.push_back(it->path());
    }
  }
  return folders;
}

}  // namespace tau::host
