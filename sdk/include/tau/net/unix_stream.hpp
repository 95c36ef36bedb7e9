// UnixStream and UnixListener: connections within one machine, which also carry descriptors.
#pragma once

#include <sys/types.h>

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "../detail/accept.hpp"
#include "../detail/connect_operation.hpp"
#include "../detail/descriptor_passing.hpp"
#include "../io/owned_fd.hpp"
#include "stream_socket.hpp"
#include "unix_address.hpp"

namespace tau::net {

/// Who is at the other end, as of the time it connected. See: SO_PEERCRED in unix(7)
struct PeerCredentials {
  pid_t pid;
  uid_t uid;
  gid_t gid;
};

/// Bytes and the descriptors that came with them.
struct BytesAndFds {
  BytesAndFds(std::size_t bytes, std::vector<io::OwnedFd> descriptors, bool cut) noexcept
      : size(bytes), fds(std::move(descriptors)), truncated(cut) {}
  std::size_t size;
  std::vector<io::OwnedFd> fds;  // close-on-exec
  bool truncated;                // there were more descriptors than one message may bring; those were closed
};

/// A connection between Unix sockets. See StreamSocket for reading and writing.
/// See: tokio::net::UnixStream
class UnixStream : public StreamSocket {
 public:
  class [[nodiscard]] SendWithFds final : public detail::MessageOperation {
   public:
    SendWithFds(detail::Descriptor& descriptor, std::span<const std::byte> bytes,
                std::span<const int> fds) noexcept;
    bool await_ready() const noexcept { return result < 0; }

   private:
    iovec piece_;
    detail::ControlBuffer control_;
  };
  class [[nodiscard]] ReceiveWithFds final : public detail::MessageOperation {
   public:
    ReceiveWithFds(detail::Descriptor& descriptor, std::vector<io::OwnedFd>& given_back,
                   std::span<std::byte> into) noexcept;
    ~ReceiveWithFds();
    bool await_ready() noexcept;
    Result<BytesAndFds> await_resume() noexcept;

   private:
    std::vector<io::OwnedFd>& given_back_;
    iovec piece_;
    detail::ControlBuffer control_;
  };

  UnixStream() noexcept = default;
  explicit UnixStream(detail::Descriptor descriptor) noexcept : StreamSocket(std::move(descriptor)) {}
  static Result<UnixStream> from_raw_fd(int fd) noexcept;
  /// Two that are connected with each other. See: socketpair(2)
  static Result<std::pair<UnixStream, UnixStream>> pair() noexcept;
  /// `Result<UnixStream> s = co_await UnixStream::connect(address);` Errors: ENOENT, ECONNREFUSED: nobody
  /// listens there (any more); EAGAIN: the listener's queue is full.
  static detail::Connect<UnixStream> connect(const UnixAddress& peer) noexcept;

  /// Some of the bytes, at least one, and with the first of them up to 64 descriptors, which stay open here.
  /// Errors: Errc::invalid without a byte or with more descriptors.
  SendWithFds send_with_fds(io::ConstBuffer bytes, std::span<const int> fds) noexcept {
    return {descriptor_, bytes, fds};
  }
  /// `Result<BytesAndFds> r = co_await stream.recv_with_fds(buffer);` Descriptors come with the first byte
  /// they were sent with; a plain read drops them. Cancelling loses neither bytes nor descriptors.
  ReceiveWithFds recv_with_fds(io::MutableBuffer into) noexcept {
    return {descriptor_, given_back_fds_, into};
  }

  /// Halves that own the stream together; dropping the writing one shuts writing down.
  std::pair<io::ReadHalf<UnixStream>, io::WriteHalf<UnixStream>> into_split() && {
    return io::split(std::move(*this));
  }

  Result<UnixAddress> local_address() const noexcept;
  Result<UnixAddress> peer_address() const noexcept;
  Result<PeerCredentials> peer_credentials() const noexcept;

 private:
  std::vector<io::OwnedFd> given_back_fds_;
};

/// A listening Unix socket.
///
/// The file of a path stays when the listener goes, and binding to it again then fails with EADDRINUSE:
/// remove_stale_socket() first. Abstract names have no file and no such trouble.
/// See: tokio::net::UnixListener, TcpListener for accepting
class UnixListener {
 public:
  struct Accepted {
    Accepted(UnixStream connection, const UnixAddress& address) noexcept
        : stream(std::move(connection)), peer(address) {}
    UnixStream stream;
    UnixAddress peer;
  };
  class [[nodiscard]] Accept final : public detail::AcceptOperation {
   public:
    using AcceptOperation::AcceptOperation;
    Result<Accepted> await_resume() noexcept;
  };

  UnixListener() noexcept = default;
  explicit UnixListener(detail::Descriptor listening)
      : state_(std::make_unique<detail::Listening>(std::move(listening))) {}
  static Result<UnixListener> bind(const UnixAddress& address, int backlog = 1024);
  static Result<UnixListener> from_raw_fd(int fd);

  Accept accept() noexcept { return Accept(*state_); }

  Result<UnixAddress> local_address() const noexcept;
  int fd() const noexcept { return state_ ? state_->descriptor.fd() : -1; }
  explicit operator bool() const noexcept { return fd() >= 0; }
  int into_raw_fd() && noexcept { return state_->descriptor.release(); }

 private:
  std::unique_ptr<detail::Listening> state_;
};

/// Removes a socket's file that nobody listens at any more; returns whether it did. A file that is no socket,
/// or one that somebody answers at, stays. Between this and bind() another process may do the same: where
/// that matters, take a lock first.
Result<bool> remove_stale_socket(const UnixAddress& address) noexcept;

}  // namespace tau::net
