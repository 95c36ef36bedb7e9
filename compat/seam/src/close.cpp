// What ends a descriptor's number, or gives it another: the loop must not watch it any longer when the number is given
// anew, and does not count for a timer that has two.
#include <sys/syscall.h>
#include <tau/rt/pollset.h>
#include <unistd.h>

#include "seam.hpp"

// By number: a call of close() here would end at ours.
TAU_SEAM int close(int fd) {
  tau_pollset_closing(fd);
  return static_cast<int>(::syscall(SYS_close, fd));
}

TAU_SEAM int dup3(int fd, int other, int flags) noexcept {
  tau_pollset_duplicated(fd);
  if (fd != other) tau_pollset_closing(other);
  return static_cast<int>(::syscall(SYS_dup3, fd, other, flags));
}

TAU_SEAM int dup2(int fd, int other) noexcept {
  // The system call dup2 is missing on newer machines; its one difference is what it does with the same number.
  if (fd == other) return ::syscall(SYS_fcntl, fd, 1 /* F_GETFD */) < 0 ? -1 : fd;
  return dup3(fd, other, 0);
}

TAU_SEAM int dup(int fd) noexcept {
  tau_pollset_duplicated(fd);
  return static_cast<int>(::syscall(SYS_dup, fd));
}
