// See attempt_system.hpp. Linux has a flag for everything; RWF_NOWAIT is refused by files that do not know it
// (terminals; pipes before Linux 6.4).
#include "attempt_system.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace tau::host::system {

static_assert(TAU_RDHUP == POLLRDHUP);

short to_poll(std::uint32_t events) noexcept {
  return static_cast<short>(events);
}
std::uint32_t from_poll(short events) noexcept {
  return static_cast<unsigned short>(events);
}

ssize_t transfer_now(const tau_io& op, std::size_t length) noexcept {
  const iovec piece{op.buffer, length};
  const off_t offset = op.offset < 0 ? -1 : op.offset;
  return op.opcode == TAU_IO_READ ? ::preadv2(op.fd, &piece, 1, offset, RWF_NOWAIT)
                                  : ::pwritev2(op.fd, &piece, 1, offset, RWF_NOWAIT);
}

// Not by recv(3) and send(3): those are points at which a thread may be cancelled, and say so by two locked
// instructions before and after, which a call that never waits has no use for.
ssize_t receive_now(int fd, void* data, std::size_t length, int flags) noexcept {
  return ::syscall(SYS_recvfrom, fd, data, length, flags | MSG_DONTWAIT, nullptr, nullptr);
}
ssize_t send_now(int fd, const void* data, std::size_t length, int flags) noexcept {
  return ::syscall(SYS_sendto, fd, data, length, flags | MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0);
}

ssize_t send_message_now(int fd, const msghdr* message, int flags) noexcept {
  return ::sendmsg(fd, message, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
}

int accept_with(int fd, sockaddr* address, socklen_t* size, int flags) noexcept {
  return ::accept4(fd, address, size, flags);
}

int sync_data(int fd) noexcept { return ::fdatasync(fd); }

int status_of(int folder, const char* path, int flags, unsigned mask, void* out) noexcept {
  return ::statx(folder, path, flags, mask, static_cast<struct statx*>(out));
}

int rename_with(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
  return ::renameat2(from_folder, from, to_folder, to, flags);
}

}  // namespace tau::host::system
