// Coarse clock: the monotonic clock as of the system's last tick, which costs a load where the precise one has to stop
// the processor's pipeline to read a counter.
#pragma once

#include <cstdint>

namespace tau::host::coarse_clock {

/// How much time passes between two of its values; 0 where there is no such clock. [any]
std::uint64_t tick_ns() noexcept;
/// Of CLOCK_MONOTONIC, at most about a tick ago. [any]
std::uint64_t now_ns() noexcept;

}  // namespace tau::host::coarse_clock
