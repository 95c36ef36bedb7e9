/* Sources: what a foreign event loop needs to be driven by ours. The loop asks each of them, every turn and
 * before it sleeps, how long it may sleep, and tells each of them after it has polled.
 *
 * A source is asked, then told, and asked again before every sleep: no answer outlives a poll. While one of
 * its functions is suspended (tau_block_on, fiber.h), a source is left alone and the others go on. */
#ifndef TAU_RT_SOURCE_H
#define TAU_RT_SOURCE_H

#include "abi.h"

TAU_EXTERN_C_BEGIN

/* Ownership: the caller's memory, until it is removed.
 * Threading: both functions run on the loop's thread, outside of tasks. They may add and remove any source,
 *            themselves included, and free what they removed. One of them may be null. */
typedef struct tau_source {
  /* Returns how long the loop may sleep, in nanoseconds of tau_now: 0 not at all, negative as long as it
   * likes. Null counts as negative. Time has passed since the last call, so whoever keeps a time of his own
   * refreshes it here. A source that always says 0 has the loop turn without rest; tasks, timers and I/O get
   * their turns all the same. */
  int64_t (*prepare)(struct tau_source* self);
  /* After the poll: `timed_out` is 1 if the time that prepare named is over, else something else ended the
   * sleep, or somebody else had work. Never without a prepare before. */
  void (*check)(struct tau_source* self, int32_t timed_out);
  tau_plugin* owner;
  /* host */
  struct tau_source* next;
  struct tau_source** previous; /* null while not added */
  uint64_t deadline_ns;
  uint64_t round;
  uint64_t id;
  uint32_t state;
  uint32_t reserved;
} tau_source;

/* Adds a source behind the others; it is asked before the loop sleeps again. So is one that was added
 * already: who changes what a source would answer from the function of another one, adds it again.
 *
 * A source whose last answer was not negative counts as work that the host stays for.
 *
 * Errors:    TAU_E_INVALID (both functions null), TAU_E_UNLOADING, TAU_E_THREAD.
 * Threading: [loop]
 * Unload:    [drained]: removed without a call */
TAU_EXPORT int32_t tau_source_add(tau_source* source) TAU_NOEXCEPT;

/* Removes it: none of its functions is called after this returns. Harmless when it is not added. [loop] */
TAU_EXPORT void tau_source_remove(tau_source* source) TAU_NOEXCEPT;

TAU_EXTERN_C_END

#endif
