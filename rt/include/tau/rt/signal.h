/* Signals: one hub for the process, many subscribers for each signal.
 *
 * The hub's handler only marks the signal and wakes the loop; whoever subscribed is told there, between two
 * tasks, in no signal's context. Several arrivals before that are one. The handler that was there before the
 * hub is called as ever, and put back when the last subscriber has gone.
 *
 * Refused with TAU_E_UNSUPPORTED: SIGKILL and SIGSTOP, which nobody can catch, and the faults SIGSEGV, SIGBUS,
 * SIGFPE, SIGILL and SIGABRT, which belong to the code that makes them and cannot wait for a loop. */
#ifndef TAU_RT_SIGNAL_H
#define TAU_RT_SIGNAL_H

#include "abi.h"

TAU_EXTERN_C_BEGIN

/* One subscription, the caller's memory. */
typedef struct tau_signal {
  /* Called on the loop's thread after the signal came, once or more often. */
  void (*deliver)(struct tau_signal* self);
  tau_plugin* owner;
  int32_t number; /* SIGUSR1 ...; not to be changed while linked */
  int32_t reserved;
  /* host */
  struct tau_signal* next;
  struct tau_signal** previous; /* null while not linked */
} tau_signal;

/* From here on the signal does not end the process.
 * Errors:    TAU_E_UNSUPPORTED, TAU_E_INVALID (no such signal, linked already), TAU_E_UNLOADING.
 * Threading: [loop]
 * Unload:    [drained] */
TAU_EXPORT int32_t tau_signal_subscribe(tau_signal* subscription) TAU_NOEXCEPT;

/* Harmless when it is not linked; allowed inside `deliver`, also for another one. [loop] */
TAU_EXPORT void tau_signal_unsubscribe(tau_signal* subscription) TAU_NOEXCEPT;

/* What sigaction(2) is to a process, for one owner: a handler of its own, beside everybody else's.
 *
 * The handler is called on the loop's thread, like `deliver`, so it may do more than a handler may and must
 * not count on the thread or the moment; with SA_SIGINFO it gets the information of the latest arrival and a
 * null context. SA_RESETHAND is kept, the mask is met by itself, the other flags are the hub's: SA_RESTART, and
 * never SA_NOCLDWAIT. SIG_IGN is a subscriber who does nothing: the process survives the signal, and the
 * system's own "ignore", which would reap children behind everybody's back, is never set. SIG_DFL ends the
 * owner's entry and nobody else's.
 *
 * `action` may be null to ask, `old` to not ask. An owner without an entry reads SIG_IGN where the process
 * ignored the signal from the start, else SIG_DFL.
 * Errors:    TAU_E_UNSUPPORTED, TAU_E_INVALID, TAU_E_UNLOADING, TAU_E_NO_MEMORY.
 * Threading: [any], but not in a signal handler. The handler may still be called once while another thread
 *            takes it back.
 * Unload:    [drained] */
struct sigaction;
TAU_EXPORT int32_t tau_sigaction(tau_plugin* owner, int32_t number, const struct sigaction* action,
                                 struct sigaction* old) TAU_NOEXCEPT;

TAU_EXTERN_C_END

#endif
