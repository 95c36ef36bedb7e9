// StreamSocket: what connections share, be they TCP or Unix: bytes in order, in both directions.
//
// Its operations are awaiters without frames: `Result<std::size_t> n = co_await stream.read(buffer);`
// One task may read while another writes.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "../detail/message_operation.hpp"
#include "../detail/ready.hpp"
#include "../detail/socket_operation.hpp"
#include "../io/split.hpp"
#include "../task.hpp"
#include "socket.hpp"

namespace tau::net {

/// A Reader and Writer.
///
/// Errors:    what the system says: ECONNRESET, EPIPE (never SIGPIPE) ...
/// Ownership: see Socket. Destroying it closes the connection.
/// Threading: [loop]
/// Unload:    [drained]
class StreamSocket : public Socket {
 public:
  /// Bytes that are there, at least one; 0 at the end. Cancelling loses nothing.
  auto read(io::MutableBuffer into) noexcept { return detail::Receive(descriptor_, into); }
  /// As read, and the bytes stay.
  auto peek(io::MutableBuffer into) noexcept { return detail::Receive(descriptor_, into, MSG_PEEK); }
  /// The whole buffer, Result<void>. Errors: Errc::closed if the stream ends before. Cancelling loses
  /// nothing.
  auto read_exact(io::MutableBuffer into) noexcept { return detail::ReceiveExactly(descriptor_, into); }
  /// Fills several buffers, one after the other.
  auto read_vectored(std::span<const io::MutableBuffer> into) noexcept {
    return detail::ReceiveVectored(descriptor_, into);
  }
  /// Without waiting. Errors: EAGAIN.
  Result<std::size_t> try_read(io::MutableBuffer into) noexcept;

  /// Some of the bytes. Whoever cancels a write does not know how much has left.
  auto write(io::ConstBuffer bytes) noexcept { return detail::Send(descriptor_, bytes); }
  /// All of the bytes, Result<void>.
  auto write_all(io::ConstBuffer bytes) noexcept { return detail::SendAll(descriptor_, bytes); }
  /// Some of the bytes of several buffers.
  auto write_vectored(std::span<const io::ConstBuffer> bytes) noexcept {
    return detail::SendVectored(descriptor_, bytes);
  }
  /// Without waiting. Errors: EAGAIN.
  Result<std::size_t> try_write(io::ConstBuffer bytes) noexcept;

  /// Sends `count` bytes of a regular file from `offset` on, without a copy through this process; fewer if
  /// the file ends. The disk is waited for on the blocking pool. Returns how many were sent. See: sendfile(2)
  Task<Result<std::uint64_t>> send_file(int file, std::uint64_t offset, std::uint64_t count);

  /// Tells the peer that nothing follows. Awaitable, as Writer has it; never waits.
  auto shutdown() noexcept { return detail::ReadyResult<void>(shutdown_now(Shutdown::write)); }
  Result<void> shutdown_now(Shutdown how) noexcept { return detail::shut_down(fd(), static_cast<int>(how)); }
  void shutdown_write() noexcept { static_cast<void>(shutdown_now(Shutdown::write)); }

  /// Halves for two tasks that both end before the stream does.
  std::pair<io::Ref<StreamSocket>, io::Ref<StreamSocket>> split() noexcept {
    return {io::Ref(*this), io::Ref(*this)};
  }

 protected:
  using Socket::Socket;
};

}  // namespace tau::net
