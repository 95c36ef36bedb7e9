// Names are looked up by the host, so that a resolver that hangs stops neither the loop nor an unload.
#include <netdb.h>
#include <tau/rt/resolve.h>

#include "seam.hpp"

TAU_SEAM int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
  return tau_resolve_wait(tau::seam::owner, host, service, hints, found);
}
