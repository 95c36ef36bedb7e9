// The command line as a plain structure: what was asked for, with nothing done about it yet.
//
// CLI11 stays behind this header. Parsing has no effect and does not exit, so that tests can call it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tau::host {

enum class Command {
  run,      // load plugins, serve requests, stay while one has live work
  script,   // do what a script says
  cache,    // show or clean the build cache
  install,  // copy a plugin into the home directory
  info,     // say what this tau is made of
  bench,    // have plugins measure what things cost
};

enum class CacheAction { list, clean };

struct BenchOptions {
  std::vector<std::string> names;  // empty: all
  bool json = false;               // a line of JSON for each figure, not a table
  bool list = false;               // what there is, and nothing measured
  bool here = false;               // one name, measured in this process
  std::uint64_t repeat = 1;
  double scale = 1;  // how much of its work each does: above 0, 1 at most
  std::optional<std::uint16_t> port;  // of a server; 0: the system chooses
  std::string reactor;                // a backend by its name; empty: as without
};

struct Options {
  Command command = Command::run;

  /// run: source trees or modules, as given. Empty: whatever discovery finds.
  std::vector<std::filesystem::path> plugins;
  /// run: messages for each plugin that answers requests.
  std::uint64_t requests = 1;
  /// run, script, info: another patches.list than the installed one; empty: that one.
  std::filesystem::path patches;

  /// script: the file; empty: standard input.
  std::filesystem::path script;
  CacheAction cache_action = CacheAction::list;
  /// install: USER/REPO, a git URL or a local path.
  std::string install_source;
  BenchOptions bench;
};

/// Either options, or a text to print and the code to exit with: --help and --version end with 0, a
/// command line that makes no sense with 2.
struct ParsedOptions {
  std::optional<Options> options;
  std::string text;
  int exit_code = 0;
};

/// `arguments` without the program's name; `version` is what --version prints.
ParsedOptions parse_options(const std::vector<std::string>& arguments, const std::string& version);

}  // namespace tau::host
