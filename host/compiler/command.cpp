// See command.hpp.
//
// posix_spawn rather than fork: the host may be large and has threads, and spawn reports a program that
// cannot be started as an error of its own.
#include "command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "compiler/build_config.hpp"

extern char** environ;

namespace tau::host {
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace {

/// A pipe of which neither end reaches a child unasked.
struct Pipe {
  int read = -1;
  int write = -1;

  bool open(int flags) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | flags) != 0) return false;
    read = ends[0];
    write = ends[1];
    return true;
  }
  void close_write() {
    if (write >= 0) ::close(write);
    write = -1;
  }
  ~Pipe() {
    close_write();
    if (read >= 0) ::close(read);
  }
};

struct SpawnSettings {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }

  void set(const Command& command, int output) {
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawn_file_actions_adddup2(&actions, output, 2);
    int first_closed = 3;
    if (command.keep_open >= 0) {
      posix_spawn_file_actions_adddup2(&actions, command.keep_open, 3);  // clears close-on-exec
      first_closed = 4;
    }
#if TAU_HAVE_SPAWN_CLOSEFROM
    // Plugins open descriptors too, and not all of them with O_CLOEXEC.
    posix_spawn_file_actions_addclosefrom_np(&actions, first_closed);
#else
    (void)first_closed;
#endif
    if (!command.directory.empty()) {
      posix_spawn_file_actions_addchdir_np(&actions, command.directory.c_str());
    }
    sigset_t none;
    sigset_t defaults;
    sigemptyset(&none);
    sigfillset(&defaults);
    sigdelset(&defaults, SIGKILL);
    sigdelset(&defaults, SIGSTOP);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& each : strings) result.push_back(const_cast<char*>(each.c_str()));
  result.push_back(nullptr);
  return result;
}

/// Collects output, telling of whole lines.
class Output {
 public:
  Output(int fd, const Command& command) : fd_(fd), command_(command) {}

  /// Reads what is there; false at the end.
  bool drain() {
    std::array<char, 16384> buffer;
    for (;;) {
      const ssize_t got = ::read(fd_, buffer.data(), buffer.size());
      if (got > 0) {
        text_.append(buffer.data(), static_cast<std::size_t>(got));
        tell();
        continue;
      }
      if (got < 0 && errno == EINTR) continue;
      return got < 0 && errno == EAGAIN;
    }
  }

  std::string take() {
    if (command_.on_line && told_ < text_.size()) command_.on_line(std::string_view(text_).substr(told_));
    return std::move(text_);
  }

 private:
  void tell() {
    if (!command_.on_line) return;
    for (auto end = text_.find('\n', told_); end != text_.npos; end = text_.find('\n', told_)) {
      command_.on_line(std::string_view(text_).substr(told_, end - told_));
      told_ = end + 1;
    }
  }

  int fd_;
  const Command& command_;
  std::string text_;
  std::size_t told_ = 0;
};

/// Ends a child in two steps: Ninja, when asked politely, ends its compilers, which have process groups of
/// their own that we do not know; after a grace it is killed.
class Ending {
 public:
  explicit Ending(pid_t pid) : pid_(pid) {}

  void begin() {
    if (begun_) return;
    begun_ = true;
    grace_ = Clock::now() + std::chrono::seconds(2);
    ::kill(-pid_, SIGTERM);
  }
  void insist() {
    if (begun_ && Clock::now() >= grace_) ::kill(-pid_, SIGKILL);
  }
  bool begun() const { return begun_; }

 private:
  pid_t pid_;
  bool begun_ = false;
  Clock::time_point grace_{};
};

void explain(CommandResult& result, const std::string& program, int status) {
  if (WIFEXITED(status)) {
    result.kind = CommandResult::Kind::exited;
    result.code = WEXITSTATUS(status);
  } else {
    result.kind = CommandResult::Kind::signaled;
    result.code = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    result.error = program + " was ended by signal " + std::to_string(result.code) + " (" +
                   ::strsignal(result.code) + ")";
  }
}

}  // namespace

