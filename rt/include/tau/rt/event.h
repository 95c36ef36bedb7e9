/* Typed events: publish and subscribe by name. The runtime calls; queues are the subscriber's. */
#ifndef TAU_RT_EVENT_H
#define TAU_RT_EVENT_H

#include "abi.h"

TAU_EXTERN_C_BEGIN

/* One subscription, the caller's memory. */
typedef struct tau_subscription {
  /* Called for each event, on the loop's thread, inside publish: copies `*object` and returns. */
  void (*deliver)(struct tau_subscription* self, const void* object);
  tau_plugin* owner;
  /* host */
  struct tau_subscription* next;
  struct tau_subscription** previous; /* null while not linked */
  void* topic;
} tau_subscription;

/* Errors: TAU_E_TYPE (the name carries another type), TAU_E_UNLOADING, TAU_E_INVALID. [loop] [drained] */
TAU_EXPORT int32_t tau_event_subscribe(tau_subscription* subscription, const char* name,
                                       size_t name_length, uint64_t type) TAU_NOEXCEPT;
/* Harmless when it is not linked; allowed inside `deliver`, also for another subscription. [loop] */
TAU_EXPORT void tau_event_unsubscribe(tau_subscription* subscription) TAU_NOEXCEPT;

/* Delivers to all present subscribers in the order they subscribed; returns their number.
 * Errors: TAU_E_TYPE, TAU_E_UNLOADING, TAU_E_BUSY (nested 64 deep in `deliver`). [loop] [inert] */
TAU_EXPORT int32_t tau_event_publish(tau_plugin* owner, const char* name, size_t name_length,
                                     uint64_t type, const void* object) TAU_NOEXCEPT;

TAU_EXTERN_C_END

#endif
