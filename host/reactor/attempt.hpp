// Tries one operation as a plain system call that cannot block, whatever the descriptor's own flags say.
//
// The loop must not trust O_NONBLOCK: descriptors come from plugins, from libraries, from the shell that
// started the process. Each call therefore carries its own "do not wait", in the cheapest form that the
// kernel has for it; attempt.cpp says which.
#pragma once

#include <tau/rt/io.h>

namespace tau::host {

enum class Attempt {
  first,  // a connect is to be started
  again,  // a connect is on its way
};

/// True: finished, op->result is set. False: it would block; `op` is as it was.
bool attempt(tau_io& op, Attempt which) noexcept;

/// Whether the operation can only block: there is no readiness to wait for, and no attempt to be made. Of
/// READ and WRITE one learns it when their descriptor cannot be watched.
inline bool only_blocks(const tau_io& op) noexcept {
  return op.opcode >= TAU_IO_OPENAT && op.opcode <= TAU_IO_SYMLINKAT;
}

/// Whether `fd` is a TCP socket.
bool is_tcp(int fd) noexcept;

/// Whether closing `fd` may take a disk's time.
bool close_blocks(int fd) noexcept;

/// Carries an operation out, whatever the disk takes. [any]
void run_blocking(tau_io& op) noexcept;

}  // namespace tau::host
