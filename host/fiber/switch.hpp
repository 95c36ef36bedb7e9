// Switch: leaving one stack and going on on another.
//
// Only what a call must preserve is saved: callee-saved registers and the floating-point control words, some
// twenty instructions and no system call (swapcontext makes two, for the signal mask). One file per
// instruction set, and ucontext for the others; Meson picks.
#pragma once

#include <cstddef>

namespace tau::host {

/// Where a stack was left. Valid once switch_prepare() or switch_stacks() has filled it in.
struct SwitchPoint {
  void* at = nullptr;
};

/// Makes `point` the start of `entry(argument)` on an empty stack. `entry` never returns.
void switch_prepare(SwitchPoint& point, void* stack, std::size_t size, void (*entry)(void*), void* argument) noexcept;

/// Leaves this stack, noting where in `from`, and goes on at `to`. Returns when somebody switches back.
void switch_stacks(SwitchPoint& from, SwitchPoint& to) noexcept;

/// Gives back what a point that will not be used any more holds.
void switch_forget(SwitchPoint& point) noexcept;

}  // namespace tau::host
