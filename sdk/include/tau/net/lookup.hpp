// lookup_host: from names to addresses.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../task.hpp"
#include "address.hpp"

namespace tau::net {

/// Asks the system's resolver, on a thread of the blocking pool; a numeric address is its own answer. The
/// addresses come in the order in which they are to be tried (RFC 6724).
///
/// Errors:    Errc::not_found: no such name; Errc::timed_out: no server answered, another try may help.
/// Threading: [loop]
/// Unload:    [drained]. A lookup that is cancelled is forgotten; the thread that is in the resolver is
/// waited
///            for when the plugin is unloaded, as the system has no way to call it back.
/// See:       tokio::net::lookup_host, getaddrinfo(3)
Task<Result<std::vector<SocketAddress>>> lookup_host(std::string name, std::uint16_t port);

}  // namespace tau::net
