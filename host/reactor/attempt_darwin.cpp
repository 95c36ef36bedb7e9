// See attempt_system.hpp. macOS has neither accept4 nor the SOCK_* flags, so O_CLOEXEC and O_NONBLOCK stand
// for them in TAU_IO_ACCEPT; MSG_DONTWAIT holds for receiving only; SIGPIPE is refused by the socket and not
// by the call; and poll(2) cannot tell half a hang-up, which kqueue can (EV_EOF).
#include "attempt_system.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "nonblocking.hpp"

namespace tau::host::system {
namespace {

constexpr std::uint32_t known_to_poll = TAU_IN | TAU_PRI | TAU_OUT | TAU_ERR | TAU_HUP;

/// Sets or clears `bit` of what F_GETFL or F_GETFD told. False with errno.
bool adjust(int fd, int get, int set, int bit, bool wanted) noexcept {
  const int before = ::fcntl(fd, get);
  if (before < 0) return false;
  const int after = wanted ? before | bit : before & ~bit;
  return after == before || ::fcntl(fd, set, after) >= 0;
}

}  // namespace

short to_poll(std::uint32_t events) noexcept {
  return static_cast<short>(events & known_to_poll);
}
std::uint32_t from_poll(short events) noexcept {
  return static_cast<unsigned short>(events) & known_to_poll;
}

ssize_t transfer_now(const tau_io&, std::size_t) noexcept {
  errno = EOPNOTSUPP;
  return -1;
}

ssize_t receive_now(int fd, void* data, std::size_t length, int flags) noexcept {
  return ::recv(fd, data, length, flags | MSG_DONTWAIT);
}

ssize_t send_now(int fd, const void* data, std::size_t length, int flags) noexcept {
  const int yes = 1;
  // ENOTSOCK is told by send() itself.
  ::setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof yes);
  NonBlocking guard(fd);
  return ::send(fd, data, length, flags | MSG_DONTWAIT);
}

ssize_t send_message_now(int fd, const msghdr* message, int flags) noexcept {
  const int yes = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof yes);
  NonBlocking guard(fd);
  return ::sendmsg(fd, message, flags | MSG_DONTWAIT);
}

/// What is accepted inherits the listener's O_NONBLOCK, so that is set or cleared in any case.
int accept_with(int fd, sockaddr* address, socklen_t* size, int flags) noexcept {
  const int accepted = ::accept(fd, address, size);
  if (accepted < 0) return accepted;
  if (adjust(accepted, F_GETFD, F_SETFD, FD_CLOEXEC, (flags & O_CLOEXEC) != 0) &&
      adjust(accepted, F_GETFL, F_SETFL, O_NONBLOCK, (flags & O_NONBLOCK) != 0)) {
    return accepted;
  }
  const int error = errno;
  ::close(accepted);
  errno = error;
  return -1;
}

int sync_data(int fd) noexcept { return ::fsync(fd); }

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
