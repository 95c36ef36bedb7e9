// See attempt.hpp. What keeps each call from blocking:
//
//   RECV, SEND       MSG_DONTWAIT, and MSG_NOSIGNAL: a peer that went away is a result, not a SIGPIPE.
//   READ, WRITE      O_NONBLOCK if it is set; else RWF_NOWAIT; else, where the file does not know that
//                    (terminals; pipes before Linux 6.4), MSG_DONTWAIT for sockets, and poll(2) first for
//                    the rest. To write, O_NONBLOCK is then set for the length of the call: "writable"
//                    promises room for one byte, and the call would wait until it got rid of all.
//   ACCEPT, CONNECT  have no such flag: O_NONBLOCK is set for the length of the call. accept4 also fails
//                    for want of a free descriptor when nobody is calling, so that is asked first.
//   POLL             poll(2) with no timeout.
//
// EINTR is tried again at once: nothing here waits, so nothing here may be interrupted for long.
#include "attempt.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

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
  pollfd p{fd, static_cast<short>(events), 0};
  if (retry([&] { return ::poll(&p, 1, 0); }) < 0) return -errno;
  return (p.revents & POLLNVAL) ? -EBADF : static_cast<unsigned short>(p.revents);
}

/// O_NONBLOCK while it lives. The flag belongs to the open file, so whoever else uses the same file
/// sees it for that moment; the alternative is a loop that stands still.
class NonBlocking {
 public:
  explicit NonBlocking(int fd) noexcept : fd_(fd), flags_(::fcntl(fd, F_GETFL)) {
    if (changed()) ::fcntl(fd_, F_SETFL, flags_ | O_NONBLOCK);
  }
  NonBlocking(const NonBlocking&) = delete;
  NonBlocking& operator=(const NonBlocking&) = delete;
  ~NonBlocking() {
    const int kept = errno;
    if (changed()) ::fcntl(fd_, F_SETFL, flags_);
    errno = kept;
  }

 private:
  bool changed() const noexcept { return flags_ >= 0 && (flags_ & O_NONBLOCK) == 0; }
  int fd_;
  int flags_;
};

ssize_t plain(const tau_io& op, std::size_t length) noexcept {
  return retry([&]() -> ssize_t {
    if (op.opcode == TAU_IO_READ) {
      return op.offset < 0 ? ::read(op.fd, op.buffer, length) : ::pread(op.fd, op.buffer, length, op.offset);
    }
    return op.offset < 0 ? ::write(op.fd, op.buffer, length) : ::pwrite(op.fd, op.buffer, length, op.offset);
  });
}

ssize_t no_wait(const tau_io& op, std::size_t length) noexcept {
  const iovec piece{op.buffer, length};
  const off_t offset = op.offset < 0 ? -1 : op.offset;
  return retry([&] {
    return op.opcode == TAU_IO_READ ? ::preadv2(op.fd, &piece, 1, offset, RWF_NOWAIT)
                                    : ::pwritev2(op.fd, &piece, 1, offset, RWF_NOWAIT);
  });
}

bool read_or_write(tau_io& op) noexcept {
  const bool reads = op.opcode == TAU_IO_READ;
  const std::size_t length = static_cast<std::size_t>(std::min(op.length, most_bytes));
  const int flags = ::fcntl(op.fd, F_GETFL);
  if (flags < 0 || (flags & O_NONBLOCK)) return settle(op, plain(op, length));

  ssize_t answer = no_wait(op, length);
  if (answer >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS)) return settle(op, answer);

  if (op.offset < 0) {
    answer = retry([&] {
      return reads ? ::recv(op.fd, op.buffer, length, MSG_DONTWAIT)
                   : ::send(op.fd, op.buffer, length, MSG_DONTWAIT | MSG_NOSIGNAL);
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
  const int flags = static_cast<int>(op.flags) | MSG_DONTWAIT;
  return settle(op, retry([&] {
                  return op.opcode == TAU_IO_RECV ? ::recv(op.fd, op.buffer, length, flags)
                                                  : ::send(op.fd, op.buffer, length, flags | MSG_NOSIGNAL);
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
      fd = ::accept4(op.fd, address, address ? &size : nullptr, static_cast<int>(op.flags));
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
    case TAU_IO_ACCEPT:
      return accept_one(op);
    case TAU_IO_CONNECT:
      return which == Attempt::first ? connect_start(op) : connect_check(op);
    default:
      op.result = TAU_E_INVALID;
      return true;
  }
}

void attempt_unwatchable(tau_io& op) noexcept {
  if (op.opcode != TAU_IO_READ && op.opcode != TAU_IO_WRITE) {
    op.result = -EPERM;
    return;
  }
  const ssize_t answer = plain(op, static_cast<std::size_t>(std::min(op.length, most_bytes)));
  op.result = answer < 0 ? -errno : answer;
}

}  // namespace tau::host
