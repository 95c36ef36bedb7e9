// Thread exits: destructors of the modules' thread_local objects, kept by the host instead of by libc.
//
// libc would keep a module mapped until each thread that touched such an object has ended, and the
// loop's thread never does. So the sdk's hidden __cxa_thread_atexit brings them here, by owner (I4).
// A thread that ends runs its own; drain() runs one owner's on behalf of every thread that is still
// alive, just before the module is closed.
//
// One mutex for all lists: a thread registers each object once in its life, so there is nothing to
// contend for, and a thread that ends while its list is being drained is one wait, not a protocol.
// No destructor is called with it held.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/owner.hpp"

namespace tau::host::thread_exit {

/// Registers `destroy(object)` for the end of the calling thread, counted in owner->thread_exits.
/// `owner` may be null: such an entry belongs to no module and waits for its thread alone.
/// Errors: TAU_E_NO_MEMORY; TAU_E_UNLOADING once the module is being closed, behind the last drain.
/// Threading: [any], takes a lock. Unload: [drained]
std::int32_t add(Owner* owner, void (*destroy)(void* object), void* object) noexcept;

/// Runs every entry of `owner`, of all threads, each thread's newest first, with what they register
/// meanwhile. On return none is left or running anywhere. Returns how many it ran itself.
///
/// An object of another thread is destroyed on this one while that thread lives. This is safe because
/// only code of the owner's module can reach the object, and none runs any more: its jobs have ended,
/// and the threads it started itself were joined by plugin_destroy. Should the other thread end at
/// this moment, it waits until its entries are done, so that its storage does not vanish under them.
/// Threading: [loop], not from a frame of the owner.
std::size_t drain(Owner& owner) noexcept;

}  // namespace tau::host::thread_exit
