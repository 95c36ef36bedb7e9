// The operations of attempt.hpp as what they are where nothing else will do: plain calls that take as long
// as the disk takes. A descriptor that nobody will learn of is closed by who forgot the operation
// (file_job.cpp), not here.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "attempt.hpp"
#include "attempt_system.hpp"

namespace tau::host {
namespace {

constexpr std::uint64_t most_bytes = 0x7ffff000;  // see attempt.cpp

std::int64_t call(const tau_io& op) noexcept {
  const auto* path = static_cast<const char*>(op.buffer);
  const auto* other = static_cast<const char*>(op.other);
  const auto flags = static_cast<int>(op.flags);
  const auto mode = static_cast<mode_t>(op.length);
  const auto length = static_cast<std::size_t>(std::min(op.length, most_bytes));
  switch (op.opcode) {
    case TAU_IO_READ:
      return op.offset < 0 ? ::read(op.fd, op.buffer, length) : ::pread(op.fd, op.buffer, length, op.offset);
    case TAU_IO_WRITE:
      return op.offset < 0 ? ::write(op.fd, op.buffer, length) : ::pwrite(op.fd, op.buffer, length, op.offset);
    case TAU_IO_OPENAT: return ::openat(op.fd, path, flags, mode);
    case TAU_IO_CLOSE: return ::close(op.fd);
    case TAU_IO_FSYNC: return (op.flags & TAU_IO_DATASYNC) ? system::sync_data(op.fd) : ::fsync(op.fd);
    case TAU_IO_STATX: return system::status_of(op.fd, path, flags, static_cast<unsigned>(op.length), op.other);
    case TAU_IO_RENAMEAT: return system::rename_with(op.fd, path, op.other_fd, other, op.flags);
    case TAU_IO_UNLINKAT: return ::unlinkat(op.fd, path, flags);
    case TAU_IO_MKDIRAT: return ::mkdirat(op.fd, path, mode);
    case TAU_IO_LINKAT: return ::linkat(op.fd, path, op.other_fd, other, flags);
    case TAU_IO_SYMLINKAT: return ::symlinkat(path, op.fd, other);
    default: errno = EPERM; return -1;  // what cannot be watched is a file, and this is nothing for files
  }
}

}  // namespace

void run_blocking(tau_io& op) noexcept {
  do {
    op.result = call(op);
    // A close that was interrupted has closed: again would close somebody else's.
  } while (op.result < 0 && errno == EINTR && op.opcode != TAU_IO_CLOSE);
  if (op.result < 0) op.result = op.opcode == TAU_IO_CLOSE && errno == EINTR ? 0 : -errno;
}

}  // namespace tau::host
