// Goal: whatever happens to a build while it runs, the module that comes out in the end is that of the sources
// as they are. Method: kill it at random moments (TAU_SEED replays), run two at once, edit while it compiles;
// each time build again and look into the module. Runs Meson.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <chrono>
#include <random>
#include <thread>

#include "support.hpp"

using namespace tau::host;
using namespace tau::host::test;

namespace {

unsigned seed() {
  if (const char* given = ::getenv("TAU_SEED")) return static_cast<unsigned>(std::strtoul(given, nullptr, 10));
  return std::random_device{}();
}

/// Two sources, each of which shows its number in the module.
fs::path numbered_plugin(int number) {
  const auto plugin = fresh_plugin();
  write_file(plugin / "meson.build", "project('numbered', 'cpp')\nshared_module('numbered', 'plain.cpp', 'one.cpp', 'two.cpp',\n"
             "  dependencies: dependency('tau'))\n");
  const std::string text = std::to_string(number);
  for (const char* each : {"one", "two"}) {
    write_file(plugin / (std::string(each) + ".cpp"), "#include <tau/tau.hpp>\nextern \"C\" __attribute__((visibility(\"default\"))) int plugin_" +
               std::string(each) + "_" + text + "() { return " + text + "; }\n");
  }
  return plugin;
}

void renumber(const fs::path& plugin, const char* file, int from, int to) {
  std::string text = text_of(plugin / (std::string(file) + ".cpp"));
  const std::string old = "plugin_" + std::string(file) + "_" + std::to_string(from) + "(";
  REQUIRE(contains(text, old));
  text.replace(text.find(old), old.size(), "plugin_" + std::string(file) + "_" + std::to_string(to) + "(");
  write_file(plugin / (std::string(file) + ".cpp"), text);
}

bool shows(const CompileResult& result, const char* file, int number) {
  return contains(text_of(result.module), "plugin_" + std::string(file) + "_" + std::to_string(number));
}

/// Every process below `parent`: Ninja's compilers have process groups of their own.
void kill_descendants(pid_t parent) {
  // Files in /proc have no size, so read_file does not serve.
  std::ifstream in("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children");
  for (pid_t child; in >> child;) {
    kill_descendants(child);
    ::kill(child, SIGKILL);
  }
}

}  // namespace

TEST_CASE("a build that was killed at any moment is made good by the next") {
  const unsigned start = seed();
  MESSAGE("TAU_SEED=" << start);
  std::mt19937 random(start);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  shared_tau();
  int number = 0;
  const auto plugin = numbered_plugin(number);
  for (int round = 0; round < 12; ++round) {
    CAPTURE(round);
    // Half of the rounds begin with a new meson.build, so the set-up is among what is killed.
    renumber(plugin, "one", number, number + 1);
    renumber(plugin, "two", number, number + 1);
    ++number;
    if (random() % 2) write_file(plugin / "meson.build", text_of(plugin / "meson.build") + "\n");
    const bool whole_family = random() % 2;
    const pid_t host = ::fork();
    if (host == 0) {
      shared_tau().compile(plugin);
      ::_exit(0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 900));
    // Either all at once, as when a machine loses power, or the host alone, as when it crashes: then the
    // tools go on for a while and the next host has to wait for them.
    if (whole_family) {
      ::kill(host, SIGSTOP);
      kill_descendants(host);
    }
    ::kill(host, SIGKILL);
    ::waitpid(host, nullptr, 0);

    const auto result = shared_tau().compile(plugin);
    require_ok(result);
    CHECK(shows(result, "one", number));
    CHECK(shows(result, "two", number));
    CHECK(shared_tau().compile(plugin).fresh);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST_CASE("a foundation that was killed half-way is made good by the next") {
  const unsigned start = seed();
  MESSAGE("TAU_SEED=" << start);
  std::mt19937 random(start);
  Tau tau;
  const auto plugin = tau.plugin("plain");
  for (int round = 0; round < 3; ++round) {
    const pid_t host = ::fork();
    if (host == 0) {
      tau.compile(plugin);
      ::_exit(0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50 + random() % 700));
    ::kill(host, SIGKILL);
    ::waitpid(host, nullptr, 0);
  }
  require_ok(tau.compile(plugin));
  shared_tau();
}

TEST_CASE("two hosts that build the same plugin at once both get it") {
  const auto plugin = numbered_plugin(1);
  pid_t hosts[2];
  for (pid_t& host : hosts) {
    host = ::fork();
    if (host == 0) {
      const auto result = shared_tau().compile(plugin);
      ::_exit(result.ok && shows(result, "one", 1) && shows(result, "two", 1) ? 0 : 1);
    }
  }
  for (const pid_t host : hosts) {
    int status = 0;
    ::waitpid(host, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
  CHECK(shared_tau().compile(plugin).fresh);
}

TEST_CASE("threads of one host build different plugins and the same one at once") {
  const auto one = numbered_plugin(1);
  const auto two = numbered_plugin(2);
  std::vector<std::thread> threads;
  std::vector<CompileResult> results(4);
  for (std::size_t i = 0; i < results.size(); ++i) {
    threads.emplace_back([&, i] { results[i] = shared_tau().compile(i % 2 ? one : two); });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& result : results) require_ok(result);
  CHECK(results[0].module == results[2].module);
  CHECK(results[1].module == results[3].module);
}

TEST_CASE("a source that is edited while it is compiled is not missed") {
  const auto plugin = numbered_plugin(1);
  const Compiler compiler(shared_tau().installation());
  int edits = 0;
  const auto result = compiler.compile({.source = plugin, .stop = {}}, [&](const std::string& what) {
    // The first objects are done or under way: an edit of either source comes too late for them.
    if (what.rfind("compile 1/", 0) == 0 && edits++ == 0) {
      renumber(plugin, "one", 1, 2);
      renumber(plugin, "two", 1, 2);
    }
  });
  CHECK(edits > 0);
  require_ok(result);
  CHECK(shows(result, "one", 2));
  CHECK(shows(result, "two", 2));
  CHECK(shared_tau().compile(plugin).fresh);
}

TEST_CASE("a plugin that never stops changing is built, and is not taken for fresh") {
  const auto plugin = numbered_plugin(1);
  const Compiler compiler(shared_tau().installation());
  int number = 1;
  const auto result = compiler.compile({.source = plugin, .stop = {}}, [&](const std::string& what) {
    if (what.rfind("compile 1/", 0) != 0) return;
    renumber(plugin, "one", number, number + 1);
    ++number;
  });
  require_ok(result);
  const auto settled = shared_tau().compile(plugin);
  require_ok(settled);
  CHECK_FALSE(settled.fresh);
  CHECK(shows(settled, "one", number));
}
