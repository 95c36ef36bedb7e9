// FileJob: one operation that can only block, carried out on another thread.
//
// Cancel is synchronous (contract 2) and a thread inside a system call cannot be called back. So the job
// works on copies: of the paths, of what is to be written, a block of its own for what is read, and a
// duplicate of the descriptor, since the caller may close his and the number would name another file.
// Forgetting it then is one assignment; what it would have done is skipped if no thread has begun it, and a
// descriptor that it opened meanwhile is closed. The price is a copy and two system calls, on a path where a
// disk is waited for.
//
// Closing the duplicate drops the process's fcntl(2) record locks on that file, as any close does; locks
// made with flock(2) or F_OFD_SETLK stay.
#pragma once

#include <tau/rt/blocking.h>
#include <tau/rt/io.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "reactor.hpp"

namespace tau::host {

class FileJob final : tau_job {
 public:
  ~FileJob();

  /// Whom it tells on the loop's thread that `op` has its result.
  struct Sink {
    void (*ended)(void* context, tau_io* op);
    void* context;
  };

  /// Sends `op` on its way. Null when that cannot be done: op->result says why. [loop]
  static FileJob* start(tau_io* op, Reactor::Offload offload, Sink sink) noexcept;

  /// Lets go of the operation: its memory is not touched any more, nobody is told. [loop]
  void forget() noexcept;

 private:
  FileJob(tau_io* op, Sink sink) noexcept;
  std::int32_t copy_arguments() noexcept;
  std::int32_t copy_path(void** path) noexcept;
  void work() noexcept;
  void finish() noexcept;

  tau_io* op_;   // null: forgotten
  tau_io call_;  // its copy, which points at copies
  Sink sink_;
  std::atomic<bool> forgotten_{false};
  bool ran_ = false;
  int duplicates_[2] = {-1, -1};
  std::unique_ptr<std::byte[]> memory_[2];  // of `buffer`, of `other`
};

}  // namespace tau::host
