// Fiber keys: which plugin a key of fiber-local values belongs to, and the values of other threads.
//
// On the loop's thread a value is its stack's (fiber/locals.hpp). On another it is the thread's: it is destroyed
// like a thread_local of the plugin, when the thread ends or the plugin is unloaded (thread_exit.hpp).
#pragma once

#include <cstdint>

#include "runtime/owner.hpp"

namespace tau::host {

class FiberLocals;

namespace fiber_keys {

std::int32_t create(Owner& owner, void (*destroy)(void*), std::uint32_t* out) noexcept;
/// TAU_E_NOT_FOUND when there is no such key.
std::int32_t remove(std::uint32_t key) noexcept;
/// `locals`: the calling stack's, null on other threads than the loop's.
void* get_of_thread(std::uint32_t key) noexcept;
std::int32_t set(FiberLocals* locals, std::uint32_t key, void* object) noexcept;
/// Forgets the keys of an owner, behind the last destructor of its values.
void forget(const Owner& owner) noexcept;

}  // namespace fiber_keys
}  // namespace tau::host
