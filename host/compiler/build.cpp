// See build.hpp.
#include "build.hpp"

#include <algorithm>
#include <system_error>

#include "introspect.hpp"

namespace tau::host {
namespace fs = std::filesystem;

namespace {

std::string ninja_program() {
  for (const char* name : {"ninja", "ninja-build"}) {
    const fs::path found = find_program(name);
    if (!found.empty()) return found.string();
  }
  return "ninja";
}

CommandResult missing_tool(const std::string& name, const std::string& package) {
  CommandResult result;
  result.error = "'" + name + "' is not on PATH, and plugins are built with it; install it (Debian, Ubuntu: "
                 "apt install " + package + ")";
  return result;
}

}  // namespace

bool Build::is_sound() const {
  std::error_code ignored;
  return fs::exists(slot_.sound(), ignored);
}

void Build::condemn() const {
  std::error_code ignored;
  fs::remove(slot_.sound(), ignored);
}

CommandResult Build::run(std::vector<std::string> arguments, bool tell) const {
  Command command;
  command.arguments = std::move(arguments);
  command.directory = slot_.root;
  command.environment = build_environment();
  command.environment.push_back("NINJA_STATUS=" + std::string(ninja_status) + "%f/%t ");
  command.keep_open = lock_.fd();
  command.stop = stop_;
  if (tell && progress_) {
    command.on_line = [this](std::string_view line) {
      if (line.rfind(ninja_status, 0) != 0) return;
      line.remove_prefix(ninja_status.size());
      progress_("compile " + std::string(line.substr(0, line.find(' '))));
    };
  }
  return run_command(command);
}

CommandResult Build::setup() const {
  if (find_program("meson").empty()) return missing_tool("meson", "meson");
  if (find_program(ninja_program()).empty() && !fs::path(ninja_program()).is_absolute()) {
    return missing_tool("ninja", "ninja-build");
  }
  condemn();
  remove_tree(slot_.build());
  if (progress_) progress_("setup");
  CommandResult result = run({"meson", "setup", "--native-file", slot_.native_file().string(),
                              slot_.build().string(), slot_.super().string()},
                             false);
  std::string error;
  if (result.ok() && !write_atomically(slot_.sound(), "", error)) {
    result.kind = CommandResult::Kind::not_started;
    result.error = error;
  }
  return result;
}

CommandResult Build::ninja(const std::string& target) const {
  condemn();
  CommandResult result = run({ninja_program(), "-C", slot_.build().string(), target}, true);
  std::string ignored;
  // A failure that is Ninja's own word leaves a folder that it can go on with; any other does not.
  if (result.kind == CommandResult::Kind::exited) write_atomically(slot_.sound(), "", ignored);
  return result;
}

std::vector<std::string> Build::dependencies() const {
  // object: #deps 2, deps mtime 123 (VALID)
  //     ../super/subprojects/plugin/x.cpp
  std::vector<std::string> files;
  const CommandResult result = run({ninja_program(), "-C", slot_.build().string(), "-t", "deps"}, false);
  std::string_view rest = result.output;
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.rfind("    ", 0) == 0) files.emplace_back(line.substr(4));
  }
  return files;
}

std::vector<std::string> Build::inputs(const std::string& target) const {
  std::vector<std::string> files;
  const CommandResult result =
      run({ninja_program(), "-C", slot_.build().string(), "-t", "inputs", target}, false);
  if (!result.ok()) return files;  // before Ninja 1.11; the sources are known from Meson as well
  std::string_view rest = result.output;
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.rfind("ninja: ", 0) == 0) continue;
    for (std::string& word : split_words(line)) files.push_back(std::move(word));
  }
  return files;
}

}  // namespace tau::host
