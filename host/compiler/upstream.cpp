// See upstream.hpp.
#include "upstream.hpp"

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

#include "concat.hpp"
#include "files.hpp"
#include "workspace.hpp"

namespace tau::host {
namespace fs = std::filesystem;

namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// What a wrap file says about where its library comes from.
struct Wrap {
  std::string kind;  // "wrap-file", "wrap-git", ...
  std::vector<std::pair<std::string, std::string>> values;

  std::string_view value(std::string_view key) const {
    for (const auto& each : values) {
      if (each.first == key) return each.second;
    }
    return {};
  }
};

Wrap parse_wrap(std::string_view text) {
  Wrap wrap;
  bool source = false;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    if (line.front() == '[') {
      source = line.substr(0, 6) == "[wrap-" && line.back() == ']';
      if (source) wrap.kind = line.substr(1, line.size() - 2);
    } else if (const auto equals = line.find('='); source && equals != line.npos) {
      wrap.values.emplace_back(trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1)));
    }
  }
  return wrap;
}

/// What a plugin brings for one patch: a folder, or a wrap that names what to fetch.
struct Brought {
  fs::path tree;
  std::optional<Wrap> wrap;
  bool nothing() const { return tree.empty() && !wrap; }
};

Brought brought_by(const fs::path& plugin, const Patch& patch) {
  Brought brought;
  std::error_code missing;
  if (plugin.empty() || !fs::exists(patch.folder / "uses-system-copy", missing)) return brought;
  const fs::path folder = plugin / "subprojects";
  if (fs::is_directory(folder / patch.name, missing)) {
    brought.tree = folder / patch.name;
  } else if (const auto text = read_file(folder / (patch.name + ".wrap"))) {
    brought.wrap = parse_wrap(*text);
    // The author has fetched it already.
    const auto directory = brought.wrap->value("directory");
    if (!directory.empty() && fs::is_directory(folder / directory, missing)) {
      brought.tree = folder / directory;
      brought.wrap.reset();
    }
  }
  return brought;
}

std::string upstream_name(const Patch& patch) { return patch.name + "-upstream"; }

std::string project_with(const Patch& patch, std::string_view inside) {
  return concat({"# Written by tau.\nproject(", machine_string(upstream_name(patch)),
                 ")\nupstream_folder = meson.current_source_dir() / ", machine_string(inside), "\n"});
}

/// The same source, fetched into a folder of ours. The archive's own folder stays as it is inside of it.
std::string wrap_with(const Patch& patch, const Wrap& wrap) {
  std::string text = concat({"[", wrap.kind, "]\n"});
  for (const auto& [key, value] : wrap.values) {
    const bool ours = key == "directory" || key == "lead_directory_missing" || key == "method" ||
                      key.compare(0, 6, "patch_") == 0;
    if (!ours) append(text, {key, " = ", value, "\n"});
  }
  append(text, {"directory = ", upstream_name(patch), "\npatch_directory = ", upstream_name(patch), "\n"});
  if (wrap.kind == "wrap-file") text += "lead_directory_missing = true\n";
  return text;
}

std::string folder_of_archive(const Patch& patch, const Wrap& wrap) {
  if (wrap.kind != "wrap-file" || wrap.value("lead_directory_missing") == "true") return ".";
  const auto directory = wrap.value("directory");
  return directory.empty() ? patch.name : std::string(directory);
}

bool link(const fs::path& name, const fs::path& target, bool& changed, std::string& error) {
  std::error_code problem;
  if (fs::read_symlink(name, problem) == target) return true;
  changed = true;
  fs::remove_all(name, problem);
  fs::create_symlink(target, name, problem);
  if (problem) error = describe_failure("cannot make the link", name, problem.value());
  return !problem;
}

}  // namespace

bool write_upstream(const fs::path& subprojects, const Patch& patch, const fs::path& plugin, bool& changed,
                    std::string& error) {
  const Brought brought = brought_by(plugin, patch);
  const fs::path folder = subprojects / upstream_name(patch);
  const fs::path wrap = subprojects / (upstream_name(patch) + ".wrap");
  std::error_code ignored;
  if (!brought.wrap && fs::remove(wrap, ignored)) {
    changed = true;
    fs::remove_all(folder, ignored);
  }
  if (brought.nothing()) {
    if (fs::remove_all(folder, ignored) > 0) changed = true;
    return true;
  }
  if (!brought.tree.empty()) {
    return make_private_directory(folder, error) && link(folder / "tree", brought.tree, changed, error) &&
           write_if_changed(folder / "meson.build", project_with(patch, "tree"), changed, error);
  }

  if (fs::is_symlink(folder / "tree", ignored)) {
    changed = true;
    fs::remove_all(folder, ignored);  // Meson would take it for what it has fetched
  }
  const fs::path given = plugin / "subprojects" / (patch.name + ".wrap");
  if (brought.wrap->kind.empty() || brought.wrap->kind == "wrap-redirect" ||
      !brought.wrap->value("diff_files").empty()) {
    error = concat({"'", given.native(), "': tau takes ", patch.name, " from a [wrap-file] or [wrap-git] without "
                    "diff_files; else put its tree into subprojects/", patch.name});
    return false;
  }
  const fs::path files = subprojects / "packagefiles";
  if (!make_private_directory(files / upstream_name(patch), error)) return false;
  // An archive without an address lies beside the wrap.
  if (const auto name = brought.wrap->value("source_filename"); !name.empty() && name.find('/') == name.npos) {
    const fs::path archive = plugin / "subprojects/packagefiles" / name;
    if (fs::is_regular_file(archive, ignored) && !link(files / name, archive, changed, error)) return false;
  }
  return write_if_changed(files / upstream_name(patch) / "meson.build",
                          project_with(patch, folder_of_archive(patch, *brought.wrap)), changed, error) &&
         write_if_changed(wrap, wrap_with(patch, *brought.wrap), changed, error);
}

std::vector<std::string> upstream_names(const Patch& patch, const fs::path& plugin) {
  const Brought brought = brought_by(plugin, patch);
  std::vector<std::string> names;
  if (!brought.tree.empty()) names.push_back(upstream_name(patch));
  if (brought.wrap) names.insert(names.end(), {upstream_name(patch) + ".wrap", "packagefiles"});
  return names;
}

}  // namespace tau::host
