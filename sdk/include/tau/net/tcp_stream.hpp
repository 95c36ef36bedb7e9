// TcpStream: a TCP connection. What it reads and writes with is in stream_socket.hpp.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../detail/connect_operation.hpp"
#include "address.hpp"
#include "stream_socket.hpp"

namespace tau::net {

/// How a silent connection is probed. Zeros leave the system's settings.
struct Keepalive {
  explicit Keepalive(std::chrono::seconds idle_time = {}, std::chrono::seconds probe_interval = {},
                     int probe_count = 0) noexcept
      : idle(idle_time), interval(probe_interval), count(probe_count) {}
  std::chrono::seconds idle;      // silence before the first probe
  std::chrono::seconds interval;  // between probes
  int count;                      // unanswered probes until the connection is given up
};

/// A TCP connection. A Reader and Writer.
///
/// Errors:    what the system says: ECONNREFUSED, ECONNRESET, EPIPE (never SIGPIPE) ...
/// Ownership: see Socket. Destroying it closes the connection.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::net::TcpStream
class TcpStream : public StreamSocket {
 public:
  TcpStream() noexcept = default;
  explicit TcpStream(detail::Descriptor descriptor) noexcept : StreamSocket(std::move(descriptor)) {}
  /// Takes over a connected socket, which becomes non-blocking and close-on-exec.
  static Result<TcpStream> from_raw_fd(int fd) noexcept;

  /// `Result<TcpStream> stream = co_await TcpStream::connect(address);`
  static detail::Connect<TcpStream> connect(const SocketAddress& peer) noexcept;
  /// By name: looked up without blocking the loop, then tried as connect_any() does.
  static Task<Result<TcpStream>> connect(std::string host, std::uint16_t port);
  /// "host:port", "127.0.0.1:80", "[::1]:80". Errors: Errc::invalid.
  static Task<Result<TcpStream>> connect(std::string host_and_port);
  /// The first of several addresses that answers. They are tried in the given order, the families taking
  /// turns; the next one begins 250 ms after the one before, or when that fails; the others are given up when
  /// one is connected. Errors: what was said of the first address.
  /// See: RFC 8305 (Happy Eyeballs)
  static Task<Result<TcpStream>> connect_any(std::vector<SocketAddress> peers);

  /// Halves that own the stream together; dropping the writing one shuts writing down.
  std::pair<io::ReadHalf<TcpStream>, io::WriteHalf<TcpStream>> into_split() && {
    return io::split(std::move(*this));
  }

  Result<SocketAddress> local_address() const noexcept { return detail::local_address(fd()); }
  Result<SocketAddress> peer_address() const noexcept { return detail::peer_address(fd()); }

  Result<bool> nodelay() const noexcept;
  /// Small writes leave at once.
  Result<void> set_nodelay(bool on) noexcept;
  Result<bool> keepalive() const noexcept { return flag(SOL_SOCKET, SO_KEEPALIVE); }
  Result<void> set_keepalive(bool on) noexcept {
    return detail::set_option(fd(), SOL_SOCKET, SO_KEEPALIVE, on);
  }
  Result<void> set_keepalive(const Keepalive& probes) noexcept;
  /// What closing does with unsent bytes: empty, they are sent in the background; zero, the connection is
  /// reset. A time makes close() itself wait, and that is on the loop: avoid it.
  Result<std::optional<std::chrono::seconds>> linger() const noexcept { return detail::get_linger(fd()); }
  Result<void> set_linger(std::optional<std::chrono::seconds> time) noexcept {
    return detail::set_linger(fd(), time);
  }
  Result<std::uint32_t> ttl() const noexcept;
  Result<void> set_ttl(std::uint32_t hops) noexcept;
};

}  // namespace tau::net
