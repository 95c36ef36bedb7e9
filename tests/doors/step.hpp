// What the instrumented atomic asks of the scheduler.
#pragma once

#include <cstdint>
#include <source_location>

namespace tau::doors {

/// Which line of the product made the access: shown in a trace, and how a fault finds its place.
using Where = std::source_location;

enum class Op : std::uint8_t {
  load,
  store,
  exchange,
  add,
  subtract,
  bit_and,
  bit_or,
  compare_exchange,
  second_half,  // of an operation that a fault has split
  wake,         // of the reactor
  thread_ends,
};

/// What becomes of an access: as written, or wrong on purpose.
enum class Effect : std::uint8_t {
  none,
  zero,   // a load reads zero
  omit,   // nothing is written
  split,  // others may come between its read and its write
};

/// A schedule point: another thread may run before this returns. Outside of a play nothing happens.
Effect step(Op op, const void* object, const Where& where = Where::current()) noexcept;
/// For the trace: what the access found.
void saw(std::uint64_t value) noexcept;
/// Whether a weak compare-and-swap fails without cause this time.
bool fails_spuriously() noexcept;

}  // namespace tau::doors
