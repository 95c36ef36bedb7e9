// ExitStatus: how a child process ended.
#pragma once

#include <sys/wait.h>

#include <optional>

#include "../detail/enable_transferable.hpp"

namespace tau::process {

/// [inert] See: std::process::ExitStatus
class ExitStatus {
 public:
  /// From what wait(2) calls status.
  static constexpr ExitStatus from_raw(int status) noexcept { return ExitStatus(status); }

  bool success() const noexcept { return status_ == 0; }
  /// The exit code; empty if a signal ended it.
  std::optional<int> code() const noexcept {
    return WIFEXITED(status_) ? std::optional(WEXITSTATUS(status_)) : std::nullopt;
  }
  /// The signal that ended it; empty if it exited.
  std::optional<int> signal() const noexcept {
    return WIFSIGNALED(status_) ? std::optional(WTERMSIG(status_)) : std::nullopt;
  }
  bool core_dumped() const noexcept { return WIFSIGNALED(status_) && WCOREDUMP(status_); }
  int raw() const noexcept { return status_; }
  friend bool operator==(ExitStatus, ExitStatus) noexcept = default;

 private:
  constexpr explicit ExitStatus(int status) noexcept : status_(status) {}
  int status_;
};

}  // namespace tau::process

template <>
inline constexpr bool tau::enable_transferable<tau::process::ExitStatus> = true;
