// See introspect.hpp.
#include "introspect.hpp"

#include <nlohmann/json.hpp>

#include "files.hpp"

namespace tau::host {
namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

/// An empty value when there is no such file or it is damaged.
Json read_json(const fs::path& path) {
  const auto text = read_file(path);
  if (!text) return {};
  Json value = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  return value.is_discarded() ? Json{} : value;
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

const Json& list_of(const Json& object, const char* key) {
  static const Json none = Json::array();
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : none;
}

Json targets_of(const fs::path& build) {
  Json targets = read_json(build / "meson-info/intro-targets.json");
  return targets.is_array() ? targets : Json::array();
}

/// Meson knows the plugin by its folder in our superproject; its author named it in project().
std::string project_name(const fs::path& build) {
  const Json info = read_json(build / "meson-info/intro-projectinfo.json");
  for (const Json& each : list_of(info, "subprojects")) {
    if (text_of(each, "name") == "plugin") return text_of(each, "descriptive_name");
  }
  return "plugin";
}

}  // namespace

std::optional<ModuleTarget> find_module(const fs::path& build, std::string& error) {
  std::vector<ModuleTarget> found;
  std::string libraries;
  const std::string project = project_name(build);
  for (const Json& target : targets_of(build)) {
    if (text_of(target, "subproject") != "plugin") continue;
    const Json& files = list_of(target, "filename");
    if (text_of(target, "type") == "shared library") libraries += " '" + text_of(target, "name") + "'";
    if (text_of(target, "type") != "shared module" || files.empty() || !files[0].is_string()) continue;
    const fs::path file = files[0].get<std::string>();
    found.push_back({text_of(target, "name"), project, file.lexically_relative(build).string()});
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    error = "its meson.build has no shared_module(): a plugin is one shared_module(..., "
            "dependencies: dependency('tau'))";
    if (!libraries.empty()) error += "; make a shared_module() of the shared_library()" + libraries;
    return std::nullopt;
  }
  error = "its meson.build has " + std::to_string(found.size()) + " shared modules, and a plugin is one:";
  for (const ModuleTarget& each : found) error += " '" + each.name + "'";
  error += "; give each a folder and a meson.build of its own";
  return std::nullopt;
}

std::string find_archive(const fs::path& build) {
  for (const Json& target : targets_of(build)) {
    const Json& files = list_of(target, "filename");
    if (text_of(target, "subproject") == "tau" && text_of(target, "name") == "tau" &&
        text_of(target, "type") == "static library" && !files.empty() && files[0].is_string()) {
      return fs::path(files[0].get<std::string>()).lexically_relative(build).string();
    }
  }
  return {};
}

std::vector<fs::path> build_description_files(const fs::path& build) {
  std::vector<fs::path> files;
  const Json list = read_json(build / "meson-info/intro-buildsystem_files.json");
  if (!list.is_array()) return files;
  for (const Json& each : list) {
    if (each.is_string()) files.emplace_back(each.get<std::string>());
  }
  return files;
}

std::vector<fs::path> target_sources(const fs::path& build) {
  std::vector<fs::path> files;
  for (const Json& target : targets_of(build)) {
    for (const Json& group : list_of(target, "target_sources")) {
      for (const Json& file : list_of(group, "sources")) {
        if (file.is_string()) files.emplace_back(file.get<std::string>());
      }
    }
  }
  return files;
}

std::vector<CompileCommand> compile_commands(const fs::path& build) {
  std::vector<CompileCommand> commands;
  const Json list = read_json(build / "compile_commands.json");
  if (!list.is_array()) return commands;
  for (const Json& each : list) {
    if (each.is_object()) commands.push_back({text_of(each, "file"), split_words(text_of(each, "command"))});
  }
  return commands;
}

std::string to_json(const std::vector<CompileCommand>& commands, const fs::path& directory) {
  Json list = Json::array();
  for (const CompileCommand& each : commands) {
    list.push_back({{"directory", directory.string()}, {"file", each.file}, {"arguments", each.arguments}});
  }
  return list.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool more = i + 1 < text.size();
    if (!quote && (c == ' ' || c == '\t' || c == '\n')) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (c == quote) {
      quote = 0;
    } else if (!quote && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == '\\' && more && !quote) {
      words.back() += text[++i];
    } else if (c == '\\' && more && quote == '"' && std::string_view("\\\"$`").find(text[i + 1]) != text.npos) {
      words.back() += text[++i];
    } else {
      words.back() += c;
    }
  }
  return words;
}

}  // namespace tau::host
