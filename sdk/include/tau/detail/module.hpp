// Which plugin this module is: the owner of whatever its code asks the runtime for (I4).
//
// One variable for each module, hidden so that the linker cannot merge two modules' (I3); the module's
// opening sets it before any other static constructor runs.
#pragma once

#include <tau/rt/plugin.h>

extern "C" __attribute__((visibility("hidden"))) tau_plugin* tau_module_owner;

namespace tau::detail {

inline tau_plugin* module_owner() noexcept { return tau_module_owner; }

}  // namespace tau::detail
