// See attempt.hpp. What keeps each call from blocking:
//
//   RECV, SEND ...   MSG_DONTWAIT, and MSG_NOSIGNAL: a peer that went away is a result, not a SIGPIPE.
//   READ, WRITE      RWF_NOWAIT; where the file or the system does not know that, O_NONBLOCK if it is set,
//                    else MSG_DONTWAIT for sockets, and poll(2) first for the rest. To write, O_NONBLOCK
//                    is then set for the length of the call: "writable" promises room for one byte, and
//                    the call would wait until it got rid of all. Regular files are always ready and
//                    block all the same: they "would block", and who wants to watch them is told EPERM.
//   ACCEPT, CONNECT  have no such flag: O_NONBLOCK is set for the length of the call. accept also fails
//                    for want of a free descriptor when nobody is calling, so that is asked first.
//   POLL             poll(2) with no timeout.
//
// EINTR is tried again at once: nothing here waits, so nothing here may be interrupted for long.
// Where systems differ: attempt_system.hpp.
#include "attempt.hpp"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "attempt_system.hpp"
#include "nonblocking.hpp"

namespace tau::host {
namespace {

// The bits of the C ABI are poll's own.
static_assert(TAU_IN == POLLIN && TAU_PRI == POLLPRI && TAU_OUT == POLLOUT);
static_assert(TAU_ERR == POLLERR && TAU_HUP == POLLHUP);

// What one read or write moves at most on Linux; more is EINVAL elsewhere.
constexpr std::uint64_t most_bytes = 0x7ffff000;

template <class Call>
auto retry(Call call) noexcept {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

/// Turns a system call's answer into the operation's; false when it would block.
bool settle(tau_io& op, ssize_t answer) noexcept {
  if (answer < 0 && would_block(errno)) return false;
  op.result = answer < 0 ? -errno : answer;
  return true;
}

/// Ready events, 0 for none, or -errno.
int look(int fd, std::uint32_t events) noexcept {
  if (fd < 0) return -EBADF;  // poll(2) passes over those
  pollfd p{fd, system::to_poll(events), 0};
  if (retry([&] { return ::poll(&p, 1, 0); }) < 0) return -errno;
  return (p.revents & POLLNVAL) ? -EBADF : static_cast<int>(system::from_poll(p.revents));
}

ssize_t plain(const tau_io& op, std::size_t length) noexcept {
  return retry([&]() -> ssize_t {
    if (op.opcode == TAU_IO_READ) {
      return op.offset < 0 ? ::read(op.fd, op.buffer, length) : ::pread(op.fd, op.buffer, length, op.offset);
    }
    return op.offset < 0 ? ::write(op.fd, op.buffer, length) : ::pwrite(op.fd, op.buffer, length, op.offset);
  });
}

bool is_file(int fd) noexcept {
  struct stat status;
  return ::fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode));
}

bool read_or_write(tau_io& op) noexcept {
  const bool reads = op.opcode == TAU_IO_READ;
  const std::size_t length = static_cast<std::size_t>(std::min(op.length, most_bytes));
  ssize_t answer = retry([&] { return system::transfer_now(op, length); });
  if (answer >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS)) return settle(op, answer);

  if (is_file(op.fd)) return false;
  const int flags = ::fcntl(op.fd, F_GETFL);
  if (flags < 0 || (flags & O_NONBLOCK)) return settle(op, plain(op, length));

  if (op.offset < 0) {
    answer = retry([&] {
      return reads ? ::recv(op.fd, op.buffer, length, MSG_DONTWAIT)
                   : system::send_now(op.fd, op.buffer, length, 0);
    });
    if (answer >= 0 || errno != ENOTSOCK) return settle(op, answer);
  }

  const int events = look(op.fd, reads ? TAU_IN : TAU_OUT);
  if (events == 0) return false;
  if (reads) return settle(op, plain(op, length));
  NonBlocking guard(op.fd);
  return settle(op, plain(op, length));
}

bool receive_or_send(tau_io& op) noexcept {
  const std::size_t length = static_cast<std::size_t>(std::min(op.length, most_bytes));
  const int flags = static_cast<int>(op.flags);
  return settle(op, retry([&] {
                  return op.opcode == TAU_IO_RECV ? system::receive_now(op.fd, op.buffer, length, flags)
                                                  : system::send_now(op.fd, op.buffer, length, flags);
                }));
}

bool receive_or_send_message(tau_io& op) noexcept {
  auto* message = static_cast<msghdr*>(op.buffer);
  const int flags = static_cast<int>(op.flags);
  return settle(op, retry([&] {
                  return op.opcode == TAU_IO_RECVMSG ? ::recvmsg(op.fd, message, flags | MSG_DONTWAIT)
                                                     : system::send_message_now(op.fd, message, flags);
                }));
}

bool accept_one(tau_io& op) noexcept {
  const int events = look(op.fd, TAU_IN);
  if (events == 0) return false;
  NonBlocking guard(op.fd);
  auto* address = static_cast<sockaddr*>(op.buffer);
  socklen_t size = static_cast<socklen_t>(op.length);
  const int accepted = retry([&] {
    int fd;
    do {
      size = static_cast<socklen_t>(op.length);
      fd = system::accept_with(op.fd, address, address ? &size : nullptr, static_cast<int>(op.flags));
    } while (fd < 0 && errno == ECONNABORTED);  // it hung up while it waited: on to the next
    return fd;
  });
  if (accepted >= 0 && address) op.length = size;
  return settle(op, accepted);
}

/// Only EINPROGRESS means that the kernel goes on by itself. EAGAIN is an answer here: a Unix listener
/// whose queue is full, or no free port; no event would ever follow it.
bool connect_start(tau_io& op) noexcept {
  NonBlocking guard(op.fd);
  if (::connect(op.fd, static_cast<const sockaddr*>(op.buffer), static_cast<socklen_t>(op.length)) == 0) {
    op.result = 0;
    return true;
  }
  if (errno == EINPROGRESS || errno == EALREADY || errno == EINTR) return false;
  op.result = -errno;
  return true;
}

bool connect_check(tau_io& op) noexcept {
  const int events = look(op.fd, TAU_OUT);
  if (events == 0) return false;
  int error = 0;
  socklen_t size = sizeof error;
  if (events < 0) {
    error = -events;
  } else if (::getsockopt(op.fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) {
    error = errno;
  }
  op.result = -error;
  return true;
}

}  // namespace

bool is_tcp(int fd) noexcept {
  int protocol = 0;
  socklen_t size = sizeof protocol;
  return ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 && protocol == IPPROTO_TCP;
}

bool close_blocks(int fd) noexcept { return is_file(fd); }

bool attempt(tau_io& op, Attempt which) noexcept {
  switch (op.opcode) {
    case TAU_IO_POLL: {
      const int events = look(op.fd, op.flags);
      if (events != 0) op.result = events;
      return events != 0;
    }
    case TAU_IO_READ:
    case TAU_IO_WRITE:
      return read_or_write(op);
    case TAU_IO_RECV:
    case TAU_IO_SEND:
      return receive_or_send(op);
    case TAU_IO_RECVMSG:
    case TAU_IO_SENDMSG:
      return receive_or_send_message(op);
    case TAU_IO_ACCEPT:
      return accept_one(op);
    case TAU_IO_CONNECT:
      return which == Attempt::first ? connect_start(op) : connect_check(op);
    default:
      op.result = TAU_E_INVALID;
      return true;
  }
}

}  // namespace tau::host
