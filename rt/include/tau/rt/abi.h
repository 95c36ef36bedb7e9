/* The words every call of the C ABI uses: version, handles, status codes, calling rules.
 *
 * Calling rules
 *   - Every call returns int32_t: 0 or a positive outcome named at the call, or a negative status.
 *     Outputs are untouched on failure. No call throws; no callback may throw (I13).
 *   - Structures that a caller hands over to be linked (tau_wait, tau_timer, tau_io ...) are the
 *     caller's memory: they stay where they are until they fire or until their cancel call returns.
 *     Zero-initialise them; fields under "host" belong to the runtime while the structure is linked.
 *   - `owner` is the plugin that a thing is accounted to (I4). A module passes its own tau_plugin.
 *
 * Threading words, used in every docstring
 *   [loop]      only on the loop's thread
 *   [any]       any thread, lock-free, at any moment, also during unload
 *   [blocking]  may block; never on the loop's thread
 *
 * Unload words
 *   [drained]   finished or cancelled before the module is closed
 *   [pins]      keeps the module mapped
 *   [inert]     holds no module code or data
 */
#ifndef TAU_RT_ABI_H
#define TAU_RT_ABI_H

#include <stddef.h>
#include <stdint.h>

/* Raised whenever a structure or the meaning of a call changes. */
#define TAU_ABI_VERSION 3

#define TAU_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
#define TAU_EXTERN_C_BEGIN extern "C" {
#define TAU_EXTERN_C_END }
#define TAU_NOEXCEPT noexcept
#define TAU_UNWINDS /* may leave by an exception: see fiber.h */
#else
#define TAU_EXTERN_C_BEGIN
#define TAU_EXTERN_C_END
#define TAU_NOEXCEPT
#define TAU_UNWINDS
#endif

TAU_EXTERN_C_BEGIN

/* One loaded generation of one plugin; opaque. Valid from before its static constructors run until
 * its last static destructor has returned. */
typedef struct tau_plugin tau_plugin;

/* Generation in the upper 32 bits, index in the lower; 0 names no task. A stale id finds nothing. */
typedef uint64_t tau_task_id;

/* Status codes. A system error is returned as -errno, so -1 ... -4095 are taken. */
enum {
  TAU_OK = 0,
  TAU_PENDING = 1, /* not finished; the caller will be told */
  TAU_READY = 2,   /* finished now; nobody will be told */

  TAU_E_CANCELED = -10001,    /* aborted, or its owner was unloaded */
  TAU_E_STALE = -10002,       /* the handle names nothing that is alive */
  TAU_E_UNLOADING = -10003,   /* the owner takes nothing new: it is being unloaded */
  TAU_E_INVALID = -10004,     /* an argument that can never work */
  TAU_E_EXISTS = -10005,      /* the name is taken */
  TAU_E_NOT_FOUND = -10006,   /* no such name */
  TAU_E_TYPE = -10007,        /* found, but of another type */
  TAU_E_THREW = -10008,       /* plugin code ended with an exception */
  TAU_E_TIMED_OUT = -10009,   /* the deadline came first */
  TAU_E_CLOSED = -10010,      /* the other side is gone */
  TAU_E_BUSY = -10011,        /* somebody else waits there already */
  TAU_E_THREAD = -10012,      /* called from a thread that may not */
  TAU_E_NO_MEMORY = -10013,   /* out of memory */
  TAU_E_UNSUPPORTED = -10014, /* not in this build or on this system */
  TAU_E_LAGGED = -10015,      /* a bounded queue overflowed; the oldest were dropped */
  TAU_E_WOULD_BLOCK = -10016  /* not now, and the call is one that does not wait */
};

/* One thing waited for: linked into the runtime by the call that names it.
 *
 * Ownership: the caller's, until fired or withdrawn.
 * Threading: `fire` runs on the loop's thread, never inside the call that linked it.
 * Unload:    [drained]; a wait that is still linked when its owner goes is unlinked, not fired. One for
 *            a task of the same owner is fired, as that task goes first. */
typedef struct tau_wait {
  void (*fire)(struct tau_wait* self);
  tau_plugin* owner;
  /* host */
  void* linked; /* null while not linked */
} tau_wait;

/* Version of the ABI that the running host speaks; compare with TAU_ABI_VERSION. [any] [inert] */
TAU_EXPORT int32_t tau_abi_version(void) TAU_NOEXCEPT;

TAU_EXTERN_C_END

#endif
