// lookup_host: from names to addresses.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../task.hpp"
#include "address.hpp"

namespace tau::net {

/// Asks the system's resolver, on a thread of the host's pool; a numeric address is its own answer. The
/// addresses come in the order in which they are to be tried (RFC 6724). A quarter of the pool's threads is in
/// the resolver at most, so behind names that nobody answers others wait in line.
///
/// Errors:    Errc::not_found: no such name; Errc::timed_out: no server answered, another try may help.
/// Threading: [loop]
/// Unload:    [drained] at once: a thread that is inside the resolver goes on without the plugin, and what it
///            finds is dropped. So it is when a lookup is cancelled.
/// See:       tokio::net::lookup_host, getaddrinfo(3), tau/rt/resolve.h
Task<Result<std::vector<SocketAddress>>> lookup_host(std::string name, std::uint16_t port);

}  // namespace tau::net
