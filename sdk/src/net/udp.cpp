// See udp_socket.hpp.
#include <tau/net/udp_socket.hpp>

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace tau::net {
namespace {

Result<UdpSocket> make(int family) {
  Result<detail::Descriptor> socket = detail::open_socket(family, SOCK_DGRAM);
  if (!socket) return socket.error();
  return UdpSocket(std::move(*socket));
}

Result<void> membership(int fd, int option, const IpAddress& group, const IpAddress& interface) noexcept {
  if (!group.is_v4() || !interface.is_v4()) return Errc::invalid;
  ip_mreq request{};
  const auto group_bytes = group.v4_bytes(), interface_bytes = interface.v4_bytes();
  std::memcpy(&request.imr_multiaddr, group_bytes.data(), group_bytes.size());
  std::memcpy(&request.imr_interface, interface_bytes.data(), interface_bytes.size());
  return detail::set_raw_option(fd, IPPROTO_IP, option, &request, sizeof request);
}

Result<void> membership(int fd, int option, const IpAddress& group, std::uint32_t interface) noexcept {
  if (!group.is_v6()) return Errc::invalid;
  ipv6_mreq request{};
  const auto bytes = group.v6_bytes();
  std::memcpy(&request.ipv6mr_multiaddr, bytes.data(), bytes.size());
  request.ipv6mr_interface = interface;
  return detail::set_raw_option(fd, IPPROTO_IPV6, option, &request, sizeof request);
}

}  // namespace

Result<UdpSocket> UdpSocket::v4() {
  return make(AF_INET);
}
Result<UdpSocket> UdpSocket::v6() {
  return make(AF_INET6);
}

Result<UdpSocket> UdpSocket::bind(const SocketAddress& address) {
  Result<UdpSocket> socket = make(address.family());
  if (!socket) return socket;
  if (Result<void> status = socket->bind_to(address); !status) return status.error();
  return socket;
}

Result<UdpSocket> UdpSocket::bind(std::string_view address) {
  Result<SocketAddress> parsed = SocketAddress::parse(address);
  if (!parsed) return parsed.error();
  return bind(*parsed);
}

Result<UdpSocket> UdpSocket::from_raw_fd(int fd) {
  if (Result<void> fit = detail::adopt(fd); !fit) return fit.error();
  return UdpSocket(detail::Descriptor(fd));
}

Result<void> UdpSocket::connect(const SocketAddress& peer) noexcept {
  sockaddr_storage storage;
  const socklen_t size = peer.to_system(storage);
  if (::connect(fd(), reinterpret_cast<const sockaddr*>(&storage), size) < 0) return Error::system(errno);
  return {};
}

Result<Datagram> UdpSocket::ReceiveFrom::await_resume() noexcept {
  Result<std::size_t> size = claim();
  if (!size) return size.error();
  Result<SocketAddress> from =
      SocketAddress::from_system(reinterpret_cast<const sockaddr*>(&peer_), message_.msg_namelen);
  if (!from) return from.error();
  return Datagram(*size, *from, was_truncated());
}

Result<std::uint32_t> UdpSocket::ttl() const noexcept {
  Result<int> value = detail::get_ip_option(fd(), IP_TTL, IPV6_UNICAST_HOPS);
  if (!value) return value.error();
  return static_cast<std::uint32_t>(*value);
}

Result<void> UdpSocket::set_ttl(std::uint32_t hops) noexcept {
  return detail::set_ip_option(fd(), IP_TTL, IPV6_UNICAST_HOPS, static_cast<int>(hops));
}

Result<void> UdpSocket::set_only_v6(bool on) noexcept {
  return detail::set_option(fd(), IPPROTO_IPV6, IPV6_V6ONLY, on);
}

Result<void> UdpSocket::join_multicast_v4(const IpAddress& group, const IpAddress& interface) noexcept {
  return membership(fd(), IP_ADD_MEMBERSHIP, group, interface);
}

Result<void> UdpSocket::leave_multicast_v4(const IpAddress& group, const IpAddress& interface) noexcept {
  return membership(fd(), IP_DROP_MEMBERSHIP, group, interface);
}

Result<void> UdpSocket::join_multicast_v6(const IpAddress& group, std::uint32_t interface) noexcept {
  return membership(fd(), IPV6_JOIN_GROUP, group, interface);
}

Result<void> UdpSocket::leave_multicast_v6(const IpAddress& group, std::uint32_t interface) noexcept {
  return membership(fd(), IPV6_LEAVE_GROUP, group, interface);
}

Result<void> UdpSocket::set_multicast_loop(bool on) noexcept {
  return detail::set_ip_option(fd(), IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, on);
}

Result<void> UdpSocket::set_multicast_ttl(std::uint32_t hops) noexcept {
  return detail::set_ip_option(fd(), IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, static_cast<int>(hops));
}

Result<void> UdpSocket::set_multicast_interface_v4(const IpAddress& interface) noexcept {
  if (!interface.is_v4()) return Errc::invalid;
  const auto bytes = interface.v4_bytes();
  return detail::set_raw_option(fd(), IPPROTO_IP, IP_MULTICAST_IF, bytes.data(), bytes.size());
}

Result<void> UdpSocket::set_multicast_interface_v6(std::uint32_t interface) noexcept {
  return detail::set_option(fd(), IPPROTO_IPV6, IPV6_MULTICAST_IF, static_cast<int>(interface));
}

}  // namespace tau::net
