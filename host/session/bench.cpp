#include "bench.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "bench_host.hpp"
#include "cli/bench_figures.hpp"
#include "cli/bench_list.hpp"
#include "cli/message.hpp"
#include "commands.hpp"
#include "compiler/compiler.hpp"
#include "console.hpp"
#include "session.hpp"

namespace tau::host {
namespace {

std::filesystem::path folder_of(const Options& options) {
  return Installation::find(options.patches).root / "share" / "bench";
}

BenchList read_list(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "bench.list";
  std::ifstream file(path);
  std::stringstream text;
  BenchList list;
  if (!file || !(text << file.rdbuf())) {
    list.error = "cannot read " + path.string() + ", which says what can be measured; it is part of the dist tree";
    return list;
  }
  return parse_bench_list(text.str(), path.string());
}

std::string as_text(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", number);
  return text;
}

// ---- in a process of its own --------------------------------------------------------------------------

std::optional<std::string> ask(Session& session, Plugin& plugin, const std::string& question) {
  std::optional<std::string> answer;
  bool ended = false;
  auto on_end = [&](std::int32_t status, const std::string* text) {
    ended = true;
    if (status == 0 && text) answer = *text;
    else console::error_line(plugin.name, text ? *text : "was unloaded before it answered");
  };
  if (!plugin.request) {
    console::error_line("tau", "'" + plugin.name + "' answers no messages");
    return std::nullopt;
  }
  session.runtime().requests.send(plugin, plugin.request, 1, to_payload(question), on_end);
  // The answer may still come during the unload: `on_end` refers to what is here.
  session.run_until([&] { return ended; });
  if (!ended) session.unload_all();
  return answer;
}

int measure_here(const Options& options, const BenchEntry& entry, const std::filesystem::path& folder) {
  std::string why;
  auto session = Session::make(options.patches, &why);
  if (!session) {
    console::error_line("tau", "no reactor: " + why);
    return 1;
  }
  std::optional<std::string> answer;
  if (entry.plugins.front() == "host") {
    answer = measure_in_host(*session, entry.name, folder / entry.plugins.back(), options.bench.scale);
  } else {
    std::vector<std::filesystem::path> paths;
    for (const std::string& plugin : entry.plugins) paths.push_back(folder / plugin);
    std::vector<Plugin*> loaded;
    session->load(paths, [&](Plugin& plugin) { loaded.push_back(&plugin); });
    session->settle();
    if (loaded.size() == paths.size()) {
      answer = ask(*session, *loaded.front(), entry.name + " " + as_text(options.bench.scale));
    }
  }
  if (answer) std::printf("%s\n", answer->c_str());
  std::fflush(stdout);
  session->unload_all();
  return answer && session->failures() == 0 ? 0 : 1;
}

// ---- the command itself -------------------------------------------------------------------------------

/// Runs `arguments` and reads its standard output; its standard error is ours. Empty if it failed.
std::optional<std::string> output_of(std::vector<std::string> arguments) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  pid_t child = 0;
  const int error = posix_spawn(&child, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string output;
  char buffer[4096];
  for (ssize_t got; error == 0 && (got = read(ends[0], buffer, sizeof buffer)) != 0;) {
    if (got > 0) output.append(buffer, static_cast<std::size_t>(got));
    else if (errno != EINTR) break;
  }
  close(ends[0]);
  if (error != 0) {
    console::error_line("tau", arguments[0] + " cannot be started: " + std::generic_category().message(error));
    return std::nullopt;
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (status != 0) return std::nullopt;
  return output;
}

bool add_figures(BenchFigures& figures, const std::string& output) {
  bool any = false;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("{\"bench\"")) any |= figures.add(line);
  }
  return any;
}

bool measure(const Options& options, const std::string& name, BenchFigures& figures) {
  const std::filesystem::path start = Installation::find(options.patches).root / "run.sh";
  std::vector<std::string> arguments{start.string(), "bench", "--here", name, "--scale", as_text(options.bench.scale)};
  if (!options.patches.empty()) arguments.insert(arguments.end(), {"--patches", options.patches.string()});
  for (std::uint64_t run = 0; run < options.bench.repeat; ++run) {
    const auto output = output_of(arguments);
    if (!output || !add_figures(figures, *output)) {
      console::error_line("tau", "bench '" + name + "' failed");
      return false;
    }
  }
  return true;
}

// ---- servers --------------------------------------------------------------------------------------------

int serve(const Options& options, const BenchEntry& entry, const std::filesystem::path& folder) {
  ::setenv("BENCH_SERVE", entry.name.c_str(), 1);
  ::setenv("BENCH_PORT", std::to_string(options.bench.port.value_or(0)).c_str(), 1);
  Options run;
  run.patches = options.patches;
  run.plugins = {folder / entry.plugins.front()};
  return command_run(run);
}

std::string unknown(const std::string& name, const BenchList& list) {
  std::string text = "there is no bench '" + name + "'; there are";
  for (const BenchEntry& entry : list.entries) text += (&entry == list.entries.data() ? " " : ", ") + entry.name;
  return text;
}

/// What is wrong with the names; empty when nothing is.
std::string contradiction(const BenchOptions& bench, const BenchList& list) {
  for (const std::string& name : bench.names) {
    const BenchEntry* entry = list.find(name);
    if (!entry) return unknown(name, list);
    if (entry->serves && bench.names.size() > 1) return "'" + name + "' serves until it is ended; name it alone";
    if (!entry->serves && bench.port) return "'" + name + "' is no server: --port does not go with it";
  }
  return {};
}

}  // namespace

int command_bench(const Options& options) {
  const std::filesystem::path folder = folder_of(options);
  const BenchList list = read_list(folder);
  if (!list.error.empty()) {
    console::error_line("tau", list.error);
    return 1;
  }
  if (options.bench.list) {
    for (const BenchEntry& entry : list.entries) std::printf("%-24s %s\n", entry.name.c_str(), entry.what.c_str());
    return 0;
  }
  std::vector<std::string> names = options.bench.names;
  if (const std::string why = contradiction(options.bench, list); !why.empty()) {
    console::error_line("tau", why);
    return 2;
  }
  if (!options.bench.reactor.empty()) ::setenv("TAU_REACTOR", options.bench.reactor.c_str(), 1);  // children's, too
  if (!names.empty() && list.find(names.front())->serves) return serve(options, *list.find(names.front()), folder);
  if (options.bench.here) return measure_here(options, *list.find(names.front()), folder);
  if (names.empty()) {
    for (const BenchEntry& entry : list.entries) {
      if (!entry.serves) names.push_back(entry.name);
    }
  }

  // Programs get each figure as soon as it is there; people a whole table, and what is being waited for.
  const bool told = !options.bench.json && isatty(STDERR_FILENO) == 1;
  BenchFigures all;
  bool failed = false;
  for (const std::string& name : names) {
    if (told) std::fprintf(stderr, "\r\033[K%s ...", name.c_str());
    BenchFigures own;
    BenchFigures& figures = options.bench.json ? own : all;
    failed |= !measure(options, name, figures);
    if (options.bench.json) std::fputs(figures.json(options.bench.scale).c_str(), stdout);
    std::fflush(stdout);
  }
  if (told) std::fputs("\r\033[K", stderr);
  if (!all.empty()) std::fputs(all.table(options.bench.scale).c_str(), stdout);
  return failed ? 1 : 0;
}

}  // namespace tau::host
