// See patches.hpp.
#include "patches.hpp"

#include <algorithm>
#include <system_error>

#include "files.hpp"

namespace tau::host {
namespace fs = std::filesystem;

namespace {

constexpr std::string_view blank = " \t\r";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blank);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// As Meson and pkg-config take it; and safe as the name of a folder.
bool is_name(std::string_view name) {
  return !name.empty() && is_alphanumeric(name.front()) && std::all_of(name.begin(), name.end(), [](char c) {
    return is_alphanumeric(c) || c == '_' || c == '.' || c == '+' || c == '-';
  });
}

}  // namespace

std::string dependency_variable(std::string_view name) {
  std::string variable(name);
  for (char& c : variable) {
    if (!is_alphanumeric(c)) c = '_';
  }
  return variable + "_dep";
}

std::optional<std::vector<Patch>> parse_patches(std::string_view text, const fs::path& list, std::string& error) {
  std::vector<Patch> patches;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));

    const std::string_view line = trimmed(raw.substr(0, raw.find('#')));
    if (line.empty()) continue;
    const std::string where = list.string() + ":" + std::to_string(number) + ": ";
    const auto equals = line.find('=');
    const std::string_view name = trimmed(line.substr(0, equals));
    const std::string_view folder = equals == line.npos ? "" : trimmed(line.substr(equals + 1));
    if (!is_name(name) || folder.empty()) {
      error = where + "'" + std::string(line) + "' is not of the form 'name = folder'";
      return std::nullopt;
    }
    if (name == "plugin" || name == "packagefiles" || name == "packagecache") {
      error = where + "the name '" + std::string(name) + "' is taken by the build itself; choose another";
      return std::nullopt;
    }
    for (const Patch& other : patches) {
      if (other.name == name) {
        error = where + "'" + std::string(name) + "' is listed twice; remove one of the lines";
        return std::nullopt;
      }
    }
    patches.push_back({std::string(name), (list.parent_path() / folder).lexically_normal()});
  }
  std::stable_partition(patches.begin(), patches.end(), [](const Patch& patch) { return patch.name == "tau"; });
  return patches;
}

std::optional<std::vector<Patch>> load_patches(const fs::path& list, const fs::path& sources, std::string& error) {
  const auto text = read_file(list);
  if (!text) {
    error = "cannot read the list of patches '" + list.string() + "'";
    return std::nullopt;
  }
  auto patches = parse_patches(*text, list, error);
  if (!patches) return std::nullopt;
  if (patches->empty() || patches->front().name != "tau") {
    patches->insert(patches->begin(), {"tau", sources / "tau"});
  }
  for (Patch& patch : *patches) {
    std::error_code missing;
    const fs::path real = fs::canonical(patch.folder, missing);
    if (missing || !fs::is_regular_file(real / "meson.build", missing)) {
      error = list.string() + ": '" + patch.name + "' names the folder '" + patch.folder.string() +
              "', which has no meson.build";
      return std::nullopt;
    }
    patch.folder = real;
  }
  return patches;
}

}  // namespace tau::host
