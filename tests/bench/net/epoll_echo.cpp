// An echo server written for epoll and nothing else: level-triggered, one buffer for all, since what was received
// is sent before the next is looked at. A peer that does not read is waited for by nobody but itself: what its
// socket does not take is kept, and it is asked for no more until that has gone.
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <unordered_map>

#include "listen.hpp"

namespace {

constexpr std::size_t size = 16 * 1024;

struct Server {
  int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  char buffer[size];
  std::unordered_map<int, std::string> unsent;

  void watch(int operation, int fd, std::uint32_t events) {
    epoll_event event{events, {.fd = fd}};
    if (::epoll_ctl(epoll, operation, fd, &event) < 0) tau::bench::fail("epoll_ctl");
  }
  void end(int fd) {
    unsent.erase(fd);
    ::close(fd);
  }
  void accept_all(int listener) {
    for (int fd; (fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
      tau::bench::set_nodelay(fd);
      watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
  }
  void echo(int fd) {
    const ssize_t got = ::recv(fd, buffer, size, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return end(fd);
    const ssize_t sent = ::send(fd, buffer, static_cast<std::size_t>(got), MSG_NOSIGNAL);
    if (sent == got) return;
    if (sent < 0 && errno != EAGAIN) return end(fd);
    const std::size_t gone = sent < 0 ? 0 : static_cast<std::size_t>(sent);
    unsent[fd].assign(buffer + gone, static_cast<std::size_t>(got) - gone);
    watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
  }
  void send_rest(int fd) {
    std::string& rest = unsent[fd];
    const ssize_t sent = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN ? void() : end(fd);
    rest.erase(0, static_cast<std::size_t>(sent));
    if (!rest.empty()) return;
    unsent.erase(fd);
    watch(EPOLL_CTL_MOD, fd, EPOLLIN);
  }
};

}  // namespace

int main(int argc, char** argv) {
  const int listener = tau::bench::listen_as_told(argc, argv, SOCK_NONBLOCK);
  const auto server = std::make_unique<Server>();
  server->watch(EPOLL_CTL_ADD, listener, EPOLLIN);
  epoll_event events[256];
  for (;;) {
    const int count = ::epoll_wait(server->epoll, events, 256, -1);
    if (count < 0 && errno != EINTR) tau::bench::fail("epoll_wait");
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        server->accept_all(listener);
      } else if (events[i].events & EPOLLOUT) {
        server->send_rest(fd);
      } else {
        server->echo(fd);
      }
    }
  }
}
