// See attempt_system.hpp. FreeBSD has the flags of sockets as Linux does, but no read or write that does not
// wait; those go by way of recv(2), send(2) and poll(2). Its POLLRDHUP is another bit than ours, and ours is
// its POLLINIGNEOF, so the bits are translated.
#include "attempt_system.hpp"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

namespace tau::host::system {
namespace {

constexpr std::uint32_t same_bits = TAU_IN | TAU_PRI | TAU_OUT | TAU_ERR | TAU_HUP;

}  // namespace

short to_poll(std::uint32_t events) noexcept {
  const std::uint32_t same = events & same_bits;
  return static_cast<short>(same | ((events & TAU_RDHUP) ? POLLRDHUP : 0));
}

std::uint32_t from_poll(short events) noexcept {
  const std::uint32_t same = static_cast<unsigned short>(events) & same_bits;
  return same | ((events & POLLRDHUP) ? std::uint32_t{TAU_RDHUP} : 0);
}

ssize_t transfer_now(const tau_io&, std::size_t) noexcept {
  errno = EOPNOTSUPP;
  return -1;
}

ssize_t receive_now(int fd, void* data, std::size_t length, int flags) noexcept {
  return ::recv(fd, data, length, flags | MSG_DONTWAIT);
}

ssize_t send_now(int fd, const void* data, std::size_t length, int flags) noexcept {
  return ::send(fd, data, length, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
}

ssize_t send_message_now(int fd, const msghdr* message, int flags) noexcept {
  return ::sendmsg(fd, message, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
}

int accept_with(int fd, sockaddr* address, socklen_t* size, int flags) noexcept {
  return ::accept4(fd, address, size, flags);
}

int sync_data(int fd) noexcept { return ::fdatasync(fd); }

int status_of(int, const char*, int, unsigned, void*) noexcept {
  errno = EOPNOTSUPP;
  return -1;
}

int rename_with(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
  if (flags == 0) return ::renameat(from_folder, from, to_folder, to);
  errno = EOPNOTSUPP;
  return -1;
}

}  // namespace tau::host::system
