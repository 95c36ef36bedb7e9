/* Fibers: calls that wait, on the loop's thread, while the loop goes on.
 *
 * A library that insists on blocking (an event loop of its own, a synchronous client) is called as it is. Where
 * it would wait in the kernel it waits here instead: the call is suspended with its whole stack, every other
 * task and plugin goes on, and the call returns when what it waits for has happened. Several may be suspended
 * at once; they end in any order.
 *
 * Leaving: when the owner is unloaded, or the fiber is destroyed, a suspended call does not return but unwinds
 * its stack by an exception that only the host can name, so that destructors run. Code that catches everything
 * must let it go on (`throw;`) or return without waiting again: the next wait throws again. C frames in between
 * are left without any cleanup; compile them with -fexceptions. A frame that is noexcept cannot be left: its
 * stack and its module then stay, and the host says so. Calls marked TAU_UNWINDS are the ones that throw. */
#ifndef TAU_RT_FIBER_H
#define TAU_RT_FIBER_H

#include "abi.h"

TAU_EXTERN_C_BEGIN

/* One place to wait at: a binary semaphore. Zero-initialise it; one call waits there at a time. */
typedef struct tau_parker {
  /* host */
  uint32_t state;
  uint32_t reserved;
  void* parked;
} tau_parker;

/* Suspends the calling stack until tau_unpark, or until `deadline_ns` of tau_now's clock (UINT64_MAX: no limit).
 * An unpark that came before makes it return at once. Other threads than the loop's block.
 *
 * Returns:   TAU_OK: unparked. TAU_E_TIMED_OUT. TAU_E_NO_MEMORY: no stack for the loop to go on on.
 * Threading: [any]; on the loop's thread from tasks, plugin_init, callbacks.
 * Unload:    [drained]: unwound after plugin_destroy and a grace of 100 ms. */
TAU_EXPORT int32_t tau_park(tau_plugin* owner, tau_parker* parker, uint64_t deadline_ns) TAU_UNWINDS;

/* Lets a parked call go on, or the next one not wait. The parker must be alive until the call that waits there
 * has returned. [any] */
TAU_EXPORT void tau_unpark(tau_parker* parker) TAU_NOEXCEPT;

/* Condition variables that may be waited at on the loop's thread: what pthread_cond_* are to threads. `cond` is
 * an address and nothing is stored there. The mutex is a pthread_mutex_t, held by the caller; it is released
 * while waiting, and held again when the call returns or unwinds.
 *
 * Returns:   TAU_OK: signalled (or, as POSIX allows, spuriously woken). TAU_E_TIMED_OUT.
 * Threading: [any] */
TAU_EXPORT int32_t tau_cond_wait(tau_plugin* owner, void* cond, void* mutex, uint64_t deadline_ns) TAU_UNWINDS;
TAU_EXPORT void tau_cond_signal(void* cond) TAU_NOEXCEPT;
TAU_EXPORT void tau_cond_broadcast(void* cond) TAU_NOEXCEPT;

/* A stack of its own for one call. */
typedef struct tau_fiber tau_fiber;

/* Runs `entry(argument)` on a new stack until it ends or waits for the first time, and returns. `ended(argument)`
 * is called on the loop's thread when `entry` has returned, not when it was unwound by tau_fiber_destroy.
 * `entry` lets no exception of its own out. `stack_size` in bytes, 0 for 1 MiB; the page below it faults.
 *
 * Errors:    TAU_E_NO_MEMORY, TAU_E_UNLOADING, TAU_E_THREAD.
 * Threading: [loop]
 * Unload:    [drained], as tau_park. The caller still destroys it. */
TAU_EXPORT int32_t tau_fiber_start(tau_plugin* owner, size_t stack_size, void (*entry)(void* argument),
                                   void (*ended)(void* argument), void* argument, tau_fiber** out) TAU_NOEXCEPT;

/* Frees a fiber. One that is suspended is unwound first, now: its destructors have run when this returns. One
 * that waits again and again is given up: the host keeps its stack and its module and says so. Not from the
 * fiber itself. [loop] */
TAU_EXPORT void tau_fiber_destroy(tau_fiber* fiber) TAU_NOEXCEPT;

/* Values of which each fiber has its own, and each other thread as well: what a library's thread keys become.
 * `destroy` may be null; it is called for a value that is not null when its fiber or thread ends, or when the
 * owner is unloaded.
 *
 * Errors: TAU_E_NO_MEMORY, TAU_E_UNLOADING. A key that was deleted reads as null. [any] [drained] */
typedef uint32_t tau_fls_key;
TAU_EXPORT int32_t tau_fls_create(tau_plugin* owner, void (*destroy)(void* value), tau_fls_key* out) TAU_NOEXCEPT;
TAU_EXPORT int32_t tau_fls_delete(tau_fls_key key) TAU_NOEXCEPT;
TAU_EXPORT void* tau_fls_get(tau_fls_key key) TAU_NOEXCEPT;
TAU_EXPORT int32_t tau_fls_set(tau_fls_key key, void* value) TAU_NOEXCEPT;

TAU_EXTERN_C_END

#endif
