// Sockets as the system has them: made, asked and told. Each call is one system call; none blocks.
#pragma once

#include <chrono>
#include <optional>

#include "../net/address.hpp"
#include "descriptor.hpp"

namespace tau::detail {

/// Non-blocking and closed on exec.
Result<Descriptor> open_socket(int family, int type, int protocol = 0) noexcept;

Result<int> get_option(int fd, int level, int name) noexcept;
Result<void> set_option(int fd, int level, int name, int value) noexcept;
Result<void> set_raw_option(int fd, int level, int name, const void* value, std::size_t size) noexcept;

Result<std::optional<std::chrono::seconds>> get_linger(int fd) noexcept;
Result<void> set_linger(int fd, std::optional<std::chrono::seconds> linger) noexcept;

Result<net::SocketAddress> local_address(int fd) noexcept;
Result<net::SocketAddress> peer_address(int fd) noexcept;
Result<void> bind_socket(int fd, const net::SocketAddress& address) noexcept;
/// The option of IPv4 or that of IPv6, as the socket's family demands.
Result<void> set_ip_option(int fd, int v4_name, int v6_name, int value) noexcept;
Result<int> get_ip_option(int fd, int v4_name, int v6_name) noexcept;

Result<void> shut_down(int fd, int how) noexcept;
/// Makes an open descriptor of somebody else's fit: non-blocking, closed on exec.
Result<void> adopt(int fd) noexcept;

}  // namespace tau::detail
