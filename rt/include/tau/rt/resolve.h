/* Names to addresses, by the system's resolver.
 *
 * getaddrinfo(3) can only block, for minutes where no server answers, and nobody can call it back. So a thread
 * of the pool asks it for the host, on copies: no code and no memory of a plugin's is on that thread's stack,
 * and neither a cancel nor an unload waits for it.
 *
 * Only so many ask at once, a quarter of the pool's threads; the others wait in line, first come, first served,
 * behind a resolver that hangs as well. So names that nobody answers never use up the pool for everybody. */
#ifndef TAU_RT_RESOLVE_H
#define TAU_RT_RESOLVE_H

#include "abi.h"

TAU_EXTERN_C_BEGIN

struct addrinfo;

/* One question, the caller's memory until `done` or tau_resolve_cancel; what it points to is copied. */
typedef struct tau_lookup {
  void (*done)(struct tau_lookup* self); /* on the loop's thread, never inside tau_resolve; it may free the record */
  tau_plugin* owner;
  const char* host;    /* null: this machine, as getaddrinfo has it */
  const char* service; /* null: ports are 0 */
  int32_t flags;       /* the hints: AI_* ... */
  int32_t family;      /* ... AF_* ... */
  int32_t socktype;    /* ... SOCK_* ... */
  int32_t protocol;    /* ... IPPROTO_* */
  /* outcome */
  int32_t result; /* TAU_OK; TAU_E_NOT_FOUND: no such name; TAU_E_TIMED_OUT: no server answered, another try may
                     help; TAU_E_UNSUPPORTED: hints or service that cannot be; TAU_E_NO_MEMORY; -errno */
  int32_t code;   /* what getaddrinfo returned: 0 or EAI_* */
  struct addrinfo* found; /* from `done` on the caller's, who ends it with freeaddrinfo(3); null on failure */
  /* host */
  void* job; /* null while not pending */
} tau_lookup;

/* Asks.
 *
 * Returns:   TAU_PENDING: `done` follows.
 * Errors:    TAU_E_INVALID, TAU_E_UNLOADING, TAU_E_NO_MEMORY (also: no thread could be started).
 * Threading: [loop]
 * Unload:    [drained] at once; a thread that is inside the resolver goes on without the plugin. */
TAU_EXPORT int32_t tau_resolve(tau_lookup* lookup) TAU_NOEXCEPT;

/* Withdraws a question that is pending; harmless otherwise. Nothing refers to the record any more. [loop] */
TAU_EXPORT void tau_resolve_cancel(tau_lookup* lookup) TAU_NOEXCEPT;

/* What getaddrinfo(3) is, with its arguments and its return value; `hints` and `found` as there. On the loop's thread the
 * call is suspended, on another it blocks; in neither does a resolver that hangs hold up an unload.
 *
 * Errors:    EAI_*; EAI_AGAIN too when the owner is being unloaded.
 * Threading: [any]
 * Unload:    [drained], as tau_park. */
TAU_EXPORT int32_t tau_resolve_wait(tau_plugin* owner, const char* host, const char* service,
                                    const struct addrinfo* hints, struct addrinfo** found) TAU_UNWINDS;

TAU_EXTERN_C_END

#endif
