// Child: a process that was started, and the ends of its pipes.
#pragma once

#include <tau/rt/process.h>

#include <optional>
#include <string>
#include <utility>

#include "../detail/pipe_operation.hpp"
#include "../detail/ready.hpp"
#include "../task.hpp"
#include "exit_status.hpp"

namespace tau::process {

/// The end of a pipe to a child's standard input. A Writer.
///
/// Errors:    EPIPE when the child does not read any more.
/// Ownership: destroying it, or shutdown(), closes it: the child reads the end.
/// Threading: [loop]
/// Unload:    [drained]
class ChildStdin {
 public:
  explicit ChildStdin(detail::Descriptor descriptor) noexcept : descriptor_(std::move(descriptor)) {}
  auto write(io::ConstBuffer bytes) noexcept { return detail::PipeWrite(descriptor_, bytes); }
  auto shutdown() noexcept {
    descriptor_.close();
    return detail::ReadyResult<void>(Result<void>());
  }
  int fd() const noexcept { return descriptor_.fd(); }
  int into_raw_fd() && noexcept { return descriptor_.release(); }

 private:
  detail::Descriptor descriptor_;
};

/// The end of a pipe from a child's standard output or error. A Reader.
///
/// Cancel:    a read that is destroyed loses nothing.
/// Ownership: destroying it closes it: a child that still writes gets SIGPIPE.
/// Threading: [loop]
/// Unload:    [drained]
class ChildStdout {
 public:
  explicit ChildStdout(detail::Descriptor descriptor) noexcept : descriptor_(std::move(descriptor)) {}
  auto read(io::MutableBuffer into) noexcept { return detail::PipeRead(descriptor_, into); }
  /// What a cancelled read gave back, without waiting; 0 if nothing.
  std::size_t take_back(io::MutableBuffer into) noexcept { return descriptor_.take_back(into); }
  int fd() const noexcept { return descriptor_.fd(); }
  int into_raw_fd() && noexcept { return descriptor_.release(); }

 private:
  detail::Descriptor descriptor_;
};
using ChildStderr = ChildStdout;

/// What a child wrote and how it ended. See: std::process::Output
struct Output {
  Output() noexcept : status(ExitStatus::from_raw(0)) {}
  ExitStatus status;
  std::string std_out;
  std::string std_err;
};

/// Awaitable returned by Child::wait().
class [[nodiscard("a child is waited for by co_await")]] WaitChild : tau_wait {
 public:
  explicit WaitChild(tau_child child) noexcept : tau_wait{}, child_(child) {}
  WaitChild(const WaitChild&) = delete;
  WaitChild& operator=(const WaitChild&) = delete;
  ~WaitChild() {
    if (linked) tau_child_wait_cancel(this);
  }
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    waiter_.set(suspended);
    fire = [](tau_wait* self) { static_cast<WaitChild*>(self)->waiter_.wake(); };
    owner = detail::module_owner();
    status_ = tau_child_wait(child_, this);
    return status_ == TAU_PENDING || detail::suspend_if_exhausted(suspended);
  }
  Result<ExitStatus> await_resume() const noexcept {
    if (status_ < 0) return Error::from_status(status_);
    std::int32_t raw = 0;
    const std::int32_t answer = tau_child_status(child_, &raw);
    if (answer < 0) return Error::from_status(answer);
    return ExitStatus::from_raw(raw);
  }

 private:
  tau_child child_;
  std::int32_t status_ = 0;
  detail::Waiter waiter_;
};

/// A process that was started by Command.
///
/// Ownership: destroying it gives the process up: it is killed if Command::kill_on_drop was asked for and goes on
///            otherwise. The host reaps it either way, so there are no zombies.
/// Threading: [loop]
/// Unload:    [drained]: as destroying it.
/// See:       tokio::process::Child
class Child {
 public:
  /// Takes over what tau_process_spawn gave.
  explicit Child(const tau_process& started) noexcept;
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  /// Piped ones only; take them out by std::move to use them elsewhere.
  std::optional<ChildStdin> std_in;
  std::optional<ChildStdout> std_out;
  std::optional<ChildStderr> std_err;

  /// The process id; empty once its end was seen, since another process may have it then.
  std::optional<int> id() const noexcept;

  /// Waits for its end, closing its standard input first. `Result<ExitStatus> how = co_await child.wait();`
  /// May be awaited again. What it writes into pipes must be read meanwhile: see wait_with_output().
  ///
  /// Errors: ECHILD, when somebody else in this process waited for it; Errc::busy if another wait() waits.
  /// Cancel: loses nothing.
  WaitChild wait() noexcept {
    std_in.reset();
    return WaitChild(child_);
  }
  /// The same without waiting; empty while it runs.
  Result<std::optional<ExitStatus>> try_wait() noexcept;

  /// Closes its standard input, reads both pipes to their ends, side by side, and waits for it. This Child
  /// stays until the task has ended; what was read is lost when that is cancelled.
  Task<Result<Output>> wait_with_output();

  /// Sends SIGKILL, or another signal. Never to a process that has its number now.
  /// Errors: ESRCH when it has ended.
  Result<void> start_kill() noexcept;
  Result<void> signal(int number) noexcept;
  /// Kills it and waits for its end.
  Task<Result<void>> kill();

 private:
  void release() noexcept;

  tau_child child_ = 0;
  int pid_ = 0;
};

}  // namespace tau::process
