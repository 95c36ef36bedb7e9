// Runs shell commands side by side and prints what came of each:
//
//   RUN_COMMANDS='ls -l | wc -l,sleep 10,exit 3' tau --plugin plugins/command-runner
//
// One that takes longer than two seconds is killed.
#include <tau/tau.hpp>

#include <chrono>
#include <cstdlib>
#include <sstream>
#include <string>

using namespace std::chrono_literals;

namespace {

std::string ending(const tau::process::ExitStatus& status) {
  if (status.signal()) return "signal " + std::to_string(*status.signal());
  return "exit code " + std::to_string(*status.code());
}

tau::Task<> run(std::string line) {
  tau::process::Command shell("/bin/sh");
  shell.args({"-c", line.c_str()}).std_in(tau::process::Stdio::null()).kill_on_drop();

  // Both outputs are read side by side, so that neither pipe fills up and stops the command.
  auto output = co_await tau::timeout(2s, shell.output());
  if (!output) {
    tau::print("'", line, "' took too long and was killed");
  } else if (!*output) {
    tau::print("'", line, "' cannot be started: ", shell.what());
  } else {
    const tau::process::Output& done = **output;
    tau::print("'", line, "': ", ending(done.status), "; wrote '", done.std_out, "' and, as errors, '", done.std_err, "'");
  }
}

}  // namespace

class CommandRunner {
 public:
  tau::Task<void> run() {
    const char* commands = std::getenv("RUN_COMMANDS");
    std::istringstream lines(commands ? commands : "echo hello");
    tau::TaskGroup group;
    for (std::string line; std::getline(lines, line, ',');) group.spawn(::run(line));
    co_await group.join();
  }
};

TAU_DEFINE_PLUGIN(CommandRunner)
