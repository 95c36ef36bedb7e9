#include "commands.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>

#include "cli/discovery.hpp"
#include "cli/install.hpp"
#include "cli/message.hpp"
#include "cli/script.hpp"
#include "compiler/cache.hpp"
#include "compiler/environment.hpp"
#include "compiler/flags.hpp"
#include "console.hpp"
#include "home.hpp"
#include "script_runner.hpp"
#include "session.hpp"

namespace tau::host {
namespace {

std::unique_ptr<Session> make_session(const Options& options) {
  std::string why;
  auto session = Session::make(options.patches, &why);
  if (!session) console::error_line("tau", "no reactor: " + why);
  return session;
}

// The running host's environment hash; empty when its parts are not all there.
std::string current_environment(const Options& options) {
  std::string error;
  auto environment = find_environment(Installation::find(options.patches), error);
  return environment ? environment->hash : std::string();
}

std::string age(std::chrono::system_clock::duration since) {
  auto minutes = std::chrono::duration_cast<std::chrono::minutes>(since).count();
  if (minutes < 1) return "just now";
  if (minutes < 120) return std::to_string(minutes) + " min ago";
  if (minutes < 48 * 60) return std::to_string(minutes / 60) + " h ago";
  return std::to_string(minutes / 60 / 24) + " days ago";
}

// Unloads all; the exit code.
int end(Session& session, bool failed) {
  session.unload_all();
  const int code = failed || session.failures() != 0 ? 1 : 0;
  // A module that stays mapped has static destructors, which at exit() would find no runtime any more; and a
  // thread inside the resolver may stay there for minutes, with nobody left who asked.
  if (session.has_stuck() || session.runtime().resolver.asked() != 0) {
    std::fflush(nullptr);
    _exit(code);
  }
  return code;
}

}  // namespace

int command_run(const Options& options) {
  std::vector<std::filesystem::path> plugins = options.plugins;
  if (plugins.empty()) {
    std::error_code error;
    Discovery found = discover_plugins(std::filesystem::current_path(error), tau_home());
    if (found.plugins.empty()) {
      std::string folders;
      for (const auto& folder : found.searched) folders += "\n  " + folder.string();
      console::error_line("tau", "no plugin was named, and there is none in" + folders +
                                     "\nname one with: tau --plugin PATH");
      return 2;
    }
    plugins = std::move(found.plugins);
  }
  auto session = make_session(options);
  if (!session) return 1;
  session->load(plugins, [&](Plugin& plugin) {
    for (std::uint64_t i = 0; i < options.requests && plugin.request; ++i) {
      session->send(plugin, to_payload("hello"));
    }
    session->settle();
  });
  session->run_until([&] { return !session->has_live_work(); });
  return end(*session, false);
}

int command_script(const Options& options) {
  std::string name = options.script.empty() ? "standard input" : options.script.string();
  std::string text;
  if (options.script.empty()) {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    std::ifstream file(options.script);
    std::stringstream content;
    if (!file || !(content << file.rdbuf())) {
      console::error_line("tau", "cannot read the script " + name);
      return 2;
    }
    text = content.str();
  }
  Script script = parse_script(text, name);
  for (const auto& error : script.errors) console::error_line("script", error);
  if (!script.errors.empty()) return 2;
  auto session = make_session(options);
  if (!session) return 1;
  unsigned failed = run_script(*session, script, name);
  return end(*session, failed != 0);
}

int command_cache(const Options& options) {
  std::filesystem::path home = tau_home();
  if (home.empty()) {
    console::error_line("tau", "there is no home directory; set TAU_HOME to where the cache may be");
    return 1;
  }
  Cache cache(home);
  if (options.cache_action == CacheAction::clean) {
    std::vector<std::string> busy;
    std::size_t gone = cache.clean_all(busy);
    std::printf("removed %zu from %s\n", gone, cache.folder().c_str());
    for (const auto& entry : busy) std::printf("being built, left alone: %s\n", entry.c_str());
    return busy.empty() ? 0 : 1;
  }
  std::printf("%s\n", cache.folder().c_str());
  const std::vector<CacheEntry> entries = cache.list(current_environment(options));
  if (entries.empty()) std::printf("  nothing yet\n");
  for (const CacheEntry& entry : entries) {
    std::string what = entry.source.empty() ? "shared by the plugins of an environment" : entry.source.string();
    std::printf("  %-8s %7.1f MB  %-14s %s  %s\n", entry.current ? "current" : "old",
                static_cast<double>(entry.bytes) / 1e6, age(std::chrono::system_clock::now() - entry.used).c_str(),
                entry.plugin.c_str(), what.c_str());
  }
  return 0;
}

int command_info(const Options& options, const char* version) {
  std::string why;
  auto reactor = make_reactor("auto", &why);
  Installation installation = Installation::find(options.patches);
  std::string error;
  auto environment = find_environment(installation, error);
  std::printf("tau %s\n", version);
  std::printf("compiler: %s\n", flags_summary().c_str());
  std::printf("reactor:  %s\n", why.c_str());
  std::printf("tau-rt:   %s\n", installation.rt_library.c_str());
  std::printf("patches:  %s\n", installation.patches_list.c_str());
  if (environment) {
    for (const Patch& patch : environment->patches) {
      std::printf("  %s → %s\n", patch.name.c_str(), patch.folder.c_str());
    }
  }
  Cache cache(tau_home());
  std::printf("cache:    %s\n", cache.folder().c_str());
  if (!environment) {
    std::fflush(stdout);
    console::error_line("tau", error);
    return 1;
  }
  std::printf("  environment %s\n", environment->hash.c_str());
  return reactor ? 0 : 1;
}

int command_install(const Options& options) {
  const InstallResult result = install_plugin(options.install_source, tau_home());
  if (!result.ok) {
    console::error_line("tau", result.error);
    return 1;
  }
  console::line("tau", "installed " + result.installed.string());
  return 0;
}

}  // namespace tau::host
