// See foundation.hpp.
#include "foundation.hpp"

#include <algorithm>
#include <system_error>

#include "build.hpp"
#include "compiler/build_config.hpp"
#include "command.hpp"
#include "diagnostics.hpp"
#include "introspect.hpp"
#include "workspace.hpp"

namespace tau::host {
namespace fs = std::filesystem;

namespace {

/// The command of one of the sdk's own sources, turned into one that precompiles tau/tau.hpp: so the flags
/// fit whatever this version of Meson passes besides ours.
std::vector<std::string> precompile_command(const Slot& slot, const fs::path& sdk, const fs::path& output) {
  const auto commands = compile_commands(slot.build());
  if (commands.empty()) return {};
  std::vector<std::string> result;
  const std::string map = "-ffile-prefix-map=";
  const std::string link = "../super/subprojects/tau";
  const std::vector<std::string>& words = commands.front().arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string word = words[i];
    if (word.rfind(map, 0) == 0 || word == "-MD" || word == "-MMD" || word == "-c") continue;
    if (word == "-MQ" || word == "-MF" || word == "-o") {
      ++i;
      continue;
    }
    if (word == commands.front().file) continue;
    // Debug information then names the sdk itself, not the first way that led there.
    for (const std::string& from : {(slot.super() / "subprojects/tau").string(), link}) {
      if (const auto at = word.find(from); at != word.npos) word.replace(at, from.size(), sdk.string());
    }
    result.push_back(std::move(word));
  }
  result.insert(result.end(), {"-x", "c++-header", (sdk / "include/tau/tau.hpp").string(), "-o", output.string()});
  return result;
}

bool has_precompiled_headers() { return std::string_view(build_config::compiler_id) == "gcc"; }

/// Empty when there is none. A failure is no error here: plugins that include the header show it better.
fs::path precompile(const Environment& environment, const Slot& slot, const FileLock& lock, std::stop_token stop) {
  const fs::path sdk = environment.patches.front().folder;
  std::error_code ignored;
  if (!has_precompiled_headers() || !fs::exists(sdk / "include/tau/tau.hpp", ignored)) return {};
  const fs::path header = slot.root / "tau.hpp";
  std::string error;
  if (!write_atomically(header, "// Empty: used where tau.hpp.gch beside does not fit.\n", error)) return {};
  Command command;
  command.arguments = precompile_command(slot, sdk, header.string() + ".gch");
  command.directory = slot.build();
  command.environment = build_environment();
  command.keep_open = lock.fd();
  command.stop = stop;
  if (command.arguments.empty() || !run_command(command).ok()) return {};
  return header;
}

std::optional<Foundation> finished(const Slot& slot) {
  const auto text = read_file(slot.stamp());
  if (!text) return std::nullopt;
  const auto middle = text->find('\n');
  if (middle == text->npos || text->back() != '\n') return std::nullopt;
  return Foundation{text->substr(0, middle), text->substr(middle + 1, text->size() - middle - 2)};
}

}  // namespace

std::optional<Foundation> find_foundation(const Environment& environment, const Cache& cache,
                                          const Progress& progress, std::stop_token stop, std::string& error) {
  const fs::path folder = cache.folder(environment);
  const Slot slot{folder / "foundation", folder / "foundation.lock"};
  if (auto found = finished(slot)) return found;
  FileLock lock;
  if (!lock.acquire(slot.lock, stop, {}, error)) return std::nullopt;
  if (!lock.held()) {
    error = "stopped";
    return std::nullopt;
  }
  if (auto found = finished(slot)) return found;

  cache.forget_superseded(environment);
  // Whatever a killed build left is not worth looking at.
  remove_tree(slot.root);
  if (!make_private_directory(slot.root, error)) return std::nullopt;
  bool changed = false;
  if (!Workspace{environment, slot, {}}.write(changed, error)) return std::nullopt;
  if (progress) progress("the sdk, once");
  const Build build(slot, lock, {}, stop);
  const Diagnosis diagnosis{environment, slot, {}, {}};
  if (const auto result = build.setup(); !result.ok()) {
    error = diagnosis.of_circumstances(result);
    if (error.empty()) error = diagnosis.of_setup(result);
    return std::nullopt;
  }
  const std::string archive = find_archive(slot.build());
  if (archive.empty()) {
    error = "'" + environment.patches.front().folder.string() + "' builds no static_library('tau')";
    return std::nullopt;
  }
  if (const auto result = build.ninja(archive); !result.ok()) {
    error = diagnosis.of_circumstances(result);
    if (error.empty()) error = diagnosis.of_build(result);
    return std::nullopt;
  }
  if (progress && has_precompiled_headers()) progress("precompiled header, once");
  Foundation foundation{slot.build() / archive, precompile(environment, slot, lock, stop)};
  if (stop.stop_requested()) {
    error = "stopped";
    return std::nullopt;
  }
  if (!write_atomically(slot.stamp(), foundation.archive.string() + "\n" + foundation.header.string() + "\n", error)) {
    return std::nullopt;
  }
  return foundation;
}

}  // namespace tau::host
