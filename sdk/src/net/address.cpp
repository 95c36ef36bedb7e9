// Text and system forms of addresses.
#include <tau/net/address.hpp>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace tau::net {
namespace {

template <class Number>
bool parse_number(std::string_view text, Number& out) noexcept {
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, out);
  return !text.empty() && error == std::errc() && stopped == end;
}

/// A scope is a number, or the name of an interface.
bool parse_scope(std::string_view text, std::uint32_t& out) noexcept {
  if (parse_number(text, out)) return true;
  char name[IF_NAMESIZE];
  if (text.empty() || text.size() >= sizeof name) return false;
  *std::copy(text.begin(), text.end(), name) = '\0';
  out = ::if_nametoindex(name);
  return out != 0;
}

}  // namespace

Result<IpAddress> IpAddress::parse(std::string_view text) noexcept {
  char line[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof line || text.find('\0') != text.npos) return Errc::invalid;
  *std::copy(text.begin(), text.end(), line) = '\0';
  V6Bytes v6;
  if (::inet_pton(AF_INET6, line, v6.data()) == 1) return IpAddress(v6);
  V4Bytes v4;
  if (::inet_pton(AF_INET, line, v4.data()) == 1) return IpAddress(v4);
  return Errc::invalid;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN];
  ::inet_ntop(v6_ ? AF_INET6 : AF_INET, bytes_.data(), text, sizeof text);
  return text;
}

Result<SocketAddress> SocketAddress::parse(std::string_view text) noexcept {
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return Errc::invalid;
  std::string_view host = text.substr(0, colon);
  std::uint16_t port = 0;
  if (!parse_number(text.substr(colon + 1), port)) return Errc::invalid;
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  std::uint32_t scope = 0;
  if (brackets) {
    host = host.substr(1, host.size() - 2);
    if (const std::size_t percent = host.find('%'); percent != host.npos) {
      if (!parse_scope(host.substr(percent + 1), scope)) return Errc::invalid;
      host = host.substr(0, percent);
    }
  }
  Result<IpAddress> ip = IpAddress::parse(host);
  if (!ip || ip->is_v6() != brackets) return Errc::invalid;
  return SocketAddress(*ip, port, scope);
}

std::string SocketAddress::to_string() const {
  std::string text = is_v6() ? '[' + ip_.to_string() : ip_.to_string();
  if (scope_id_ != 0) text += '%' + std::to_string(scope_id_);
  if (is_v6()) text += ']';
  return text + ':' + std::to_string(port_);
}

int SocketAddress::family() const noexcept {
  return is_v6() ? AF_INET6 : AF_INET;
}

std::uint32_t SocketAddress::to_system(sockaddr_storage& out) const noexcept {
  if (is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port_);
    const auto bytes = ip_.v4_bytes();
    std::memcpy(&v4.sin_addr, bytes.data(), bytes.size());
    std::memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port_);
  v6.sin6_scope_id = scope_id_;
  const auto bytes = ip_.v6_bytes();
  std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
  std::memcpy(&out, &v6, sizeof v6);
  return sizeof v6;
}

Result<SocketAddress> SocketAddress::from_system(const sockaddr* address, std::size_t length) noexcept {
  if (length >= sizeof(sockaddr_in) && address->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof v4);
    IpAddress::V4Bytes bytes;
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    return SocketAddress(IpAddress(bytes), ntohs(v4.sin_port));
  }
  if (length >= sizeof(sockaddr_in6) && address->sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, address, sizeof v6);
    IpAddress::V6Bytes bytes;
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return SocketAddress(IpAddress(bytes), ntohs(v6.sin6_port), v6.sin6_scope_id);
  }
  return Errc::unsupported;
}

}  // namespace tau::net
