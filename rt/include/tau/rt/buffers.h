/* Buffers that the runtime fills by itself: a multishot receive (io.h) takes a piece for each arrival. */
#ifndef TAU_RT_BUFFERS_H
#define TAU_RT_BUFFERS_H

#include "abi.h"

TAU_EXTERN_C_BEGIN

/* A group of equal pieces: generation and index; 0 is none. */
typedef uint64_t tau_buffers;

/* Makes a group of `count` pieces of `size` bytes each.
 *
 * Units:     count: a power of two, at most 32768; size: bytes, at most 1 MiB.
 * Ownership: the memory is the runtime's; of a piece that was handed over, the receiver's until
 *            tau_buffers_return.
 * Errors:    TAU_E_INVALID, TAU_E_NO_MEMORY, TAU_E_UNLOADING.
 * Threading: [loop]. Unload: [drained] */
TAU_EXPORT int32_t tau_buffers_create(tau_plugin* owner, uint32_t count, uint32_t size,
                                      tau_buffers* out) TAU_NOEXCEPT;

/* Frees the group with all its pieces, returned or not.
 * Errors: TAU_E_BUSY while a receive uses it; TAU_E_STALE. [loop] */
TAU_EXPORT int32_t tau_buffers_destroy(tau_buffers group) TAU_NOEXCEPT;

/* Gives a piece back, to be filled anew. Once for each that was handed over. [loop] */
TAU_EXPORT void tau_buffers_return(tau_buffers group, uint32_t piece) TAU_NOEXCEPT;

TAU_EXTERN_C_END

#endif
