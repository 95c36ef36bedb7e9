// TcpStream: a connection.
//
// Its operations are awaiters without frames: `Result<std::size_t> n = co_await stream.read(buffer);`
// One task may read while another writes.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "../detail/connect_operation.hpp"
#include "../detail/message_operation.hpp"
#include "../detail/socket_operation.hpp"
#include "../io/split.hpp"
#include "../task.hpp"
#include "address.hpp"
#include "socket.hpp"

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
class TcpStream : public Socket {
 public:
  TcpStream() noexcept = default;
  explicit TcpStream(detail::Descriptor descriptor) noexcept : Socket(std::move(descriptor)) {}
  /// Takes over a connected socket, which becomes non-blocking and close-on-exec.
  static Result<TcpStream> from_raw_fd(int fd) noexcept;

  /// `Result<TcpStream> stream = co_await TcpStream::connect(address);`
  static detail::Connect<TcpStream> connect(const SocketAddress& peer) noexcept;
  /// By name: looked up without blocking the loop, then tried as RFC 8305 has it. See connect.hpp.
  static Task<Result<TcpStream>> connect(std::string host, std::uint16_t port);
  /// "host:port", "127.0.0.1:80", "[::1]:80".
  static Task<Result<TcpStream>> connect(std::string host_and_port);

  /// Bytes that are there, at least one; 0 at the end. Cancelling loses nothing.
  auto read(io::MutableBuffer into) noexcept { return detail::Receive(descriptor_, into); }
  /// As read, and the bytes stay.
  auto peek(io::MutableBuffer into) noexcept { return detail::Receive(descriptor_, into, MSG_PEEK); }
  /// The whole buffer, Result<void>. Errors: Errc::closed if the stream ends before. Cancelling loses nothing.
  auto read_exact(io::MutableBuffer into) noexcept { return detail::ReceiveExactly(descriptor_, into); }
  /// Fills several buffers, one after the other.
  auto read_vectored(std::span<const io::MutableBuffer> into) noexcept {
    return detail::ReceiveVectored(descriptor_, into);
  }

  /// Some of the bytes. Whoever cancels a write does not know how much has left.
  auto write(io::ConstBuffer bytes) noexcept { return detail::Send(descriptor_, bytes); }
  /// All of the bytes, Result<void>.
  auto write_all(io::ConstBuffer bytes) noexcept { return detail::SendAll(descriptor_, bytes); }
  /// Some of the bytes of several buffers.
  auto write_vectored(std::span<const io::ConstBuffer> bytes) noexcept {
    return detail::SendVectored(descriptor_, bytes);
  }

  /// Sends `count` bytes of a regular file from `offset` on, without a copy through this process; fewer if the
  /// file ends. The disk is waited for on the blocking pool. Returns how many were sent.
  /// See: sendfile(2)
  Task<Result<std::uint64_t>> send_file(int file, std::uint64_t offset, std::uint64_t count);

  /// Tells the peer that nothing follows. Awaitable, as Writer has it; never waits.
  auto shutdown() noexcept { return detail::ReadyResult<void>(shutdown_now(Shutdown::write)); }
  Result<void> shutdown_now(Shutdown how) noexcept {
    return detail::shut_down(fd(), static_cast<int>(how));
  }
  void shutdown_write() noexcept { static_cast<void>(shutdown_now(Shutdown::write)); }

  /// Halves for two tasks that both end before the stream does.
  std::pair<io::Ref<TcpStream>, io::Ref<TcpStream>> split() noexcept {
    return {io::Ref(*this), io::Ref(*this)};
  }
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
  /// What closing does with unsent bytes: empty, they are sent in the background; zero, the connection is reset.
  /// A time makes close() itself wait, and that is on the loop: avoid it.
  Result<std::optional<std::chrono::seconds>> linger() const noexcept { return detail::get_linger(fd()); }
  Result<void> set_linger(std::optional<std::chrono::seconds> time) noexcept {
    return detail::set_linger(fd(), time);
  }
  Result<std::uint32_t> ttl() const noexcept;
  Result<void> set_ttl(std::uint32_t hops) noexcept;
};

}  // namespace tau::net
