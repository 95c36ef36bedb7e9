/* The blocking pool: bounded threads for calls that can only block. */
#ifndef TAU_RT_BLOCKING_H
#define TAU_RT_BLOCKING_H

#include "abi.h"

TAU_EXTERN_C_BEGIN

/* One job, the caller's memory until `done` was called. */
typedef struct tau_job {
  void (*run)(struct tau_job* self);  /* on a pool thread */
  void (*done)(struct tau_job* self); /* on the loop's thread, after `run` or instead of it */
  tau_plugin* owner;
  int32_t status; /* set before `done`: TAU_OK, or TAU_E_CANCELED when `run` was never called */
  int32_t reserved;
  /* host */
  struct tau_job* next;
  struct tau_job* previous;
} tau_job;

/* Queues a job.
 * Errors: TAU_E_UNLOADING, TAU_E_NO_MEMORY (no thread could be started): `done` will not be called.
 * Threading: [any]
 * Unload: [drained]; queued jobs are cancelled, running ones are waited for. */
TAU_EXPORT int32_t tau_spawn_blocking(tau_job* job) TAU_NOEXCEPT;

/* Takes back a job that has not started: TAU_OK and `done` will not be called, or TAU_E_BUSY. [any] */
TAU_EXPORT int32_t tau_spawn_blocking_cancel(tau_job* job) TAU_NOEXCEPT;

/* Registers a destructor of a thread_local: run when the thread ends, or before the module is
 * closed, whichever comes first. The sdk's hidden __cxa_thread_atexit calls it. [any] [drained] */
TAU_EXPORT int32_t tau_thread_atexit(tau_plugin* owner, void (*destroy)(void* object),
                                     void* object) TAU_NOEXCEPT;

TAU_EXTERN_C_END

#endif
