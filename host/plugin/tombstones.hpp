// Tombstones: the addresses of closed modules, kept empty and remembered.
//
// After a module is unmapped its range is reserved without access, so that a stale pointer into it
// faults at once instead of reading the next module's bytes, and a crash report can say whose address
// it was. The newest 64 are kept; older ranges are given back.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tau::host::tombstones {

constexpr std::size_t most = 64;

struct Grave {
  char name[48];             // cut off if longer
  std::uint64_t generation;
  std::uintptr_t begin, end;
};

/// Reserves and remembers [begin, end), where a module was. If something else was mapped there in the
/// meantime, that is left alone and nothing is remembered; returns whether the range is kept. [loop]
bool put(std::uintptr_t begin, std::uintptr_t end, const char* name, std::uint64_t generation) noexcept;

/// Whether `address` was in a module that is gone, and in which. [any], async-signal-safe
bool what_was_at(std::uintptr_t address, Grave* out) noexcept;

}  // namespace tau::host::tombstones
