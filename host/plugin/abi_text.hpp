// ABI text: the host's own note, and the comparison of a module's note with it (I5).
//
// A note is `key=value` lines; sdk/include/tau/detail/abi_note.hpp says what each means.
#pragma once

#include <string>
#include <string_view>

namespace tau::host {

/// What a module's note must say: what this host was compiled as, and `flags`, the hash of the command
/// line that the compiler gives to plugins; empty when modules are built without one.
std::string host_abi_text(std::string_view flags);

/// Compares. Returns the fields that differ with both values, ready to stand in a sentence; empty when
/// the module may be loaded. A module in C (`lang=c`) is asked only for what C knows.
std::string abi_difference(std::string_view module, std::string_view host);

}  // namespace tau::host
