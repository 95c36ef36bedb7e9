// enable_transferable: an author's word about a type; see transferable.hpp for what it vouches for.
#pragma once

namespace tau {

/// An author's word that T holds nothing of the module that made it: no pointer to its code or data,
/// no vtable.
template <class T>
inline constexpr bool enable_transferable = false;

}  // namespace tau
