// A name looked up by a call that waits: what getaddrinfo(3) becomes to code that knows nothing of the loop.
#pragma once

#include <netdb.h>

#include <cstdint>

#include "runtime/owner.hpp"

namespace tau::host {

class Runtime;

/// See tau_resolve_wait. Throws Unwinding.
std::int32_t resolve_wait(Runtime& runtime, Owner& owner, const char* host, const char* service, const addrinfo* hints,
                          addrinfo** found);

}  // namespace tau::host
