// What an echo costs: 64 connections, 64 bytes there and back, processor time of the serving thread per
// request. Through each reactor, one receive at a time and multishot, beside a loop written for io_uring and
// nothing else, which is what the others are measured against.
//
// Usage: reactor_echo_bench [REQUESTS [PART OF A WAY'S NAME]]. The ways take turns; the median of the rounds is shown.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "raw_ring_echo.hpp"
#include "reactor/reactor.hpp"

namespace {

using tau::host::Reactor;

constexpr int connections = 64;
constexpr std::size_t bytes = 64;
constexpr int rounds = 5;

/// Opaque to a reactor, but not nobody: an owner's own registrations spare his operations a question.
tau_plugin* server() { return reinterpret_cast<tau_plugin*>(0x100); }

double thread_seconds() {
  timespec now;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

/// Connected pairs over the loopback interface.
struct Sockets {
  std::vector<int> clients, servers;
  Sockets() {
    int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) < 0 || ::listen(listener, connections) < 0 ||
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) < 0) {
      fail("listen");
    }
    for (int i = 0; i < connections; ++i) {
      clients.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::connect(clients.back(), reinterpret_cast<sockaddr*>(&address), size) < 0) fail("connect");
      servers.push_back(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      const int yes = 1;
      for (int fd : {clients.back(), servers.back()}) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    ::close(listener);
  }
  ~Sockets() {
    for (int fd : servers) ::close(fd);
  }
};

/// Keeps one request on the way on each connection, `total` in all; closes them at its end.
void drive(const std::vector<int>& fds, long total) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  char block[bytes] = {};
  std::vector<std::size_t> got(static_cast<std::size_t>(connections));
  for (int i = 0; i < connections; ++i) {
    epoll_event event{EPOLLIN, {.u32 = static_cast<std::uint32_t>(i)}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, fds[static_cast<std::size_t>(i)], &event);
    if (::send(fds[static_cast<std::size_t>(i)], block, bytes, 0) != bytes) fail("send");
  }
  long sent = connections, done = 0;
  epoll_event events[connections];
  while (done < total) {
    const int count = ::epoll_wait(epoll, events, connections, -1);
    for (int i = 0; i < count; ++i) {
      const std::size_t who = events[i].data.u32;
      const ssize_t n = ::recv(fds[who], block, bytes, 0);
      if (n <= 0) fail("recv");
      if ((got[who] += static_cast<std::size_t>(n)) < bytes) continue;
      got[who] -= bytes;
      ++done;
      if (sent < total && ++sent && ::send(fds[who], block, bytes, 0) != bytes) fail("send");
    }
  }
  ::close(epoll);
  for (int fd : fds) ::close(fd);
}

/// One connection as the sdk serves it: registered, received from and sent to, one at a time.
struct OneShot : tau_io {
  Reactor* reactor;
  int* open;
  tau_fd handle = 0;
  char block[4096];
  bool sends = false;

  OneShot(Reactor& by, int number, int* alive) : tau_io{}, reactor(&by), open(alive) {
    done = [](tau_io* self) { static_cast<OneShot*>(self)->go_on(true); };
    owner = server();
    fd = number;
    buffer = block;
    reactor->add(owner, fd, &handle);
  }
  ~OneShot() { reactor->remove(handle); }
  void receive() {
    opcode = TAU_IO_RECV;
    length = sizeof block;
    sends = false;
  }
  void start() {
    receive();
    go_on(false);
  }
  void go_on(bool ended) {
    for (;; ended = true) {
      if (ended) {
        if (result <= 0) {
          --*open;
          return;
        }
        if (sends) {
          receive();
        } else {
          opcode = TAU_IO_SEND;
          length = static_cast<std::uint64_t>(result);
          sends = true;
        }
      }
      if (!reactor->submit(this)) return;
    }
  }
};

/// One connection that is received from once and for all.
struct Multishot : tau_io {
  Reactor* reactor;
  int* open;

