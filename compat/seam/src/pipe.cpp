// Pipes: an event loop watches one end, so that only here the other is seen.
#include <fcntl.h>
#include <sys/syscall.h>
#include <tau/rt/pollset.h>
#include <unistd.h>

#include "seam.hpp"

TAU_SEAM int pipe2(int ends[2], int flags) noexcept {
  if (::syscall(SYS_pipe2, ends, flags) < 0) return -1;
  tau_pollset_opened(tau::seam::owner, ends[0]);
  tau_pollset_opened(tau::seam::owner, ends[1]);
  return 0;
}

TAU_SEAM int pipe(int ends[2]) noexcept { return pipe2(ends, 0); }
