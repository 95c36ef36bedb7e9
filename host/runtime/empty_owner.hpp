// Emptying an owner: everything the runtime holds for one plugin is destroyed or withdrawn (I4).
//
// The order matters. Tasks first, because their destructors withdraw most of the rest; then what plugins
// in C or leaked objects left behind; jobs last, because a thread may be inside one: those are waited
// for, turn by turn, while everybody else goes on.
#pragma once

#include "owner.hpp"
#include "runtime.hpp"

namespace tau::host {

/// Drops all that can be dropped at once. The owner's phase is `unloading` or later, and none of its
/// frames is on the stack. May be called again: what a running job adds is dropped then. [loop]
void empty_owner(Runtime& runtime, Owner& owner) noexcept;

/// Whether nothing is left that could still call into the module. [loop]
bool is_emptied(const Owner& owner) noexcept;

/// What is left, in words: "2 blocking jobs running". Empty when nothing is.
std::string what_is_left(const Owner& owner);

}  // namespace tau::host
