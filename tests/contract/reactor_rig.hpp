// What every contract test of a reactor starts from: the backend that TAU_REACTOR names (Meson runs the
// suite once per backend), operations that remember what happened to them, and sockets.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/reactor.hpp"

namespace tau::test {

inline constexpr std::int64_t ms = 1'000'000;

/// A descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }
  /// Gives up the number without closing it.
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

using FdPair = std::pair<Fd, Fd>;

inline FdPair socket_pair(int flags = 0) {
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, fds) == 0);
  return {Fd(fds[0]), Fd(fds[1])};
}

inline FdPair pipe_pair(int flags = 0) {
  int fds[2];
  REQUIRE(::pipe2(fds, O_CLOEXEC | flags) == 0);
  return {Fd(fds[0]), Fd(fds[1])};
}

inline Fd tcp_socket(int flags = SOCK_NONBLOCK) {
  return Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
}

/// Listens on a free port of the loopback interface, whose address is stored.
inline Fd tcp_listener(sockaddr_in* address, int flags = SOCK_NONBLOCK) {
  Fd fd = tcp_socket(flags);
  *address = {};
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(address), sizeof *address) == 0);
  REQUIRE(::listen(fd.get(), 128) == 0);
  socklen_t size = sizeof *address;
  REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(address), &size) == 0);
  return fd;
}

inline bool connect_to(const Fd& fd, const sockaddr_in& address) {
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
         errno == EINPROGRESS;
}

/// Two ends of a TCP connection; what the first one sends leaves at once.
inline FdPair tcp_pair() {
  sockaddr_in address;
  const Fd listener = tcp_listener(&address, 0);
  Fd a = tcp_socket(0);
  REQUIRE(connect_to(a, address));
  Fd b(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(b.get() >= 0);
  const int yes = 1;
  ::setsockopt(a.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return {std::move(a), std::move(b)};
}

inline void put(const Fd& fd, const std::string& text) {
  REQUIRE(::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

/// Writes until the other side must read first.
inline void fill(const Fd& fd) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK);
  const std::string block(4096, 'f');
  while (::write(fd.get(), block.data(), block.size()) > 0) {
  }
  while (::write(fd.get(), block.data(), 1) > 0) {
  }
  ::fcntl(fd.get(), F_SETFL, flags);
}

inline void drain(const Fd& fd) {
  char block[4096];
  while (::recv(fd.get(), block, sizeof block, MSG_DONTWAIT) > 0) {
  }
}

/// An operation that counts its completions and then calls `then`.
struct Op : tau_io {
  int finished = 0;
  std::function<void(Op&)> then;

  Op(std::uint32_t operation, int descriptor, void* memory = nullptr, std::size_t size = 0) : tau_io{} {
    done = [](tau_io* self) {
      auto& op = *static_cast<Op*>(self);
      ++op.finished;
      if (op.then) op.then(op);
    };
    opcode = operation;
    fd = descriptor;
    buffer = memory;
    length = size;
    offset = -1;
    result = -123456;
  }
  Op(const Op&) = delete;
};

struct FdWait : tau_fd_wait {
  int finished = 0;
  std::function<void(FdWait&)> then;

  explicit FdWait(std::uint32_t wanted, tau_plugin* who = nullptr) : tau_fd_wait{} {
    done = [](tau_fd_wait* self) {
      auto& wait = *static_cast<FdWait*>(self);
      ++wait.finished;
      if (wait.then) wait.then(wait);
    };
    interest = wanted;
    owner = who;
  }
  FdWait(const FdWait&) = delete;
};

/// Owners are opaque to a reactor: any address will do.
inline tau_plugin* owner(std::uintptr_t number) { return reinterpret_cast<tau_plugin*>(number << 8); }

/// One reactor. At its end nothing may be pending any more.
struct Rig {
  std::string why;
  std::unique_ptr<host::Reactor> reactor;

  Rig() {
    std::signal(SIGPIPE, SIG_IGN);  // as the host does
    reactor = host::make_reactor("auto", &why);
    REQUIRE_MESSAGE(reactor, why);
  }
  ~Rig() { CHECK(reactor->pending() == 0); }
  host::Reactor* operator->() const { return reactor.get(); }

  tau_fd registered(int fd, tau_plugin* who = nullptr) {
    tau_fd handle = 0;
    REQUIRE(reactor->add(who, fd, &handle) == 0);
    CHECK(handle != 0);
    return handle;
  }

  /// Polls until `condition` holds. The limit only turns a hang into a failure.
  template <class Condition>
  bool until(Condition condition) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > limit) return false;
      reactor->poll(100 * ms);
    }
    return true;
  }

  /// Runs one operation to its end and returns its result.
  std::int64_t run(Op& op) {
    const int before = op.finished;
    if (!reactor->submit(&op)) CHECK(until([&] { return op.finished != before; }));
    return op.result;
  }

  /// Collects what is there without waiting; twice, since what ended may have started something.
  void settle() {
    reactor->poll(0);
    reactor->poll(0);
  }
};

}  // namespace tau::test
