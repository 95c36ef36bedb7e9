// An echo server written for io_uring and nothing else: what a reactor's cost is measured against.
#pragma once

#include <vector>

namespace tau::bench {

/// Serves until every peer has closed. `sends_inline`: by send(2) instead of in the ring. False when there is no
/// ring.
bool raw_ring_echo(const std::vector<int>& fds, bool sends_inline);

}  // namespace tau::bench
