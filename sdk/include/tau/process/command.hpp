// Command: a process to be started.
//
//   tau::process::Command list("ls");
//   list.arg("-l").current_dir("/tmp");
//   auto output = co_await list.output();
//   if (!output) tau::print(list.what());   // cannot start 'ls': No such file or directory
//
// Starting happens on the blocking pool, so the loop does not wait for the disk. The child inherits the three
// standard descriptors and nothing else, and no signal setting of ours.
#pragma once

#include <tau/rt/process.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "child.hpp"

namespace tau::process {

/// Where a standard stream of a child leads. [inert] See: std::process::Stdio
class Stdio {
 public:
  static constexpr Stdio inherit() noexcept { return Stdio(TAU_STDIO_INHERIT); }
  static constexpr Stdio null() noexcept { return Stdio(TAU_STDIO_NULL); }
  /// The Child gets the other end.
  static constexpr Stdio piped() noexcept { return Stdio(TAU_STDIO_PIPE); }
  /// A descriptor, which stays the caller's and must be open until spawn() was awaited.
  static constexpr Stdio fd(int descriptor) noexcept { return Stdio(descriptor); }
  /// The same of whatever has one: a File, a TcpStream, another child's ChildStdout.
  template <class F>
    requires requires(const F& file) {
      { file.fd() } -> std::same_as<int>;
    }
  static constexpr Stdio from(const F& file) noexcept {
    return Stdio(file.fd());
  }
  constexpr std::int32_t raw() const noexcept { return raw_; }

 private:
  constexpr explicit Stdio(std::int32_t raw) noexcept : raw_(raw) {}
  std::int32_t raw_;
};

class Spawn;

/// What to start, and how.
///
/// Ownership: stays the caller's, until what it returned was awaited; may be used again.
/// Threading: [loop] for spawn(), status() and output(), else none.
/// See:       tokio::process::Command
class Command {
 public:
  /// A path if `program` has a slash, else sought in PATH: the child's if its environment has one.
  explicit Command(std::string program);

  Command& arg(std::string argument);
  template <std::ranges::input_range R>
    requires std::is_constructible_v<std::string, std::ranges::range_reference_t<R>>
  Command& args(R&& arguments) {
    for (auto&& each : arguments) arg(std::string(std::forward<decltype(each)>(each)));
    return *this;
  }
  Command& args(std::initializer_list<const char*> arguments) {
    for (const char* each : arguments) arg(each);
    return *this;
  }
  /// What the program sees as its own name, instead of `program`.
  Command& arg0(std::string name);

  /// The child's environment is the host's at spawn(), with these changes.
  Command& env(std::string name, std::string value);
  Command& env_remove(std::string name);
  /// Starts from nothing, also forgetting the changes made so far.
  Command& env_clear();
  Command& current_dir(std::string directory);

  Command& std_in(Stdio where) { return stream(0, where); }
  Command& std_out(Stdio where) { return stream(1, where); }
  Command& std_err(Stdio where) { return stream(2, where); }

  Command& uid(std::uint32_t id) { return identity(TAU_PROCESS_UID, uid_, id); }
  Command& gid(std::uint32_t id) { return identity(TAU_PROCESS_GID, gid_, id); }
  /// Supplementary groups. Without this, root who changes uid() leaves none.
  Command& groups(std::vector<std::uint32_t> ids);
  /// Joins a process group; 0 makes one of its own.
  Command& process_group(int group);
  /// A session of its own, without a terminal.
  Command& new_session();
  /// Whether the process is killed when its Child is destroyed, or the plugin unloaded.
  Command& kill_on_drop(bool kill = true);

  /// Starts it. `Result<Child> child = co_await command.spawn();` Streams that were not set are inherited.
  ///
  /// Errors: as the system says, with a sentence in what(); Errc::unloading; Errc::unsupported.
  /// Cancel: a child that was started meanwhile is given up, as if its Child had been destroyed.
  /// Unload: [drained]
  Spawn spawn() noexcept;
  /// Starts it and waits for its end.
  Task<Result<ExitStatus>> status();
  /// Starts it with its output piped, unless set otherwise, and nothing to read, and collects what it writes.
  Task<Result<Output>> output();

  /// Why it could not be started the last time: what was tried, with which name, and the system's reason.
  std::string what() const;

 private:
  friend class Spawn;

  Command& stream(int which, Stdio where) noexcept {
    stdio_[which] = where;
    return *this;
  }
  Command& identity(std::uint32_t flag, std::uint32_t& field, std::uint32_t id) noexcept {
    flags_ |= flag;
    field = id;
    return *this;
  }
  /// Hands everything to the runtime, which copies it. The status of tau_process_spawn.
  std::int32_t submit(tau_process& process, std::optional<Stdio> unset_in, std::optional<Stdio> unset_out) const;

  std::vector<std::string> arguments_;  // from arg0 on
  std::string program_;
  std::string directory_;
  std::map<std::string, std::optional<std::string>> changes_;  // empty: removed
  bool clears_ = false;
  std::optional<Stdio> stdio_[3];
  std::vector<std::uint32_t> groups_;
  std::uint32_t flags_ = 0;
  std::uint32_t uid_ = 0;
  std::uint32_t gid_ = 0;
  int process_group_ = 0;
  std::int32_t failed_step_ = 0;
  std::int32_t failure_ = 0;
};

/// Awaitable returned by Command::spawn().
class [[nodiscard("a process is started by co_await")]] Spawn : tau_process {
 public:
  explicit Spawn(Command& command, std::optional<Stdio> unset_in = {}, std::optional<Stdio> unset_out = {}) noexcept
      : tau_process{}, command_(command), unset_in_(unset_in), unset_out_(unset_out) {}
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;
  ~Spawn();

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) {
    waiter_.set(suspended);
    done = [](tau_process* self) { static_cast<Spawn*>(self)->waiter_.wake(); };
    owner = detail::module_owner();
    const std::int32_t status = command_.submit(*this, unset_in_, unset_out_);
    if (status == TAU_PENDING) return true;
    result = status;
    return detail::suspend_if_exhausted(suspended);
  }
  Result<Child> await_resume() noexcept;

 private:
  Command& command_;
  std::optional<Stdio> unset_in_, unset_out_;
  detail::Waiter waiter_;
};

inline Spawn Command::spawn() noexcept { return Spawn(*this); }

}  // namespace tau::process
