// Atomic: what other threads may touch, under a name that a test can replace.
//
// It is std::atomic. The headers here include it as "runtime/atomic.hpp", by the include path and never as
// a neighbour, so that one test program puts an atomic of its own before it and runs the very same sources
// under a scheduler that chooses who takes the next step (tests/doors). An #ifdef in the product would do
// the same and be read by everybody.
#pragma once

#include <atomic>

namespace tau::host {

template <class T>
using Atomic = std::atomic<T>;

}  // namespace tau::host
