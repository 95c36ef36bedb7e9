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

/* The time `delay_ns` from now; saturates. A long delay, of 8 s and more where the system's clock ticks every 4 ms, ends
 * one or two such ticks later, less than a thousandth of it: reading the time precisely would be the dearest part of
 * a timeout that is not to come. [any] [inert] */
TAU_EXPORT uint64_t tau_deadline_after(uint64_t delay_ns) TAU_NOEXCEPT;

/* Arms `timer`; an armed one is moved. Never early, at most one wheel tick (32.8 us) plus the
 * scheduler's latency late.
 * Errors: TAU_E_UNLOADING. Threading: [loop]. Unload: [drained] */
TAU_EXPORT int32_t tau_sleep_until(tau_timer* timer, uint64_t deadline_ns) TAU_NOEXCEPT;

/* The same, at tau_deadline_after(delay_ns). */
TAU_EXPORT int32_t tau_sleep(tau_timer* timer, uint64_t delay_ns) TAU_NOEXCEPT;

/* Disarms; harmless when it is not armed. After it returns the timer will not fire. [loop] */
TAU_EXPORT void tau_sleep_cancel(tau_timer* timer) TAU_NOEXCEPT;

/* A virtual clock for a plugin's own tests. While `owner` has paused it, the clock moves by tau_clock_advance
 * alone, and, when nothing is left to do, by itself to the next deadline: so tests with long timeouts run at
 * once. Afterwards it goes on from where it is. The clock is the whole process's.
 *
 * Errors:    TAU_E_BUSY: somebody has paused it already, or another plugin has tasks or timers, which would
 *            live in the caller's time. TAU_E_INVALID: `owner` has not paused it. TAU_E_THREAD.
 * Threading: [loop]
 * Unload:    [drained]: unloading resumes it. */
TAU_EXPORT int32_t tau_clock_pause(tau_plugin* owner) TAU_NOEXCEPT;
TAU_EXPORT int32_t tau_clock_advance(tau_plugin* owner, uint64_t by_ns) TAU_NOEXCEPT;
TAU_EXPORT int32_t tau_clock_resume(tau_plugin* owner) TAU_NOEXCEPT;

TAU_EXTERN_C_END

#endif
