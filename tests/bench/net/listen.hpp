// What every server here begins with: a listening socket, and the line that says where.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

namespace tau::bench {

[[noreturn]] inline void fail(const char* what) {
  ::perror(what);
  ::exit(1);
}

inline void say_port(int port) {
  ::printf("listening on port %d\n", port);
  ::fflush(stdout);
}

/// On the port that the first argument names; without one the system chooses.
inline int listen_as_told(int argc, char** argv, int flags) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  const int yes = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<unsigned short>(argc > 1 ? ::atoi(argv[1]) : 0));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) < 0 || ::listen(fd, 1024) < 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) < 0) {
    fail("listen");
  }
  say_port(ntohs(address.sin_port));
  return fd;
}

inline void set_nodelay(int fd) {
  const int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

}  // namespace tau::bench
