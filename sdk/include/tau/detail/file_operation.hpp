// Operations on files and paths, each as an awaiter; the reactor carries them out without blocking the loop.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "io_operation.hpp"

namespace tau::detail {

/// A path with whatever it needs. The strings stay the caller's until it has ended.
class [[nodiscard]] PathOperation final : public IoOperation {
 public:
  PathOperation(std::uint32_t operation, const char* path, std::uint32_t path_flags = 0, std::uint64_t mode = 0,
                int folder = AT_FDCWD) noexcept
      : IoOperation(operation, folder, path, mode, path_flags, 0) {}
  /// With a second path, which starts from the current folder.
  PathOperation(std::uint32_t operation, const char* path, const char* second) noexcept
      : IoOperation(operation, AT_FDCWD, path, 0, 0, 0) {
    other = const_cast<char*>(second);
    other_fd = AT_FDCWD;
  }
  Result<void> await_resume() noexcept { return Result<void>::from_status(static_cast<std::int32_t>(result)); }
};

/// Opens; a descriptor that nobody took is closed.
class [[nodiscard]] OpenOperation final : public IoOperation {
 public:
  OpenOperation(const char* path, int open_flags, unsigned mode) noexcept
      : IoOperation(TAU_IO_OPENAT, AT_FDCWD, path, mode, static_cast<std::uint32_t>(open_flags | O_CLOEXEC), 0) {
    result = -1;
  }
  ~OpenOperation() {
    withdraw();
    if (result >= 0) ::close(static_cast<int>(result));
  }
  Result<int> await_resume() noexcept {
    const auto opened = static_cast<std::int32_t>(result);
    result = -1;
    if (opened < 0) return Error::from_status(opened);
    return static_cast<int>(opened);
  }
};

/// What the system knows of a path, or, if that is empty, of a descriptor.
class [[nodiscard]] StatusOperation final : public IoOperation {
 public:
  StatusOperation(int folder, const char* path, int at_flags) noexcept
      : IoOperation(TAU_IO_STATX, folder, path, STATX_BASIC_STATS | STATX_BTIME,
                    static_cast<std::uint32_t>(*path ? at_flags : at_flags | AT_EMPTY_PATH), 0) {
    other = &status_;
  }
  Result<struct statx> await_resume() const noexcept {
    if (result < 0) return Error::from_status(static_cast<std::int32_t>(result));
    return status_;
  }

 private:
  struct statx status_ {};
};

/// Closes; also when it is cancelled, or was never awaited.
class [[nodiscard]] CloseOperation final : public IoOperation {
 public:
  explicit CloseOperation(int file) noexcept : IoOperation(TAU_IO_CLOSE, file, nullptr, 0, 0, 0) {}
  ~CloseOperation() {
    withdraw();
    if (!taken_ && fd >= 0) ::close(fd);
  }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    const bool waits = IoOperation::await_suspend(suspended);
    taken_ = previous || result > TAU_E_CANCELED;  // a status of our own: the runtime refused it
    return waits;
  }
  Result<void> await_resume() noexcept { return Result<void>::from_status(static_cast<std::int32_t>(result)); }

 private:
  bool taken_ = false;  // by the runtime, which closes it whatever happens
};

/// On an open file alone: FSYNC.
class [[nodiscard]] FileOperation final : public IoOperation {
 public:
  FileOperation(std::uint32_t operation, int file, std::uint32_t file_flags = 0) noexcept
      : IoOperation(operation, file, nullptr, 0, file_flags, 0) {}
  Result<void> await_resume() noexcept { return Result<void>::from_status(static_cast<std::int32_t>(result)); }
};

}  // namespace tau::detail
