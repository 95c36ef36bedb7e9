// See file_job.hpp.
#include "file_job.hpp"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "attempt.hpp"

namespace tau::host {
namespace {

// Reads and writes of more are cut short, which both may be: the copy stays small.
constexpr std::uint64_t most_bytes_at_once = 1 << 20;
// What struct statx takes on Linux: its fields and its spare room.
constexpr std::size_t status_size = 256;

}  // namespace

FileJob::FileJob(tau_io* op, Sink sink) noexcept : tau_job{}, op_(op), call_(*op), sink_(sink) {
  owner = op->owner;
  run = [](tau_job* self) { static_cast<FileJob*>(self)->work(); };
  done = [](tau_job* self) { static_cast<FileJob*>(self)->finish(); };
}

FileJob::~FileJob() {
  for (int fd : duplicates_) {
    if (fd >= 0) ::close(fd);
  }
}

FileJob* FileJob::start(tau_io* op, Reactor::Offload offload, Sink sink) noexcept {
  FileJob* job = new (std::nothrow) FileJob(op, sink);
  std::int32_t status = job ? job->copy_arguments() : -ENOMEM;
  if (status == 0) status = offload.start(offload.context, job);
  if (status == 0) return job;
  delete job;
  op->result = status;
  return nullptr;
}

std::int32_t FileJob::copy_path(void** path) noexcept {
  if (!*path) return -EFAULT;
  const std::size_t size = std::strlen(static_cast<const char*>(*path)) + 1;
  auto& memory = memory_[path == &call_.other];
  memory.reset(new (std::nothrow) std::byte[size]);
  if (!memory) return -ENOMEM;
  std::memcpy(memory.get(), *path, size);
  *path = memory.get();
  return 0;
}

std::int32_t FileJob::copy_arguments() noexcept {
  std::int32_t status = 0;
  const bool two_paths = call_.opcode == TAU_IO_RENAMEAT || call_.opcode == TAU_IO_LINKAT;
  switch (call_.opcode) {
    case TAU_IO_READ:
    case TAU_IO_WRITE:
      call_.length = std::min(call_.length, most_bytes_at_once);
      memory_[0].reset(new (std::nothrow) std::byte[call_.length]);
      if (!memory_[0]) return -ENOMEM;
      if (call_.opcode == TAU_IO_WRITE) std::memcpy(memory_[0].get(), call_.buffer, call_.length);
      call_.buffer = memory_[0].get();
      break;
    case TAU_IO_FSYNC:
      break;
    case TAU_IO_CLOSE:
      return 0;  // of this very descriptor
    case TAU_IO_STATX:
      memory_[1].reset(new (std::nothrow) std::byte[status_size]);
      if (!memory_[1]) return -ENOMEM;
      call_.other = memory_[1].get();
      status = copy_path(&call_.buffer);
      break;
    default:
      status = copy_path(&call_.buffer);
      if (status == 0 && (two_paths || call_.opcode == TAU_IO_SYMLINKAT)) status = copy_path(&call_.other);
  }
  int* const numbers[] = {&call_.fd, two_paths ? &call_.other_fd : nullptr};
  for (std::size_t i = 0; status == 0 && i < std::size(numbers); ++i) {
    if (!numbers[i] || *numbers[i] < 0) continue;  // AT_FDCWD, or what the call itself will refuse
    duplicates_[i] = ::fcntl(*numbers[i], F_DUPFD_CLOEXEC, 0);
    if (duplicates_[i] < 0) return -errno;
    *numbers[i] = duplicates_[i];
  }
  return status;
}

void FileJob::forget() noexcept {
  op_ = nullptr;
  forgotten_.store(true, std::memory_order_relaxed);
}

void FileJob::work() noexcept {
  // A descriptor is closed even when nobody waits for it: nobody else would.
  if (forgotten_.load(std::memory_order_relaxed) && call_.opcode != TAU_IO_CLOSE) return;
  run_blocking(call_);
  ran_ = true;
}

void FileJob::finish() noexcept {
  std::unique_ptr<FileJob> self(this);
  if (!ran_ && call_.opcode == TAU_IO_CLOSE) run_blocking(call_);  // withdrawn from the queue: see work()
  if (!op_) {
    if (ran_ && call_.opcode == TAU_IO_OPENAT && call_.result >= 0) ::close(static_cast<int>(call_.result));
    return;
  }
  tau_io* op = op_;
  op->result = status < 0 ? status : call_.result;
  if (op->result >= 0 && op->opcode == TAU_IO_READ) {
    std::memcpy(op->buffer, call_.buffer, static_cast<std::size_t>(op->result));
  }
  if (op->result >= 0 && op->opcode == TAU_IO_STATX) std::memcpy(op->other, call_.other, status_size);
  sink_.ended(sink_.context, op);
}

}  // namespace tau::host