CommandResult run_command(const Command& command) {
  CommandResult result;
  const std::string& name = command.arguments.front();
  const fs::path program = name.find('/') == name.npos ? find_program(name) : fs::path(name);
  if (program.empty()) {
    result.error = "'" + name + "' is not on PATH";
    return result;
  }

  Pipe output;
  Pipe stop;
  if (!output.open(0) || !stop.open(O_NONBLOCK)) {
    result.error = std::string("cannot make a pipe: ") + std::generic_category().message(errno);
    return result;
  }
  SpawnSettings settings;
  settings.set(command, output.write);
  const auto arguments = pointers(command.arguments);
  const auto environment = pointers(command.environment);
  pid_t pid = 0;
  const int problem = ::posix_spawn(&pid, program.c_str(), &settings.actions, &settings.attributes,
                                    arguments.data(), environment.data());
  if (problem != 0) {
    result.error = "cannot start '" + program.string() + "': " + std::generic_category().message(problem);
    return result;
  }
  output.close_write();
  ::fcntl(output.read, F_SETFL, O_NONBLOCK);  // our end only: the child's is another description

  const std::stop_callback on_stop(command.stop, [&stop] {
    const char byte = 0;
    [[maybe_unused]] const auto ignored = ::write(stop.write, &byte, 1);
  });
  const auto deadline = command.deadline ? Clock::now() + *command.deadline : Clock::time_point::max();
  Output collected(output.read, command);
  Ending ending(pid);
  int status = 0;

  // The end of the output is the end of the child, as a rule; after it the child is asked for often. Where
  // a grandchild keeps the pipe (a daemon, an orphaned compiler), the child is asked for now and then.
  auto pause = std::chrono::milliseconds(1);
  for (bool open = true;;) {
    auto wait = open ? std::chrono::milliseconds(200) : pause;
    if (!open) pause = std::min(pause * 2, std::chrono::milliseconds(100));
    if (command.deadline && !ending.begun()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      wait = std::clamp(left, std::chrono::milliseconds(0), wait);
    }
    std::array<pollfd, 2> fds{{{open ? output.read : -1, POLLIN, 0}, {ending.begun() ? -1 : stop.read, POLLIN, 0}}};
    const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(wait.count()));
    if (ready > 0 && fds[0].revents != 0) open = collected.drain();
    if (ready > 0 && fds[1].revents != 0) {
      result.kind = CommandResult::Kind::stopped;
      ending.begin();
    } else if (!ending.begun() && Clock::now() >= deadline) {
      result.kind = CommandResult::Kind::timed_out;
      ending.begin();
    }
    ending.insist();
    if ((ready == 0 || !open) && ::waitpid(pid, &status, WNOHANG) == pid) {
      if (open) collected.drain();
      break;
    }
  }
  result.output = collected.take();
  if (!ending.begun()) {
    explain(result, name, status);
  } else {
    ::kill(-pid, SIGKILL);  // whoever of its group is left
    result.error = result.kind == CommandResult::Kind::stopped ? name + " was stopped"
                                                               : name + " took too long and was ended";
  }
  return result;
}

fs::path find_program(std::string_view name) {
  const char* path = ::getenv("PATH");
  std::string_view rest = path ? path : "/usr/local/bin:/usr/bin:/bin";
  while (!rest.empty()) {
    const auto end = std::min(rest.find(':'), rest.size());
    const fs::path folder = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    // A relative folder in PATH means another program in each directory: not for us.
    if (!folder.is_absolute()) continue;
    const fs::path candidate = folder / name;
    std::error_code ignored;
    if (fs::is_regular_file(candidate, ignored) && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

std::vector<std::string> build_environment() {
  static constexpr std::string_view dropped[] = {
      "CC", "CXX", "CPP", "LD", "CC_LD", "CXX_LD", "AR", "STRIP", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS",
      "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH",
      "GCC_EXEC_PREFIX", "DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES", "LD_LIBRARY_PATH", "LD_PRELOAD",
      "LD_AUDIT", "LD_RUN_PATH", "DESTDIR", "MAKEFLAGS", "NINJA_STATUS", "CLICOLOR_FORCE", "LANG", "LANGUAGE",
      "PKG_CONFIG_PATH"};
  std::vector<std::string> result;
  for (char** each = environ; each && *each; ++each) {
    const std::string_view variable(*each);
    const std::string_view name = variable.substr(0, variable.find('='));
    if (std::find(std::begin(dropped), std::end(dropped), name) != std::end(dropped)) continue;
    if (name.rfind("LC_", 0) == 0) continue;
    result.emplace_back(variable);
  }
  // Plain English is what diagnostics.hpp reads; no tool may write into a plugin's tree (I10); a download
  // that wants a password fails instead of waiting for one.
  result.emplace_back("LC_ALL=C.UTF-8");
  result.emplace_back("PYTHONDONTWRITEBYTECODE=1");
  result.emplace_back("GIT_TERMINAL_PROMPT=0");
  return result;
}

}  // namespace tau::host
