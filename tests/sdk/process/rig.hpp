// What both test files of processes need: a runtime that leaves no child behind, and a way to run a task.
#pragma once

#include <tau/process/command.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <set>
#include <string>

#include "support/two_plugins.hpp"

namespace tau::test {

/// 'R', 'S', 'Z' ...; 0 if there is no such process.
inline char state_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return 0;
  return text[text.rfind(')') + 2];
}
inline bool is_running(int pid) { return state_of(pid) != 0 && state_of(pid) != 'Z'; }

inline std::set<int> open_descriptors() {
  std::set<int> fds;
  for (int fd = 0; fd < 1024; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) fds.insert(fd);
  }
  return fds;
}

/// Time is real here: children do not look at our clock.
struct Processes : TwoPlugins {
  Processes() : before(open_descriptors()) { ::signal(SIGPIPE, SIG_IGN); }  // as the host has it
  ~Processes() {
    unload_other();
    unload(plugin);
    run_until([&] { return runtime.children.unreaped() == 0; });
    int status;
    CHECK(waitpid(-1, &status, WNOHANG) == -1);
    CHECK(errno == ECHILD);
    CHECK(open_descriptors() == before);
  }

  template <class T>
  T run(Task<T> task) {
    auto handle = spawn(std::move(task));
    run_until([&] { return handle.is_finished(); });
    auto result = handle.try_join();
    REQUIRE(result);
    REQUIRE_MESSAGE(result->has_value(), handle.what());
    return std::move(**result);
  }
  process::Output output_of(process::Command& command) {
    auto output = run(command.output());
    REQUIRE_MESSAGE(output.has_value(), command.what());
    return std::move(*output);
  }
  process::Child start(process::Command& command) {
    auto begin = [&]() -> Task<Result<process::Child>> { co_return co_await command.spawn(); };
    auto child = run(begin());
    REQUIRE_MESSAGE(child.has_value(), command.what());
    return std::move(*child);
  }

  std::set<int> before;
};

}  // namespace tau::test
