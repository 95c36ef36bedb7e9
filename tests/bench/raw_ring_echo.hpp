// An echo server written for io_uring and nothing else: what a reactor's cost is measured against.
#pragma once

#include <cstddef>
#include <vector>

namespace tau::bench {

struct RawRing {
  std::vector<int> fds;       // connections to begin with
  int listener = -1;          // where more come in, by one multishot accept
  bool sends_inline = false;  // by send(2) instead of in the ring
  std::size_t piece = 4096;   // bytes that one receive brings at most
};

/// Serves until every peer has closed; with a listener, for good. False when there is no ring. A peer has to read
/// what it is sent: with more on its way than its socket holds, pieces might overtake one another.
bool raw_ring_echo(const RawRing& how);

}  // namespace tau::bench