  Multishot(Reactor& by, int number, int* alive, tau_buffers from) : tau_io{}, reactor(&by), open(alive) {
    done = [](tau_io* self) { static_cast<Multishot*>(self)->arrived(); };
    owner = server();
    fd = number;
    opcode = TAU_IO_RECV;
    how = TAU_IO_MULTISHOT;
    group = from;
  }
  void start() { reactor->submit(this); }
  void arrived() {
    if (result > 0) {
      tau_io send{};
      send.owner = owner;
      send.opcode = TAU_IO_SEND;
      send.fd = fd;
      send.buffer = buffer;
      send.length = static_cast<std::uint64_t>(result);
      if (!reactor->submit(&send)) std::abort();  // 64 bytes always fit
      reactor->give_back(group, piece);
    }
    if (how & TAU_IO_MORE) return;
    if (result > 0 || result == -ENOBUFS) return start();
    --*open;
  }
};

using Serve = double (*)(const std::vector<int>& fds, const char* backend);

double serve_one_shot(const std::vector<int>& fds, const char* backend) {
  std::string why;
  auto reactor = tau::host::make_reactor(backend, &why);
  if (!reactor) fail(why.c_str());
  int open = connections;
  std::vector<std::unique_ptr<OneShot>> all;
  for (int fd : fds) all.push_back(std::make_unique<OneShot>(*reactor, fd, &open));
  const double before = thread_seconds();
  for (auto& one : all) one->start();
  while (open > 0) reactor->poll(-1);
  return thread_seconds() - before;
}

double serve_multishot(const std::vector<int>& fds, const char* backend) {
  std::string why;
  auto reactor = tau::host::make_reactor(backend, &why);
  if (!reactor) fail(why.c_str());
  tau_buffers group = 0;
  if (reactor->make_buffers(server(), 256, 4096, &group) < 0) fail("buffers");
  int open = connections;
  std::vector<std::unique_ptr<Multishot>> all;
  for (int fd : fds) all.push_back(std::make_unique<Multishot>(*reactor, fd, &open, group));
  const double before = thread_seconds();
  for (auto& one : all) one->start();
  while (open > 0) reactor->poll(-1);
  const double spent = thread_seconds() - before;
  reactor->drop_buffers(group);
  return spent;
}

double serve_raw(const std::vector<int>& fds, const char* how) {
  const double before = thread_seconds();
  tau::bench::RawRing ring;
  ring.fds = fds;
  ring.sends_inline = std::strcmp(how, "inline") == 0;
  if (!tau::bench::raw_ring_echo(ring)) fail("io_uring");
  return thread_seconds() - before;
}

struct Way {
  const char* name;
  Serve serve;
  const char* argument;
  std::vector<double> costs;
};

}  // namespace

int main(int argc, char** argv) {
  const long total = argc > 1 ? std::atol(argv[1]) : 200'000;
  const char* only = argc > 2 ? argv[2] : "";
  Way ways[] = {{"io_uring by hand, sends in the ring", &serve_raw, "ring", {}},
                {"io_uring by hand, sends by system call", &serve_raw, "inline", {}},
                {"io_uring, multishot", &serve_multishot, "io_uring", {}},
                {"io_uring, one at a time", &serve_one_shot, "io_uring", {}},
                {"epoll, multishot", &serve_multishot, "epoll", {}},
                {"epoll, one at a time", &serve_one_shot, "epoll", {}}};
  for (int round = 0; round < rounds; ++round) {
    for (Way& way : ways) {
      if (!std::strstr(way.name, only)) continue;
      Sockets sockets;
      std::thread client([&] { drive(sockets.clients, total); });
      way.costs.push_back(way.serve(sockets.servers, way.argument) / static_cast<double>(total) * 1e9);
      client.join();
    }
  }
  std::printf("%-42s %12s %8s\n", "echo of 64 bytes on 64 connections", "ns/request", "ratio");
  double reference = 0;
  for (Way& way : ways) {
    if (way.costs.empty()) continue;
    std::sort(way.costs.begin(), way.costs.end());
    const double median = way.costs[way.costs.size() / 2];
    if (reference == 0) reference = median;
    std::printf("%-42s %12.0f %8.2f   (%.0f..%.0f)\n", way.name, median, median / reference, way.costs.front(), way.costs.back());
  }
}
