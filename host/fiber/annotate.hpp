// Annotate: tells a sanitizer which stack we are on. One file per sanitizer; the one for none does nothing.
#pragma once

#include <cstddef>

namespace tau::host {

/// What a sanitizer knows of one stack.
struct StackNote {
  void* sanitizer = nullptr;
  const void* base = nullptr;
  std::size_t size = 0;
};

void note_created(StackNote& note) noexcept;
void note_destroyed(StackNote& note) noexcept;
/// Right before the switch. `last`: the stack that is left will not be gone back to.
void note_leaving(StackNote& from, StackNote& to, bool last) noexcept;
/// The first thing on the stack that was gone to. `from` is the stack that was left.
void note_arrived(StackNote& to, StackNote& from) noexcept;

}  // namespace tau::host
