// The only file that sees CLI11: its many templates cost seconds to compile.
#include "cli/options.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

namespace tau::host {
namespace {

constexpr int exit_usage = 2;

constexpr const char* examples =
    "With no plugin named, tau runs those in the nearest .tau/plugins and in ~/.tau/plugins.\n"
    "TAU_HOME replaces ~/.tau; TAU_REACTOR=epoll|kqueue|io_uring chooses the backend.\n\n"
    "Examples:\n"
    "  tau --plugin plugins/example-plugin --plugin plugins/second-plugin\n"
    "  tau run --requests 3 plugins/example-plugin\n"
    "  tau install USER/REPO\n"
    "  tau script checks.tau\n"
    "  tau bench spawn_join yield --repeat 5";

struct Words {
  std::vector<std::string> option_plugins;
  std::vector<std::string> run_plugins;
  std::string patches;
  std::string script;
  bool info = false;
};

std::vector<std::filesystem::path> merged_plugins(const Words& words) {
  std::vector<std::filesystem::path> plugins(words.option_plugins.begin(), words.option_plugins.end());
  plugins.insert(plugins.end(), words.run_plugins.begin(), words.run_plugins.end());
  return plugins;
}

/// What the grammar alone does not forbid; empty when all is well.
std::string contradiction(const Words& words, const BenchOptions& bench, const std::string& subcommand) {
  if (words.info && !subcommand.empty()) return "--info stands alone; drop '" + subcommand + "'";
  if (!words.option_plugins.empty() && (words.info || (!subcommand.empty() && subcommand != "run"))) {
    return "--plugin does not go with " + (words.info ? std::string("--info") : "'" + subcommand + "'");
  }
  if (subcommand == "bench" && bench.repeat == 0) return "--repeat needs a number from 1";
  if (bench.here && bench.names.size() != 1) return "--here measures one NAME";
  if (bench.port && bench.names.size() != 1) return "--port is one server's; name that alone";
  for (const auto& plugin : merged_plugins(words)) {
    if (plugin.empty()) return "a plugin's path is empty";
  }
  return {};
}

/// CLI11's own check for unsigned numbers lets -1 pass.
std::string whole_number(const std::string& text) {
  const bool digits = !text.empty() && text.size() < 19 &&
                      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits ? "" : "'" + text + "' is not a number from 0";
}

std::string port(const std::string& text) {
  const bool fits = whole_number(text).empty() && text.size() < 6 && std::stoul(text) < 65536;
  return fits ? "" : "'" + text + "' is not a port: a number from 0 to 65535";
}

std::string scale(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  const bool whole = !text.empty() && *end == '\0';
  return whole && value > 0 && value <= 1 ? "" : "'" + text + "' is not a scale: a number above 0, 1 at most";
}

ParsedOptions usage_error(const CLI::App& app, const std::string& what) {
  // The usage line only: a whole help text would bury the message.
  std::string usage = app.help();
  usage.resize(std::min(usage.size(), usage.find("\nOptions:")));
  const auto first = usage.find("Usage:");
  if (first != std::string::npos) usage.erase(0, first);
  while (!usage.empty() && usage.back() == '\n') usage.pop_back();
  return {std::nullopt, "tau: " + what + "\n" + usage + "\nRun 'tau --help' for more.\n", exit_usage};
}

}  // namespace

ParsedOptions parse_options(const std::vector<std::string>& arguments, const std::string& version) {
  Options options;
  Words words;

  CLI::App app{"Runs C++ plugins, compiled from their sources, on one event loop.", "tau"};
  app.set_version_flag("--version,-V", "tau " + version, "Print the version and exit");
  app.add_option("--plugin,-p", words.option_plugins, "A plugin's source tree or module; repeatable")
      ->type_name("PATH");
  app.add_option("--requests", options.requests, "Messages for each plugin that answers requests (default 1)")
      ->type_name("N")
      ->check(whole_number, "");
  app.add_option("--patches", words.patches, "Use this list of redirected libraries, not the installed one")
      ->type_name("FILE");
  app.add_flag("--info", words.info, "Print version, compiler, flags, reactor, patches and cache");
  app.require_subcommand(0, 1);

  // Options may follow the command as well: tau run X --requests 3.
  const auto add_command = [&app](const char* name, const char* description) {
    CLI::App* command = app.add_subcommand(name, description);
    command->fallthrough();
    return command;
  };
  CLI::App* run = add_command("run", "Run plugins; the same as --plugin");
  run->add_option("PATH", words.run_plugins, "Source trees or modules");
  CLI::App* script = add_command("script", "Do what a script says; any failure fails the run");
  script->add_option("FILE", words.script, "The script; standard input if left out");
  CLI::App* cache = add_command("cache", "Show what was built and kept, or clean it");
  cache->require_subcommand(0, 1);
  cache->add_subcommand("list", "Show it (the default)");
  CLI::App* clean = cache->add_subcommand("clean", "Remove what no running tau uses");
  CLI::App* install = add_command("install", "Put a plugin into ~/.tau/plugins");
  install->add_option("SOURCE", options.install_source, "USER/REPO on GitHub, a git URL or a local path")
      ->required();

  CLI::App* bench = add_command("bench", "Measure what things cost in plugins, each in a process of its own");
  bench->add_option("NAME", options.bench.names, "What to measure; all that --list shows if left out");
  bench->add_flag("--list", options.bench.list, "Show what can be measured");
  bench->add_flag("--json", options.bench.json, "Print a line of JSON for each figure in place of a table");
  bench->add_option("--repeat", options.bench.repeat, "Runs of each; the median, least and greatest are printed")
      ->type_name("N")
      ->check(whole_number, "");
  bench->add_option("--scale", options.bench.scale, "Do this part of the work only, to try it out")
      ->type_name("PART")
      ->check(scale, "");
  bench->add_option("--port", options.bench.port, "Where a server listens, on 127.0.0.1; left out or 0: printed")
      ->type_name("N")
      ->check(port, "");
  bench->add_option("--reactor", options.bench.reactor, "The backend of the loop: epoll, kqueue, io_uring")
      ->type_name("NAME");
  bench->add_flag("--here", options.bench.here, "Measure one NAME in this process")->group("");

  run->footer("--requests N and --patches FILE go with it; see tau --help.");
  script->footer("--patches FILE goes with it; see tau --help.");

  // Not before: commands would inherit it.
  app.footer(examples);

  try {
    // CLI11 takes them last first.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app.get_subcommands();
    return {std::nullopt, chosen.empty() ? app.help() : chosen.front()->help("tau"), 0};
  } catch (const CLI::CallForVersion& version_text) {
    return {std::nullopt, std::string(version_text.what()) + "\n", 0};
  } catch (const CLI::ArgumentMismatch& error) {
    // "--requests: 1 required N missing" is CLI11's way to say it.
    const std::string option = std::string(error.what()).substr(0, std::string(error.what()).find(':'));
    return usage_error(app, option + " needs a value after it");
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error.what());
  }

  const auto chosen = app.get_subcommands();
  const std::string subcommand = chosen.empty() ? "" : chosen.front()->get_name();
  if (const std::string why = contradiction(words, options.bench, subcommand); !why.empty()) return usage_error(app, why);

  if (words.info) options.command = Command::info;
  if (script->parsed()) options.command = Command::script;
  if (bench->parsed()) options.command = Command::bench;
  if (cache->parsed()) options.command = Command::cache;
  if (install->parsed()) options.command = Command::install;
  options.plugins = merged_plugins(words);
  options.patches = words.patches;
  if (words.script != "-") options.script = words.script;
  options.cache_action = clean->parsed() ? CacheAction::clean : CacheAction::list;
  return {options, {}, 0};
}

}  // namespace tau::host
