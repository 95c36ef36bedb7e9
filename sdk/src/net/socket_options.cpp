// See socket_options.hpp.
#include <tau/detail/socket_options.hpp>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace tau::detail {
namespace {

Result<void> answer(int status) noexcept {
  if (status < 0) return Error::system(errno);
  return {};
}

template <class Call>
Result<net::SocketAddress> name_of(int fd, Call call) noexcept {
  sockaddr_storage storage;
  socklen_t size = sizeof storage;
  if (call(fd, reinterpret_cast<sockaddr*>(&storage), &size) < 0) return Error::system(errno);
  return net::SocketAddress::from_system(reinterpret_cast<const sockaddr*>(&storage), size);
}

Result<bool> is_v6(int fd) noexcept {
  sockaddr_storage storage;
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) < 0) return Error::system(errno);
  return storage.ss_family == AF_INET6;
}

}  // namespace

Result<Descriptor> open_socket(int family, int type, int protocol) noexcept {
  const int fd = ::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd < 0) return Error::system(errno);
  return Descriptor(fd);
}

Result<int> get_option(int fd, int level, int name) noexcept {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(fd, level, name, &value, &size) < 0) return Error::system(errno);
  return value;
}

Result<void> set_option(int fd, int level, int name, int value) noexcept {
  return answer(::setsockopt(fd, level, name, &value, sizeof value));
}

Result<void> set_raw_option(int fd, int level, int name, const void* value, std::size_t size) noexcept {
  return answer(::setsockopt(fd, level, name, value, static_cast<socklen_t>(size)));
}

Result<std::optional<std::chrono::seconds>> get_linger(int fd) noexcept {
  linger value{};
  socklen_t size = sizeof value;
  if (::getsockopt(fd, SOL_SOCKET, SO_LINGER, &value, &size) < 0) return Error::system(errno);
  if (!value.l_onoff) return std::optional<std::chrono::seconds>();
  return std::optional<std::chrono::seconds>(std::chrono::seconds(value.l_linger));
}

Result<void> set_linger(int fd, std::optional<std::chrono::seconds> time) noexcept {
  const linger value{time.has_value(), time ? static_cast<int>(time->count()) : 0};
  return set_raw_option(fd, SOL_SOCKET, SO_LINGER, &value, sizeof value);
}

Result<net::SocketAddress> local_address(int fd) noexcept {
  return name_of(fd, [](int s, sockaddr* name, socklen_t* size) { return ::getsockname(s, name, size); });
}

Result<net::SocketAddress> peer_address(int fd) noexcept {
  return name_of(fd, [](int s, sockaddr* name, socklen_t* size) { return ::getpeername(s, name, size); });
}

Result<void> bind_socket(int fd, const net::SocketAddress& address) noexcept {
  sockaddr_storage storage;
  const socklen_t size = address.to_system(storage);
  return answer(::bind(fd, reinterpret_cast<const sockaddr*>(&storage), size));
}

Result<void> set_ip_option(int fd, int v4_name, int v6_name, int value) noexcept {
  Result<bool> v6 = is_v6(fd);
  if (!v6) return v6.error();
  return *v6 ? set_option(fd, IPPROTO_IPV6, v6_name, value) : set_option(fd, IPPROTO_IP, v4_name, value);
}

Result<int> get_ip_option(int fd, int v4_name, int v6_name) noexcept {
  Result<bool> v6 = is_v6(fd);
  if (!v6) return v6.error();
  return *v6 ? get_option(fd, IPPROTO_IPV6, v6_name) : get_option(fd, IPPROTO_IP, v4_name);
}

Result<void> shut_down(int fd, int how) noexcept {
  return answer(::shutdown(fd, how));
}

Result<void> adopt(int fd) noexcept {
  const int status = ::fcntl(fd, F_GETFL);
  if (status < 0) return Error::system(errno);
  if (!(status & O_NONBLOCK) && ::fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0) return Error::system(errno);
  return answer(::fcntl(fd, F_SETFD, FD_CLOEXEC));
}

}  // namespace tau::detail
