/* Threads that a plugin starts itself: known to the host by name, so that an unload can wait for them. */
#ifndef TAU_RT_THREAD_H
#define TAU_RT_THREAD_H

#include "abi.h"

TAU_EXTERN_C_BEGIN

/* What pthread_create(3) is, for one owner. `thread` points to a pthread_t, `attributes` to a pthread_attr_t or is
 * null. Returns 0, or -errno as pthread_create gives it; -EAGAIN too when the owner is being closed.
 *
 * Threading: [any]
 * Unload:    plugin_destroy is to end it. The module stays mapped until the thread has left it, and the host says
 *            which threads it waits for. */
TAU_EXPORT int32_t tau_thread_create(tau_plugin* owner, void* thread, const void* attributes,
                                     void* (*start)(void* argument), void* argument) TAU_NOEXCEPT;

/* What pthread_join(3) is; on the loop's thread the call is suspended as tau_park's, also for a thread that was made
 * otherwise. `thread` points to a pthread_t. Returns 0 or -errno. [any] [drained] */
TAU_EXPORT int32_t tau_thread_join(tau_plugin* owner, const void* thread, void** result) TAU_UNWINDS;

TAU_EXTERN_C_END

#endif
