// Threads: those that plugins started themselves, by their own pthread_create (compat/seam).
//
// A thread begins and ends in the host's code, so when it is not counted any more none of its frames stands in the
// module. All of them can be joined, and are by us where the plugin does not, or has detached them: what is left of a
// thread that nobody joins is its stack.
// What it leaves in thread_local objects is thread_exit.hpp's matter.
#pragma once

#include <pthread.h>

#include <cstdint>
#include <string>

#include "owner.hpp"

namespace tau::host {

class Runtime;

namespace threads {

/// See tau_thread_create. [any]
std::int32_t create(Runtime& runtime, Owner& owner, pthread_t* thread, const pthread_attr_t* attributes,
                    void* (*start)(void*), void* argument) noexcept;
/// See tau_thread_join. Throws Unwinding.
std::int32_t join(Runtime& runtime, Owner& owner, pthread_t thread, void** result, std::uint64_t deadline_ns);
/// See tau_thread_detach. [any]
std::int32_t detach(pthread_t thread) noexcept;

/// Those of an owner whose code cannot join them any more. All have left it (Owner::threads): what they may still be at
/// is other modules' thread_local objects. [loop]
void join_those_of(const Owner& owner) noexcept;

/// Asks an owner's threads to leave: those that wait in a call of ours, now or later, are unwound, as suspended calls
/// are; the others are waited for. [loop]
void ask_to_leave(Owner& owner) noexcept;
/// Whether the calling thread is one of them; it leaves by throwing Unwinding. [any]
bool is_asked_to_leave(const Owner& owner) noexcept;

/// Ends the calling thread where it stands: it cannot be unwound any further (Asio's pools end the process for any
/// exception). What its frames below hold is lost. Returns if the thread is none that was asked to leave.
void abandon() noexcept;

/// An owner's, as in "'worker' (4711), 'worker' (4712)"; the first few. [any]
std::string names(const Owner& owner);

}  // namespace threads
}  // namespace tau::host
