/* Timers: intrusive in the caller's memory, one hierarchical wheel for the whole process. */
#ifndef TAU_RT_TIMER_H
#define TAU_RT_TIMER_H

#include "abi.h"

TAU_EXTERN_C_BEGIN

/* Units: nanoseconds of CLOCK_MONOTONIC (of the virtual clock under test).
 * A timer that has fired or was cancelled may be armed again. */
typedef struct tau_timer {
  void (*fire)(struct tau_timer* self);
  tau_plugin* owner;
  /* host */
  uint64_t deadline_ns;
  struct tau_timer* next;
  struct tau_timer** previous; /* null while not armed */
  uint64_t slot;
} tau_timer;

/* Now, in nanoseconds of the clock that timers use. [any] [inert] */
TAU_EXPORT uint64_t tau_now(void) TAU_NOEXCEPT;

/* Arms `timer`; an armed one is moved. Never early, at most one wheel tick (32.8 us) plus the
 * scheduler's latency late.
 * Errors: TAU_E_UNLOADING. Threading: [loop]. Unload: [drained] */
TAU_EXPORT int32_t tau_sleep_until(tau_timer* timer, uint64_t deadline_ns) TAU_NOEXCEPT;

/* The same, `delay_ns` from now; saturates. */
TAU_EXPORT int32_t tau_sleep(tau_timer* timer, uint64_t delay_ns) TAU_NOEXCEPT;

/* Disarms; harmless when it is not armed. After it returns the timer will not fire. [loop] */
TAU_EXPORT void tau_sleep_cancel(tau_timer* timer) TAU_NOEXCEPT;

TAU_EXTERN_C_END

#endif
