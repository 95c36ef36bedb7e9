// UnixDatagram: messages within one machine, which also carry descriptors. None is lost, and none overtakes.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "../detail/datagram_operation.hpp"
#include "unix_stream.hpp"

namespace tau::net {

/// What a receive brought.
struct UnixMessage {
  UnixMessage(std::size_t bytes, const UnixAddress& address, std::vector<io::OwnedFd> descriptors,
              bool cut) noexcept
      : size(bytes), from(address), fds(std::move(descriptors)), truncated(cut) {}
  std::size_t size;
  UnixAddress from;
  std::vector<io::OwnedFd> fds;  // close-on-exec
  bool truncated;                // the buffer, or the room for descriptors, was too small
};

/// A Unix datagram socket.
///
/// Cancelling a receive loses neither message nor descriptors.
/// Ownership: see Socket.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::net::UnixDatagram
class UnixDatagram : public Socket {
 public:
  class [[nodiscard]] SendMessage final : public detail::DatagramSend {
   public:
    SendMessage(detail::Descriptor& descriptor, std::span<const std::byte> bytes,
                std::span<const int> fds) noexcept
        : DatagramSend(descriptor, bytes) {
      put(fds);
    }
    SendMessage(detail::Descriptor& descriptor, std::span<const std::byte> bytes, std::span<const int> fds,
                const UnixAddress& to) noexcept
        : DatagramSend(descriptor, bytes, to), waits_(false) {
      put(fds);
    }
    bool await_ready() noexcept {
      if (result == 0 && !waits_) send_now();
      return result != 0 || !waits_;
    }

   private:
    void put(std::span<const int> fds) noexcept {
      if (!control_.put(message_, fds)) result = TAU_E_INVALID;
    }
    void send_now() noexcept;

    detail::ControlBuffer control_;
    bool waits_ = true;
  };
  class [[nodiscard]] ReceiveMessage final : public detail::DatagramReceive {
   public:
    ReceiveMessage(detail::Descriptor& descriptor, detail::GivenBackDatagrams& given_back,
                   std::span<std::byte> into) noexcept;
    ~ReceiveMessage();
    bool await_ready() noexcept;
    Result<UnixMessage> await_resume() noexcept;

   private:
    detail::ControlBuffer control_;
    std::vector<io::OwnedFd> given_fds_;
  };

  UnixDatagram() noexcept = default;
  explicit UnixDatagram(detail::Descriptor descriptor)
      : Socket(std::move(descriptor)), given_back_(std::make_unique<detail::GivenBackDatagrams>()) {}
  static Result<UnixDatagram> bind(const UnixAddress& address);
  static Result<UnixDatagram> unbound();
  static Result<std::pair<UnixDatagram, UnixDatagram>> pair();
  static Result<UnixDatagram> from_raw_fd(int fd);

  /// Talks with `peer` alone from here on. Never waits.
  Result<void> connect(const UnixAddress& peer) noexcept;

  /// Errors: ECONNREFUSED, ENOENT; Errc::invalid for more than 64 descriptors; EAGAIN if the receiver's queue
  /// is full: the system tells when there is room again only to those who are connected.
  SendMessage send_to(io::ConstBuffer bytes, const UnixAddress& to, std::span<const int> fds = {}) noexcept {
    return {descriptor_, bytes, fds, to};
  }
  /// To the connected peer; waits while its queue is full.
  SendMessage send(io::ConstBuffer bytes, std::span<const int> fds = {}) noexcept {
    return {descriptor_, bytes, fds};
  }
  /// `Result<UnixMessage> m = co_await socket.recv(buffer);`
  ReceiveMessage recv(io::MutableBuffer into) noexcept { return {descriptor_, *given_back_, into}; }

  Result<UnixAddress> local_address() const noexcept;
  Result<UnixAddress> peer_address() const noexcept;

 private:
  std::unique_ptr<detail::GivenBackDatagrams> given_back_;
};

}  // namespace tau::net
