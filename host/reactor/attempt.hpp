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

/// Carries out an operation on a descriptor that the kernel will not watch: a regular file. READ and
/// WRITE run to their end, whatever the disk takes; others fail with -EPERM.
void attempt_unwatchable(tau_io& op) noexcept;

}  // namespace tau::host
