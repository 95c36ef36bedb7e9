// The part that is the same for every instruction set with a switch of its own.
#include <cstdint>

#include "switch.hpp"

extern "C" {
// switch_<instruction set>.S
void tau_fiber_switch(void** from, void* to) noexcept;
void* tau_fiber_prepare(void* top, void (*entry)(void*), void* argument) noexcept;
}

namespace tau::host {

void switch_prepare(SwitchPoint& point, void* stack, std::size_t size, void (*entry)(void*), void* argument) noexcept {
  const auto top = (reinterpret_cast<std::uintptr_t>(stack) + size) & ~std::uintptr_t{63};
  point.at = tau_fiber_prepare(reinterpret_cast<void*>(top), entry, argument);
}

void switch_stacks(SwitchPoint& from, SwitchPoint& to) noexcept { tau_fiber_switch(&from.at, to.at); }

void switch_forget(SwitchPoint&) noexcept {}

}  // namespace tau::host
