// See filters.hpp, and README.md for what is lost between the two.
#include "filters.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

namespace tau::test::kqueue_emulation {
namespace {

mode_t type_of(int fd) noexcept {
  struct stat about;
  return ::fstat(fd, &about) == 0 ? about.st_mode & S_IFMT : 0;
}

bool listens(int fd) noexcept {
  int answer = 0;
  socklen_t size = sizeof answer;
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &answer, &size) == 0 && answer != 0;
}

/// Linux calls a socket hung up before it is connected; once it was, both of its sides are shut down too.
bool was_never_connected(int fd) noexcept {
  pollfd p{fd, POLLRDHUP, 0};
  return ::poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLRDHUP)) == POLLHUP;
}

std::int64_t bytes_to_read(int fd, bool socket) noexcept {
  if (socket && listens(fd)) return 1;
  int bytes = 0;
  return ::ioctl(fd, FIONREAD, &bytes) == 0 ? bytes : 0;
}

}  // namespace

std::uint32_t interest(short filter) noexcept {
  return filter == EVFILT_READ ? std::uint32_t{EPOLLIN | EPOLLPRI | EPOLLRDHUP} : std::uint32_t{EPOLLOUT};
}

bool is_ruled_out(int fd, short filter) noexcept {
  const int mode = ::fcntl(fd, F_GETFL) & O_ACCMODE;
  return type_of(fd) == S_IFIFO && mode == (filter == EVFILT_READ ? O_WRONLY : O_RDONLY);
}

bool has_no_reader(int fd) noexcept {
  pollfd p{fd, POLLOUT, 0};
  return type_of(fd) == S_IFIFO && ::poll(&p, 1, 0) > 0 && (p.revents & POLLERR) != 0;
}

bool evaluate(std::uint32_t reported, struct kevent& event) noexcept {
  const int fd = static_cast<int>(event.ident);
  const bool socket = type_of(fd) == S_IFSOCK;
  if (socket && (reported & EPOLLHUP) && was_never_connected(fd)) return false;

  event.fflags = 0;
  if (event.filter == EVFILT_READ) {
    if (reported & (EPOLLHUP | EPOLLRDHUP)) event.flags |= EV_EOF;
    if (reported & EPOLLPRI) event.flags |= EV_OOBAND;
    event.data = bytes_to_read(fd, socket);
  } else {
    const std::uint32_t end = socket ? EPOLLHUP : EPOLLHUP | EPOLLERR;  // a pipe's reader is gone: EPOLLERR
    if (reported & end) event.flags |= EV_EOF;
    event.data = (event.flags & EV_EOF) ? 0 : 1;
  }
  if (socket && (event.flags & EV_EOF) && (reported & EPOLLERR)) event.fflags = EIO;
  return true;
}

}  // namespace tau::test::kqueue_emulation
