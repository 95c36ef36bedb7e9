// UnixAddress: a path, an abstract name, or nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "../detail/enable_transferable.hpp"
#include "../result.hpp"

struct sockaddr;
struct sockaddr_storage;

namespace tau::net {

/// Where a Unix socket is found. A plain value.
///
/// Threading: [any]
/// Unload:    [inert]
/// See:       std::os::unix::net::SocketAddr of Rust, unix(7)
class UnixAddress {
 public:
  static constexpr std::size_t longest = 107;

  /// Unnamed: what a socket has that was not bound.
  constexpr UnixAddress() noexcept = default;
  /// A file. Errors: Errc::invalid if it is empty, too long or has a zero in it.
  static Result<UnixAddress> path(std::string_view path) noexcept;
  /// A name in the abstract namespace, without its leading zero: no file, gone with its socket. Linux.
  static Result<UnixAddress> abstract(std::string_view name) noexcept;
  static Result<UnixAddress> from_system(const sockaddr* address, std::size_t length) noexcept;

  bool is_unnamed() const noexcept { return size_ == 0; }
  bool is_path() const noexcept { return size_ != 0 && bytes_[0] != '\0'; }
  bool is_abstract() const noexcept { return size_ != 0 && bytes_[0] == '\0'; }
  /// The path, or the abstract name without its zero.
  std::string_view name() const noexcept {
    return is_abstract() ? std::string_view(bytes_.data() + 1, size_ - 1u)
                         : std::string_view(bytes_.data(), size_);
  }
  /// For people: an abstract name begins with '@'.
  std::string to_string() const { return is_abstract() ? '@' + std::string(name()) : std::string(name()); }
  std::uint32_t to_system(sockaddr_storage& out) const noexcept;

  friend bool operator==(const UnixAddress&, const UnixAddress&) noexcept = default;
  friend auto operator<=>(const UnixAddress& a, const UnixAddress& b) noexcept {
    return a.whole() <=> b.whole();
  }

 private:
  std::string_view whole() const noexcept { return {bytes_.data(), size_}; }

  std::uint8_t size_ = 0;
  std::array<char, longest + 1> bytes_{};
};

}  // namespace tau::net

template <>
inline constexpr bool tau::enable_transferable<tau::net::UnixAddress> = true;
