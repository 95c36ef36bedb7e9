// Addresses: plain values, so they compare, hash and travel between plugins.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "../detail/enable_transferable.hpp"
#include "../result.hpp"

struct sockaddr;
struct sockaddr_storage;

namespace tau::net {

/// An IPv4 or IPv6 address. IPv4 sorts before IPv6, then by number.
///
/// Threading: [any]
/// Unload:    [inert]
/// See:       std::net::IpAddr of Rust
class IpAddress {
 public:
  using V4Bytes = std::array<std::uint8_t, 4>;
  using V6Bytes = std::array<std::uint8_t, 16>;

  /// 0.0.0.0
  constexpr IpAddress() noexcept = default;
  constexpr IpAddress(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) noexcept
      : bytes_{a, b, c, d} {}
  constexpr explicit IpAddress(V4Bytes bytes) noexcept : IpAddress(bytes[0], bytes[1], bytes[2], bytes[3]) {}
  /// In network order.
  constexpr explicit IpAddress(V6Bytes bytes) noexcept : v6_(true), bytes_(bytes) {}

  static constexpr IpAddress v4_any() noexcept { return {}; }
  static constexpr IpAddress v4_loopback() noexcept { return {127, 0, 0, 1}; }
  static constexpr IpAddress v4_broadcast() noexcept { return {255, 255, 255, 255}; }
  static constexpr IpAddress v6_any() noexcept { return IpAddress(V6Bytes{}); }
  static constexpr IpAddress v6_loopback() noexcept {
    V6Bytes bytes{};
    bytes[15] = 1;
    return IpAddress(bytes);
  }
  /// "127.0.0.1", "::1"; no brackets, no scope. Errors: Errc::invalid.
  static Result<IpAddress> parse(std::string_view text) noexcept;

  constexpr bool is_v4() const noexcept { return !v6_; }
  constexpr bool is_v6() const noexcept { return v6_; }
  /// The address's 4 bytes; for IPv6 its first.
  constexpr V4Bytes v4_bytes() const noexcept { return {bytes_[0], bytes_[1], bytes_[2], bytes_[3]}; }
  /// The address's 16 bytes; an IPv4 address as ::ffff:a.b.c.d.
  constexpr V6Bytes v6_bytes() const noexcept {
    if (v6_) return bytes_;
    return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, bytes_[0], bytes_[1], bytes_[2], bytes_[3]};
  }
  constexpr bool is_unspecified() const noexcept { return bytes_ == V6Bytes{}; }
  constexpr bool is_loopback() const noexcept { return v6_ ? *this == v6_loopback() : bytes_[0] == 127; }
  constexpr bool is_multicast() const noexcept { return v6_ ? bytes_[0] == 0xff : (bytes_[0] >> 4) == 14; }
  constexpr bool is_v4_mapped() const noexcept {
    if (!v6_) return false;
    for (std::size_t i = 0; i < 10; ++i) {
      if (bytes_[i] != 0) return false;
    }
    return bytes_[10] == 0xff && bytes_[11] == 0xff;
  }
  /// ::ffff:a.b.c.d as a.b.c.d, any other as it is.
  constexpr IpAddress to_canonical() const noexcept {
    return is_v4_mapped() ? IpAddress(bytes_[12], bytes_[13], bytes_[14], bytes_[15]) : *this;
  }
  std::string to_string() const;

  friend constexpr bool operator==(const IpAddress&, const IpAddress&) noexcept = default;
  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) noexcept = default;

 private:
  bool v6_ = false;
  V6Bytes bytes_{};
};

/// An address and a port.
///
/// Threading: [any]
/// Unload:    [inert]
/// See:       std::net::SocketAddr of Rust
class SocketAddress {
 public:
  constexpr SocketAddress() noexcept = default;
  /// `scope_id`: the interface of a link-local IPv6 address, 0 for others.
  constexpr SocketAddress(IpAddress ip, std::uint16_t port, std::uint32_t scope_id = 0) noexcept
      : ip_(ip), port_(port), scope_id_(scope_id) {}

  static constexpr SocketAddress v4_loopback(std::uint16_t port) noexcept {
    return {IpAddress::v4_loopback(), port};
  }
  static constexpr SocketAddress v6_loopback(std::uint16_t port) noexcept {
    return {IpAddress::v6_loopback(), port};
  }
  /// "127.0.0.1:80", "[::1]:80", "[fe80::1%2]:80". Errors: Errc::invalid.
  static Result<SocketAddress> parse(std::string_view text) noexcept;
  /// From what the system uses. Errors: Errc::unsupported for another family.
  static Result<SocketAddress> from_system(const sockaddr* address, std::size_t length) noexcept;

  constexpr const IpAddress& ip() const noexcept { return ip_; }
  constexpr std::uint16_t port() const noexcept { return port_; }
  constexpr std::uint32_t scope_id() const noexcept { return scope_id_; }
  constexpr bool is_v4() const noexcept { return ip_.is_v4(); }
  constexpr bool is_v6() const noexcept { return ip_.is_v6(); }
  constexpr void set_port(std::uint16_t port) noexcept { port_ = port; }
  /// AF_INET or AF_INET6.
  int family() const noexcept;
  /// Fills `out`; returns the length of what it filled.
  std::uint32_t to_system(sockaddr_storage& out) const noexcept;
  std::string to_string() const;

  friend constexpr bool operator==(const SocketAddress&, const SocketAddress&) noexcept = default;
  friend constexpr auto operator<=>(const SocketAddress&, const SocketAddress&) noexcept = default;

 private:
  IpAddress ip_;
  std::uint16_t port_ = 0;
  std::uint32_t scope_id_ = 0;
};

}  // namespace tau::net

template <>
inline constexpr bool tau::enable_transferable<tau::net::IpAddress> = true;
template <>
inline constexpr bool tau::enable_transferable<tau::net::SocketAddress> = true;

template <>
struct std::hash<tau::net::IpAddress> {
  std::size_t operator()(const tau::net::IpAddress& ip) const noexcept {
    std::uint64_t mixed = 0xcbf29ce484222325u ^ static_cast<std::uint64_t>(ip.is_v6());
    for (std::uint8_t byte : ip.v6_bytes()) mixed = (mixed ^ byte) * 0x100000001b3u;
    return static_cast<std::size_t>(mixed ^ (mixed >> 32));
  }
};
template <>
struct std::hash<tau::net::SocketAddress> {
  std::size_t operator()(const tau::net::SocketAddress& address) const noexcept {
    const std::size_t port = std::size_t{address.port()} | (std::size_t{address.scope_id()} << 16);
    return std::hash<tau::net::IpAddress>()(address.ip()) ^ (port * 0x9e3779b97f4a7c15u);
  }
};
