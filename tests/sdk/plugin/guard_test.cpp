#include <tau/plugin/guard.hpp>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>
#include <utility>

#include "support/two_plugins.hpp"

using tau::PluginGuard;
using tau::test::AsModule;
using tau::test::TwoPlugins;

TEST_CASE_FIXTURE(TwoPlugins, "current() is the guard of the module that asks") {
  const auto mine = PluginGuard::current();
  const auto theirs = as_other([] { return PluginGuard::current(); });
  CHECK(mine.plugin_id() == 1);
  CHECK(mine.name() == "test");
  CHECK(mine.get() == &plugin);
  CHECK(theirs.plugin_id() == 2);
  CHECK(theirs.name() == "other");
}

TEST_CASE_FIXTURE(TwoPlugins, "copies count, moves do not, and nothing is left counted") {
  {
    auto first = PluginGuard::current();
    CHECK(first.ref_count() == 1);
    auto second = first;
    CHECK(first.ref_count() == 2);
    auto third = std::move(second);
    CHECK(first.ref_count() == 2);
    CHECK(second.get() == nullptr);
    CHECK(second.ref_count() == 0);
    CHECK(second.plugin_id() == 0);
    CHECK(second.name().empty());
    third = as_other([] { return PluginGuard::current(); });
    CHECK(first.ref_count() == 1);
    CHECK(other.refs.load() == 1);
    auto& same = first;
    first = same;
    CHECK(first.ref_count() == 1);
  }
  CHECK(plugin.refs.load() == 0);
  CHECK(other.refs.load() == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "guards are counted right from several threads") {
  const auto guard = PluginGuard::current();
  auto copy_often = [&] {
    for (int i = 0; i < 20'000; ++i) PluginGuard copy(guard);
  };
  std::thread a(copy_often), b(copy_often);
  copy_often();
  a.join();
  b.join();
  CHECK(guard.ref_count() == 1);
}

TEST_CASE_FIXTURE(TwoPlugins, "a guard outlives the unload of its plugin and still knows its name") {
  auto theirs = as_other([] { return PluginGuard::current(); });
  unload_other();
  CHECK(theirs.ref_count() == 1);
  CHECK(theirs.name() == "other");
}

TEST_CASE("try_current() is empty in a program that is no plugin") {
  AsModule nobody(nullptr);
  CHECK_FALSE(PluginGuard::try_current().has_value());
}

TEST_CASE_FIXTURE(TwoPlugins, "try_current() is the module's guard in a plugin") {
  const auto guard = PluginGuard::try_current();
  REQUIRE(guard.has_value());
  CHECK(guard->plugin_id() == 1);
}

TEST_CASE("current() in a program that is no plugin ends it with a message that names the remedy") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    dup2(ends[1], STDERR_FILENO);
    AsModule nobody(nullptr);
    (void)PluginGuard::current();
    _exit(0);
  }
  close(ends[1]);
  std::string said;
  char buffer[256];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) said.append(buffer, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
  CHECK(said.find("PluginGuard::current()") != said.npos);
  CHECK(said.find("try_current()") != said.npos);
}

TEST_CASE("PLUGIN_GUARD knows the way to this module's owner") {
  CHECK(PLUGIN_GUARD.magic == tau::detail::module_mark_magic);
  CHECK(PLUGIN_GUARD.owner == &tau_module_owner);
}
