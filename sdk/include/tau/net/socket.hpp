// Socket: what all of them have in common, whatever they speak.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <utility>

#include "../async_fd.hpp"
#include "../detail/descriptor.hpp"
#include "../detail/socket_options.hpp"

namespace tau::net {

/// Which directions of a connection to close.
enum class Shutdown { read = SHUT_RD, write = SHUT_WR, both = SHUT_RDWR };

/// A socket that is ours to close.
///
/// Ownership: owns its descriptor. It is neither moved nor destroyed while an operation on it is awaited.
/// Threading: [loop]
/// Unload:    [drained]; belongs to the plugin that made it. Pass into_raw_fd() to another one.
class Socket {
 public:
  int fd() const noexcept { return descriptor_.fd(); }
  explicit operator bool() const noexcept { return static_cast<bool>(descriptor_); }
  /// Gives up the descriptor: the caller closes it. Bytes that a cancelled read gave back are lost to it.
  int into_raw_fd() && noexcept { return descriptor_.release(); }
  /// Closes now instead of at destruction.
  void close() noexcept { descriptor_.close(); }

  Result<std::size_t> recv_buffer_size() const noexcept { return size_option(SO_RCVBUF); }
  Result<std::size_t> send_buffer_size() const noexcept { return size_option(SO_SNDBUF); }
  /// Linux doubles the number, for its own bookkeeping.
  Result<void> set_recv_buffer_size(std::size_t bytes) noexcept {
    return detail::set_option(fd(), SOL_SOCKET, SO_RCVBUF, static_cast<int>(bytes));
  }
  Result<void> set_send_buffer_size(std::size_t bytes) noexcept {
    return detail::set_option(fd(), SOL_SOCKET, SO_SNDBUF, static_cast<int>(bytes));
  }
  /// The error that came in since it was last asked for; empty if none.
  Result<std::optional<Error>> take_error() noexcept {
    Result<int> number = detail::get_option(fd(), SOL_SOCKET, SO_ERROR);
    if (!number) return number.error();
    if (*number == 0) return std::optional<Error>();
    return std::optional<Error>(Error::system(*number));
  }

 protected:
  Socket() noexcept = default;
  explicit Socket(detail::Descriptor descriptor) noexcept : descriptor_(std::move(descriptor)) {}
  Socket(Socket&&) noexcept = default;
  Socket& operator=(Socket&&) noexcept = default;
  ~Socket() = default;

  Result<bool> flag(int level, int name) const noexcept {
    Result<int> value = detail::get_option(fd(), level, name);
    if (!value) return value.error();
    return *value != 0;
  }

  detail::Descriptor descriptor_;

 private:
  Result<std::size_t> size_option(int name) const noexcept {
    Result<int> value = detail::get_option(fd(), SOL_SOCKET, name);
    if (!value) return value.error();
    return static_cast<std::size_t>(*value);
  }
};

}  // namespace tau::net
