// TcpListener: where connections come in. TcpSocket: a socket that is still to become one or the other.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "../detail/accept.hpp"
#include "tcp_stream.hpp"

namespace tau::net {

/// Connections that wait to be accepted, at most; the system may allow fewer (net.core.somaxconn).
inline constexpr int default_backlog = 1024;

/// A listening TCP socket.
///
/// `Result<TcpListener::Accepted> c = co_await listener.accept();` Accepting goes on through a shortage of
/// descriptors, waiting longer and longer instead of failing or spinning: see detail/accept.hpp.
///
/// Errors:    EADDRINUSE, EACCES ... from bind; accept fails only when the listener itself is broken.
/// Ownership: owns its socket; stays until no accept is awaited.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::net::TcpListener
class TcpListener {
 public:
  struct Accepted {
    Accepted(TcpStream connection, const SocketAddress& address) noexcept
        : stream(std::move(connection)), peer(address) {}
    TcpStream stream;
    SocketAddress peer;
  };
  class [[nodiscard]] Accept final : public detail::AcceptOperation {
   public:
    using AcceptOperation::AcceptOperation;
    Result<Accepted> await_resume() noexcept;
  };

  TcpListener() noexcept = default;
  explicit TcpListener(detail::Descriptor listening)
      : state_(std::make_unique<detail::Listening>(std::move(listening))) {}
  /// Binds with SO_REUSEADDR and listens. Port 0: the system chooses, local_address() tells.
  static Result<TcpListener> bind(const SocketAddress& address, int backlog = default_backlog);
  /// "127.0.0.1:80", "[::]:0": numbers, no names.
  static Result<TcpListener> bind(std::string_view address, int backlog = default_backlog);
  /// Takes over a listening socket, which becomes non-blocking and close-on-exec.
  static Result<TcpListener> from_raw_fd(int fd);

  /// The next connection. Many tasks may wait. Cancelling loses no connection.
  Accept accept() noexcept { return Accept(*state_); }

  Result<SocketAddress> local_address() const noexcept { return detail::local_address(fd()); }
  int fd() const noexcept { return state_ ? state_->descriptor.fd() : -1; }
  explicit operator bool() const noexcept { return fd() >= 0; }
  int into_raw_fd() && noexcept { return state_->descriptor.release(); }
  Result<std::uint32_t> ttl() const noexcept;
  Result<void> set_ttl(std::uint32_t hops) noexcept;

 private:
  std::unique_ptr<detail::Listening> state_;
};

/// A TCP socket before it is connected or listens, for options that must be set by then.
/// See: tokio::net::TcpSocket
class TcpSocket : public Socket {
 public:
  static Result<TcpSocket> v4() noexcept;
  static Result<TcpSocket> v6() noexcept;

  Result<void> bind(const SocketAddress& address) noexcept { return detail::bind_socket(fd(), address); }
  Result<void> set_reuseaddr(bool on) noexcept {
    return detail::set_option(fd(), SOL_SOCKET, SO_REUSEADDR, on);
  }
  Result<void> set_reuseport(bool on) noexcept {
    return detail::set_option(fd(), SOL_SOCKET, SO_REUSEPORT, on);
  }
  /// Whether an IPv6 socket leaves IPv4 alone.
  Result<void> set_only_v6(bool on) noexcept;
  Result<void> set_nodelay(bool on) noexcept;
  Result<void> set_keepalive(bool on) noexcept {
    return detail::set_option(fd(), SOL_SOCKET, SO_KEEPALIVE, on);
  }
  Result<void> set_linger(std::optional<std::chrono::seconds> time) noexcept {
    return detail::set_linger(fd(), time);
  }
  Result<SocketAddress> local_address() const noexcept { return detail::local_address(fd()); }

  detail::Connect<TcpStream> connect(const SocketAddress& peer) && noexcept {
    return detail::Connect<TcpStream>(std::move(descriptor_), peer);
  }
  Result<TcpListener> listen(int backlog = default_backlog) &&;

 private:
  using Socket::Socket;
};

}  // namespace tau::net
