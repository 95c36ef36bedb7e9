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

/* What pthread_join(3) is, until `deadline_ns` of the loop's clock, UINT64_MAX for none; on the loop's thread the call
 * is suspended as tau_park's. `thread` points to a pthread_t. One that was made otherwise is joined where the caller
 * stands; a deadline for it is refused (-EINVAL).
 *
 * Returns:   0 or -errno; -ETIMEDOUT; -EINVAL too when another call joins it.
 * Threading: [any]
 * Unload:    [drained]. A thread that the plugin has not joined when it goes is joined by the host. */
TAU_EXPORT int32_t tau_thread_join(tau_plugin* owner, const void* thread, void** result,
                                   uint64_t deadline_ns) TAU_UNWINDS;

/* What pthread_detach(3) is: returns 0 or -errno. The host joins the thread some time after its end, when its
 * plugin has been unmapped at the latest. [any] */
TAU_EXPORT int32_t tau_thread_detach(const void* thread) TAU_NOEXCEPT;

TAU_EXTERN_C_END

#endif
