#include "compiler/command.hpp"

#include <fcntl.h>
#include <signal.h>

#include <atomic>
#include <thread>

#include "support.hpp"

using namespace tau::host;
using namespace tau::host::test;
using Kind = CommandResult::Kind;
using namespace std::chrono_literals;

namespace {

Command shell(const std::string& script) {
  Command command;
  command.arguments = {"/bin/sh", "-c", script};
  command.environment = {"PATH=/usr/bin:/bin"};
  return command;
}

}  // namespace

TEST_CASE("a command's output, on both streams, and its exit code come back") {
  const auto result = run_command(shell("echo out; echo err >&2; exit 3"));
  CHECK(result.kind == Kind::exited);
  CHECK(result.code == 3);
  CHECK(result.output == "out\nerr\n");
  CHECK_FALSE(result.ok());
}

TEST_CASE("output of any size is read to its end, line by line") {
  auto command = shell("i=0; while [ $i -lt 20000 ]; do echo line $i of many; i=$((i+1)); done; printf last");
  int lines = 0;
  std::string last;
  command.on_line = [&](std::string_view line) {
    ++lines;
    last = line;
  };
  const auto result = run_command(command);
  CHECK(result.ok());
  CHECK(lines == 20001);
  CHECK(last == "last");
}

TEST_CASE("arguments reach the program as they are") {
  Command command;
  command.arguments = {"printf", "%s|", "a b", "$HOME", "`x`", "it's", "*", ""};
  CHECK(run_command(command).output == "a b|$HOME|`x`|it's|*||");
}

TEST_CASE("a program that is missing or cannot be run is an error in words") {
  Command command;
  command.arguments = {"no-such-program-anywhere"};
  auto result = run_command(command);
  CHECK(result.kind == Kind::not_started);
  CHECK(result.error == "'no-such-program-anywhere' is not on PATH");
  command.arguments = {"/nonexistent/program"};
  result = run_command(command);
  CHECK(result.kind == Kind::not_started);
  CHECK(contains(result.error, "cannot start '/nonexistent/program'"));
  command.arguments = {"true"};
  command.directory = "/nonexistent";
  CHECK(run_command(command).kind == Kind::not_started);
}

TEST_CASE("a child sees the environment it was given and no other") {
  ::setenv("TAU_TEST_LEAK", "1", 1);
  auto command = shell("env");
  command.environment.push_back("GIVEN=yes");
  const auto result = run_command(command);
  ::unsetenv("TAU_TEST_LEAK");
  CHECK(contains(result.output, "GIVEN=yes"));
  CHECK_FALSE(contains(result.output, "TAU_TEST_LEAK"));
}

TEST_CASE("a child inherits no descriptor but the one it is meant to have") {
  const int careless = ::open("/dev/null", O_RDONLY);  // not close-on-exec, as a plugin may open it
  TempDir dir;
  const int lock = ::open((dir / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  auto command = shell("n=3; while [ $n -lt 64 ]; do [ -e /proc/$$/fd/$n ] && echo $n; n=$((n+1)); done; true");
  CHECK(run_command(command).output.empty());
  command.keep_open = lock;
  CHECK(run_command(command).output == "3\n");
  ::close(careless);
  ::close(lock);
}

TEST_CASE("a child that is ended by a signal says which") {
  const auto result = run_command(shell("kill -KILL $$"));
  CHECK(result.kind == Kind::signaled);
  CHECK(result.code == SIGKILL);
  CHECK(contains(result.error, "signal 9"));
}

TEST_CASE("a deadline ends the child with its whole group") {
  auto command = shell("sleep 60 & sleep 60");
  command.deadline = 50ms;
  const auto result = run_command(command);
  CHECK(result.kind == Kind::timed_out);
  CHECK(contains(result.error, "took too long"));
}

TEST_CASE("a child that closes its output early is waited for, until the deadline") {
  auto command = shell("exec >&- 2>&-; sleep 60");
  command.deadline = 50ms;
  CHECK(run_command(command).kind == Kind::timed_out);
  CHECK(run_command(shell("exec >&- 2>&-; exit 4")).code == 4);
}

TEST_CASE("a child that ignores the polite signal is ended all the same") {
  auto command = shell("trap '' TERM; echo ready; while :; do sleep 1; done");
  std::stop_source stop;
  command.stop = stop.get_token();
  command.on_line = [&](std::string_view) { stop.request_stop(); };
  const auto result = run_command(command);
  CHECK(result.kind == Kind::stopped);
  CHECK(contains(result.output, "ready"));
}

TEST_CASE("a stop that was asked for before the start ends the child at once") {
  std::stop_source stop;
  stop.request_stop();
  auto command = shell("sleep 60");
  command.stop = stop.get_token();
  CHECK(run_command(command).kind == Kind::stopped);
}

TEST_CASE("a grandchild that keeps the output open does not hold the caller") {
  // It ends when this process lets go of the fifo.
  TempDir dir;
  REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
  const int fifo = ::open((dir / "fifo").c_str(), O_RDWR | O_CLOEXEC);
  auto command = shell("cat '" + (dir / "fifo").string() + "' & echo started");
  const auto result = run_command(command);
  CHECK(result.ok());
  CHECK(result.output == "started\n");
  ::close(fifo);
}

TEST_CASE("commands run from many threads at once") {
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&good, i] {
      for (int j = 0; j < 5; ++j) {
        if (run_command(shell("echo " + std::to_string(i))).output == std::to_string(i) + "\n") ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(good == 40);
}

TEST_CASE("the environment of a build has no flags of the user's shell") {
  ::setenv("CXXFLAGS", "-O9", 1);
  ::setenv("LD_LIBRARY_PATH", "/x", 1);
  ::setenv("LC_MESSAGES", "de_DE", 1);
  const auto environment = build_environment();
  ::unsetenv("CXXFLAGS");
  ::unsetenv("LD_LIBRARY_PATH");
  ::unsetenv("LC_MESSAGES");
  for (const std::string& each : environment) {
    CHECK(each.rfind("CXXFLAGS=", 0) != 0);
    CHECK(each.rfind("LD_LIBRARY_PATH=", 0) != 0);
    CHECK(each.rfind("LC_MESSAGES=", 0) != 0);
  }
  CHECK(std::count(environment.begin(), environment.end(), "LC_ALL=C.UTF-8") == 1);
}
