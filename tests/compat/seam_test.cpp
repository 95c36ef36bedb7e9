// The seam from outside: what a module's own event loops and threads leave in the process, which is nothing.
#include <doctest/doctest.h>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "host/plugin/loading.hpp"

using namespace tau::test;
using tau::host::Phase;
using tau::host::Plugin;
using tau::host::Unloader;

// What plugin_init allocates here is lost on purpose, and what a thread holds that is left where it stands: that is the
// case under test.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:tau::host::Fibers::dedicated_main\nleak:__cxa_allocate_exception\n";
}

namespace {

long count(const char* folder) {
  return std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
}

/// Of this process's address space.
long mapped_megabytes() {
  std::ifstream statm("/proc/self/statm");
  long pages = 0;
  statm >> pages;
  return pages * ::sysconf(_SC_PAGESIZE) / (1 << 20);
}

bool is_default(int number) {
  struct sigaction now {};
  sigaction(number, nullptr, &now);
  return now.sa_handler == SIG_DFL;
}

/// Unloads over the grace that suspended calls and threads have.
bool unload(Loading& l, Plugin& plugin) {
  const auto copy = plugin.module->copy();
  bool ended = false;
  l.unloader.unload(plugin, [&](Plugin&, const tau::host::UnloadResult&) { ended = true; });
  l.settle();
  l.runtime.clock.advance(101'000'000);
  l.runtime.run_until([&] { return ended; });
  return !tau::host::is_mapped(copy);
}

}  // namespace

TEST_CASE("a module that leaves event loops, pipes, handlers and threads behind leaves nothing in the process") {
  Loading l;
  const char* wanted = std::getenv("TAU_CYCLES");
  const int cycles = wanted ? std::atoi(wanted) : 20;
  CHECK(unload(l, l.load("leaver")));  // what the process opens once is open now
  const long fds = count("/proc/self/fd");
  const long threads = count("/proc/self/task");
  for (int i = 0; i < cycles; ++i) {
    l.reports.clear();
    Plugin& plugin = l.load("leaver");
    CHECK(plugin.threads == 3);
    CHECK_FALSE(is_default(SIGUSR2));
    REQUIRE(unload(l, plugin));
    REQUIRE(l.reports.size() == 1);
    // Ten that were watched, a pipe, the set; the thread's set and what it watched.
    CHECK(l.reports[0] ==
          "plugin 'leaver' left an event loop behind; its 15 descriptors are closed, its memory is lost");
    CHECK(is_default(SIGUSR2));
    CHECK(count("/proc/self/fd") == fds);
    while (count("/proc/self/task") > threads) std::this_thread::yield();  // one that ends is there for a moment yet
  }
}

TEST_CASE("threads are joined as they are elsewhere, on the loop's thread and on others") {
  Loading l = Loading::on_real_clock();
  Plugin& plugin = l.load("joiner");
  CHECK(entry<int()>(plugin, "tau_plugin_join")() == 0);
  CHECK(entry<int()>(plugin, "tau_plugin_join_on_thread")() == 0);
  CHECK(entry<int()>(plugin, "tau_plugin_join_many")() == 0);
  CHECK(l.unload(plugin));
}

TEST_CASE("nothing is left of threads that nobody has joined") {
  Loading l;
  CHECK(l.unload(l.load("joiner")));
  const long before = mapped_megabytes();
  for (int i = 0; i < 20; ++i) CHECK(l.unload(l.load("joiner")));
  // 240 stacks of 8 MB; libc keeps 40 MB for the next ones.
  const long more = mapped_megabytes() - before;
  if (!TAU_SANITIZED) CHECK(more < 100);
}

TEST_CASE("a thread inside the module is waited for, and named") {
  Loading l;
  Plugin& plugin = l.load("stayer");
  const auto copy = plugin.module->copy();
  auto* end = entry<void()>(plugin, "tau_plugin_end");
  bool ended = false;
  l.unloader.unload(plugin, [&](Plugin&, const tau::host::UnloadResult&) { ended = true; });
  l.settle();
  l.runtime.clock.advance(Unloader::default_patience_ns + 1'000'000);
  l.settle();
  REQUIRE(l.reports.size() == 1);
  CHECK(has(l.reports[0], "the host waits for: 1 thread that it started: 'cruncher' ("));
  CHECK(has(l.reports[0], "), which plugin_destroy is to end"));
  CHECK(tau::host::is_mapped(copy));
  end();
  l.runtime.run_until([&] { return ended; });
  CHECK_FALSE(tau::host::is_mapped(copy));
}
