// Options and beginnings of TCP sockets; see tcp_stream.hpp and tcp_listener.hpp.
#include <tau/net/tcp_listener.hpp>
#include <tau/net/tcp_stream.hpp>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace tau::net {
namespace {

Result<std::uint32_t> hops(int fd) noexcept {
  Result<int> value = detail::get_ip_option(fd, IP_TTL, IPV6_UNICAST_HOPS);
  if (!value) return value.error();
  return static_cast<std::uint32_t>(*value);
}

Result<void> set_hops(int fd, std::uint32_t count) noexcept {
  return detail::set_ip_option(fd, IP_TTL, IPV6_UNICAST_HOPS, static_cast<int>(count));
}

Result<TcpListener> start_listening(detail::Descriptor socket, int backlog) {
  if (::listen(socket.fd(), backlog) < 0) return Error::system(errno);
  return TcpListener(std::move(socket));
}

}  // namespace

// ---- TcpStream ----

Result<TcpStream> TcpStream::from_raw_fd(int fd) noexcept {
  if (Result<void> fit = detail::adopt(fd); !fit) return fit.error();
  return TcpStream(detail::Descriptor(fd));
}

detail::Connect<TcpStream> TcpStream::connect(const SocketAddress& peer) noexcept {
  return detail::Connect<TcpStream>(detail::open_socket(peer.family(), SOCK_STREAM), peer);
}

Result<bool> TcpStream::nodelay() const noexcept {
  return flag(IPPROTO_TCP, TCP_NODELAY);
}

Result<void> TcpStream::set_nodelay(bool on) noexcept {
  return detail::set_option(fd(), IPPROTO_TCP, TCP_NODELAY, on);
}

Result<void> TcpStream::set_keepalive(const Keepalive& probes) noexcept {
  const auto seconds = [](std::chrono::seconds time) { return static_cast<int>(time.count()); };
  Result<void> status = set_keepalive(true);
  if (status && probes.idle.count() != 0) {
    status = detail::set_option(fd(), IPPROTO_TCP, TCP_KEEPIDLE, seconds(probes.idle));
  }
  if (status && probes.interval.count() != 0) {
    status = detail::set_option(fd(), IPPROTO_TCP, TCP_KEEPINTVL, seconds(probes.interval));
  }
  if (status && probes.count != 0) status = detail::set_option(fd(), IPPROTO_TCP, TCP_KEEPCNT, probes.count);
  return status;
}

Result<std::uint32_t> TcpStream::ttl() const noexcept {
  return hops(fd());
}
Result<void> TcpStream::set_ttl(std::uint32_t count) noexcept {
  return set_hops(fd(), count);
}

// ---- TcpListener ----

Result<TcpListener> TcpListener::bind(const SocketAddress& address, int backlog) {
  Result<detail::Descriptor> socket = detail::open_socket(address.family(), SOCK_STREAM);
  if (!socket) return socket.error();
  Result<void> status = detail::set_option(socket->fd(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (status) status = detail::bind_socket(socket->fd(), address);
  if (!status) return status.error();
  return start_listening(std::move(*socket), backlog);
}

Result<TcpListener> TcpListener::bind(std::string_view address, int backlog) {
  Result<SocketAddress> parsed = SocketAddress::parse(address);
  if (!parsed) return parsed.error();
  return bind(*parsed, backlog);
}

Result<TcpListener> TcpListener::from_raw_fd(int fd) {
  if (Result<void> fit = detail::adopt(fd); !fit) return fit.error();
  return TcpListener(detail::Descriptor(fd));
}

Result<TcpListener::Accepted> TcpListener::Accept::await_resume() noexcept {
  Result<detail::Listening::Connection> connection = take();
  if (!connection) return connection.error();
  TcpStream stream{detail::Descriptor(connection->fd)};
  Result<SocketAddress> peer =
      SocketAddress::from_system(reinterpret_cast<const sockaddr*>(&connection->peer), connection->size);
  if (!peer) return peer.error();
  return Accepted(std::move(stream), *peer);
}

Result<std::uint32_t> TcpListener::ttl() const noexcept {
  return hops(fd());
}
Result<void> TcpListener::set_ttl(std::uint32_t count) noexcept {
  return set_hops(fd(), count);
}

// ---- TcpSocket ----

Result<TcpSocket> TcpSocket::v4() noexcept {
  Result<detail::Descriptor> socket = detail::open_socket(AF_INET, SOCK_STREAM);
  if (!socket) return socket.error();
  return TcpSocket(std::move(*socket));
}

Result<TcpSocket> TcpSocket::v6() noexcept {
  Result<detail::Descriptor> socket = detail::open_socket(AF_INET6, SOCK_STREAM);
  if (!socket) return socket.error();
  return TcpSocket(std::move(*socket));
}

Result<void> TcpSocket::set_only_v6(bool on) noexcept {
  return detail::set_option(fd(), IPPROTO_IPV6, IPV6_V6ONLY, on);
}

Result<void> TcpSocket::set_nodelay(bool on) noexcept {
  return detail::set_option(fd(), IPPROTO_TCP, TCP_NODELAY, on);
}

Result<TcpListener> TcpSocket::listen(int backlog) && {
  return start_listening(std::move(descriptor_), backlog);
}

}  // namespace tau::net
