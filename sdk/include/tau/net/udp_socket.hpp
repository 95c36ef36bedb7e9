// UdpSocket: datagrams.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "../detail/datagram_operation.hpp"
#include "address.hpp"
#include "socket.hpp"

namespace tau::net {

/// What a receive brought.
struct Datagram {
  Datagram(std::size_t bytes, const SocketAddress& address, bool cut) noexcept
      : size(bytes), from(address), truncated(cut) {}
  std::size_t size;
  SocketAddress from;
  bool truncated;  // the buffer was too small; the rest is gone
};

/// A UDP socket.
///
/// A receive that is cancelled loses no datagram. A send is done at once unless the socket's buffer is full.
/// Errors:    what the system says; on a connected socket ECONNREFUSED when the peer's host says that nobody
///            listens there.
/// Ownership: see Socket.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::net::UdpSocket
class UdpSocket : public Socket {
 public:
  class [[nodiscard]] ReceiveFrom final : public detail::DatagramReceive {
   public:
    using DatagramReceive::DatagramReceive;
    Result<Datagram> await_resume() noexcept;
  };
  class [[nodiscard]] ReceiveSome final : public detail::DatagramReceive {
   public:
    using DatagramReceive::DatagramReceive;
    Result<std::size_t> await_resume() noexcept { return claim(); }
  };

  UdpSocket() noexcept = default;
  explicit UdpSocket(detail::Descriptor descriptor)
      : Socket(std::move(descriptor)), given_back_(std::make_unique<detail::GivenBackDatagrams>()) {}
  /// A socket of the address's family, bound to it.
  static Result<UdpSocket> bind(const SocketAddress& address);
  /// "0.0.0.0:53", "[::1]:0": numbers, no names.
  static Result<UdpSocket> bind(std::string_view address);
  /// Not bound yet: for options that must be set before bind_to().
  static Result<UdpSocket> v4();
  static Result<UdpSocket> v6();
  static Result<UdpSocket> from_raw_fd(int fd);

  Result<void> bind_to(const SocketAddress& address) noexcept { return detail::bind_socket(fd(), address); }
  /// Talks with `peer` alone from here on: send() and recv(). Never waits.
  Result<void> connect(const SocketAddress& peer) noexcept;

  auto send_to(io::ConstBuffer bytes, const SocketAddress& to) noexcept {
    return detail::DatagramSend(descriptor_, bytes, to);
  }
  auto send(io::ConstBuffer bytes) noexcept { return detail::DatagramSend(descriptor_, bytes); }
  /// `Result<Datagram> d = co_await socket.recv_from(buffer);`
  ReceiveFrom recv_from(io::MutableBuffer into) noexcept { return {descriptor_, *given_back_, into, 0}; }
  ReceiveSome recv(io::MutableBuffer into) noexcept { return {descriptor_, *given_back_, into, 0}; }
  ReceiveFrom peek_from(io::MutableBuffer into) noexcept {
    return {descriptor_, *given_back_, into, MSG_PEEK};
  }

  Result<SocketAddress> local_address() const noexcept { return detail::local_address(fd()); }
  Result<SocketAddress> peer_address() const noexcept { return detail::peer_address(fd()); }

  Result<void> set_reuseaddr(bool on) noexcept {
    return detail::set_option(fd(), SOL_SOCKET, SO_REUSEADDR, on);
  }
  Result<void> set_reuseport(bool on) noexcept {
    return detail::set_option(fd(), SOL_SOCKET, SO_REUSEPORT, on);
  }
  Result<bool> broadcast() const noexcept { return flag(SOL_SOCKET, SO_BROADCAST); }
  Result<void> set_broadcast(bool on) noexcept {
    return detail::set_option(fd(), SOL_SOCKET, SO_BROADCAST, on);
  }
  Result<std::uint32_t> ttl() const noexcept;
  Result<void> set_ttl(std::uint32_t hops) noexcept;
  /// Whether an IPv6 socket leaves IPv4 alone; before bind_to().
  Result<void> set_only_v6(bool on) noexcept;

  /// Groups. IPv4: `interface` is an address of the interface, any() lets the system choose. IPv6: an index,
  /// 0 lets the system choose.
  Result<void> join_multicast_v4(const IpAddress& group, const IpAddress& interface = {}) noexcept;
  Result<void> leave_multicast_v4(const IpAddress& group, const IpAddress& interface = {}) noexcept;
  Result<void> join_multicast_v6(const IpAddress& group, std::uint32_t interface = 0) noexcept;
  Result<void> leave_multicast_v6(const IpAddress& group, std::uint32_t interface = 0) noexcept;
  /// Whether what we send to a group comes back to this host.
  Result<void> set_multicast_loop(bool on) noexcept;
  Result<void> set_multicast_ttl(std::uint32_t hops) noexcept;
  /// The interface by which multicast leaves.
  Result<void> set_multicast_interface_v4(const IpAddress& interface) noexcept;
  Result<void> set_multicast_interface_v6(std::uint32_t interface) noexcept;

 private:
  std::unique_ptr<detail::GivenBackDatagrams> given_back_;
};

}  // namespace tau::net
