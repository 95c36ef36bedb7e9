// Command: one child process, from its argument vector to its output.
//
// Never a shell. The child leads a process group of its own, so that it can be ended with everything it
// started, and inherits no descriptor but the standard three and, where asked, one more. Its output is
// always read to the end: Meson and Ninja fail when their pipe closes early.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace tau::host {

struct Command {
  std::vector<std::string> arguments;     // the first is looked up in PATH unless it has a slash
  std::filesystem::path directory;        // empty: the host's own
  std::vector<std::string> environment;   // NAME=value; see build_environment()
  std::optional<std::chrono::milliseconds> deadline;
  std::stop_token stop;                   // ends the child when asked from another thread
  int keep_open = -1;                     // a descriptor the child gets as its 3
  std::function<void(std::string_view line)> on_line;  // each line as it comes, without its end
};

struct CommandResult {
  enum class Kind { exited, signaled, not_started, timed_out, stopped };
  Kind kind = Kind::not_started;
  int code = 0;        // exit code or signal
  std::string output;  // standard output and standard error, as they came
  std::string error;   // when not exited: what happened, in words

  bool ok() const { return kind == Kind::exited && code == 0; }
};

/// Runs it and waits for its end. [blocking]; from any number of threads at once.
CommandResult run_command(const Command& command);

/// Absolute path of a program in PATH; empty when there is none.
std::filesystem::path find_program(std::string_view name);

/// The host's environment without what would change a build behind our back: CXXFLAGS and its kin,
/// LD_LIBRARY_PATH, include paths; and with what keeps output plain and trees unwritten.
std::vector<std::string> build_environment();

}  // namespace tau::host
