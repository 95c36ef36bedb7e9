// Parking: waiting at a tau_parker, and the condition variables made of it.
//
// A parker is a binary semaphore in the caller's memory. On the loop's thread the wait suspends a stack; on
// another it blocks. An unpark from another thread travels to the loop by the remote queue (I8), in a message
// that the parked call has made beforehand, so that it cannot fail for want of memory; should the call have
// ended meanwhile, by its deadline or an unwinding, the message finds nobody and goes.
#pragma once

#include <tau/rt/fiber.h>

#include <cstdint>

#include "runtime/owner.hpp"

namespace tau::host {

class Runtime;

/// See tau_park. Throws Unwinding.
std::int32_t park(Runtime& runtime, Owner& owner, tau_parker& parker, std::uint64_t deadline_ns);
/// See tau_unpark. [any]
void unpark(Runtime& runtime, tau_parker& parker) noexcept;
/// Whether the next park() would return at once. [any]
bool is_notified(const tau_parker& parker) noexcept;

/// Makes parked threads look whether they are to leave (threads.hpp).
void wake_threads_of(const Owner& owner) noexcept;

/// See tau_cond_wait. Throws Unwinding.
std::int32_t cond_wait(Runtime& runtime, Owner& owner, void* cond, void* mutex, std::uint64_t deadline_ns);
/// Wakes at most `count` of those that wait at `cond`, first come first. [any]
void cond_wake(Runtime& runtime, void* cond, std::size_t count) noexcept;

}  // namespace tau::host
