/* Typed resources: named objects that plugins lend one another. */
#ifndef TAU_RT_RESOURCE_H
#define TAU_RT_RESOURCE_H

#include "abi.h"

TAU_EXTERN_C_BEGIN

typedef struct tau_resource tau_resource; /* one reference to one entry */

/* Publishes `object` under `name`. `drop` destroys it once nobody refers to it any more.
 * `type` is a fingerprint of the object's type; equal types have equal fingerprints. Over an entry of
 * an older generation of the same plugin it succeeds: each generation sees its own, others the newest.
 * Errors: TAU_E_EXISTS, TAU_E_UNLOADING, TAU_E_NO_MEMORY, TAU_E_INVALID (empty name).
 * Threading: [loop]
 * Unload: [drained] from the registry; a reference held elsewhere [pins] the owner's module. */
TAU_EXPORT int32_t tau_resource_put(tau_plugin* owner, const char* name, size_t name_length,
                                    uint64_t type, void* object,
                                    void (*drop)(void* object)) TAU_NOEXCEPT;

/* Refers to it. Errors: TAU_E_NOT_FOUND (also when its owner is being unloaded), TAU_E_TYPE,
 * TAU_E_NO_MEMORY. [loop] [pins] the owner until released. */
TAU_EXPORT int32_t tau_resource_get(tau_plugin* user, const char* name, size_t name_length,
                                    uint64_t type, void** object, tau_resource** out) TAU_NOEXCEPT;

/* Takes it out of the registry: the name is free again, the reference goes to the caller.
 * Other references stay valid. Errors as tau_resource_get. [loop] [pins] */
TAU_EXPORT int32_t tau_resource_take(tau_plugin* user, const char* name, size_t name_length,
                                     uint64_t type, void** object, tau_resource** out) TAU_NOEXCEPT;

/* Drops one reference; the last one drops the object. [loop] */
TAU_EXPORT void tau_resource_release(tau_resource* reference) TAU_NOEXCEPT;

TAU_EXTERN_C_END

#endif
