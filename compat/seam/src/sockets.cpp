// What an event loop asks most often. On the loop's thread these go straight to the kernel: libc's are cancellation
// points, each with two locked instructions in a process that has threads, and nobody cancels that thread.
#include <sys/socket.h>
#include <sys/syscall.h>
#include <tau/rt/task.h>
#include <unistd.h>

#include "seam.hpp"

// Elsewhere by their longer names: a call of recv() here would end at ours.
TAU_SEAM ssize_t recv(int fd, void* buffer, std::size_t size, int flags) {
  if (tau_on_loop_thread()) return ::syscall(SYS_recvfrom, fd, buffer, size, flags, nullptr, nullptr);
  return ::recvfrom(fd, buffer, size, flags, nullptr, nullptr);
}

TAU_SEAM ssize_t send(int fd, const void* data, std::size_t size, int flags) {
  if (tau_on_loop_thread()) return ::syscall(SYS_sendto, fd, data, size, flags, nullptr, 0);
  return ::sendto(fd, data, size, flags, nullptr, 0);
}
