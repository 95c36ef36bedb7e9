/* Tasks: what the executor runs. A task is {poll, drop, data, owner}; coroutines are the sdk's matter.
 *
 * Life: spawned -> polled while woken -> finished (poll returned TAU_READY) or dropped (aborted).
 * `drop` runs exactly once, on the loop's thread: when the task is aborted, when a finished task was
 * joined or detached, or when its owner is unloaded. It destroys what `data` points to, and that is
 * how cancelling works (I7): nothing else cancels. Of a task that tau_join_release handed over it does
 * not run: what `data` points to has a new owner. */
#ifndef TAU_RT_TASK_H
#define TAU_RT_TASK_H

#include "abi.h"

TAU_EXTERN_C_BEGIN

typedef struct tau_task tau_task;

typedef struct tau_task_fns {
  /* Runs the task until it waits or ends. Returns TAU_PENDING, TAU_READY or TAU_E_THREW (ended by an
   * exception, whose text tau_task_set_message carried over). A poll without cause is possible and
   * must be harmless. */
  int32_t (*poll)(tau_task* self);
  /* Destroys what `data` owns. */
  void (*drop)(tau_task* self);
} tau_task_fns;

/* The head of a task's slot: host memory, valid from tau_spawn until `drop` returns.
 * `resume` and `data` belong to the module that spawned the task. */
struct tau_task {
  void* resume;
  void* data;
  const tau_task_fns* fns;
  uint32_t budget; /* set to TAU_TASK_BUDGET before each poll; see tau/detail/context.hpp */
  uint32_t state;  /* host: TAU_TASK_* bits, read-only for modules */
};

enum { TAU_TASK_BUDGET = 128 };

enum {
  TAU_TASK_QUEUED = 1u << 0,   /* in the ready queue */
  TAU_TASK_RUNNING = 1u << 1,  /* its poll is on the stack */
  TAU_TASK_WOKEN = 1u << 2,    /* woken while running: goes to the back of the queue afterwards */
  TAU_TASK_ABORTED = 1u << 3,  /* will be dropped instead of polled */
  TAU_TASK_FINISHED = 1u << 4, /* poll returned; waits to be joined */
  TAU_TASK_THREW = 1u << 5,    /* with FINISHED: ended by an exception */
  TAU_TASK_DETACHED = 1u << 6, /* nobody will join it */
  TAU_TASK_LIVE = 1u << 7,     /* the slot is taken */
  TAU_TASK_BRANCH = 1u << 8    /* not a task but a part of one: see below */
};

/* A branch is a tau_task in a module's own memory, which stands for a part of a task where things are
 * waited for: nothing but tau_task_wake takes it. The module sets TAU_TASK_BRANCH and TAU_TASK_RUNNING
 * itself, and waking it calls its `fns->poll`, which must only note that it is to go on. */

/* Spawns a task and queues it. `resume` and `data` are stored as given.
 *
 * Errors:    TAU_E_UNLOADING, TAU_E_NO_MEMORY: nothing was taken over, `drop` will not run.
 *            TAU_E_THREAD off the loop's thread: use tau_spawn_remote.
 * Threading: [loop]
 * Unload:    [drained] */
TAU_EXPORT int32_t tau_spawn(tau_plugin* owner, const tau_task_fns* fns, void* resume, void* data,
                             tau_task_id* out) TAU_NOEXCEPT;

/* The same with `resume` and `data` both being `data`, saying where: `file` is a string constant of the module, whose text is copied once for each
 * place and forgotten when the owner is unloaded. Costs next to nothing for a place known already. */
TAU_EXPORT int32_t tau_spawn_at(tau_plugin* owner, const tau_task_fns* fns, void* data, tau_task_id* out,
                                const char* file, uint32_t line) TAU_NOEXCEPT;

/* Gives a task a name, for people; an empty one takes it away. The text is copied.
 * Errors: TAU_E_STALE, TAU_E_NO_MEMORY. Threading: [loop]. Unload: [inert] */
TAU_EXPORT int32_t tau_task_set_name(tau_task_id id, const char* name, size_t length) TAU_NOEXCEPT;

/* What is known of a task. Host memory, valid inside the call that shows it. */
typedef struct tau_task_info {
  tau_task_id id;
  uint32_t state;    /* TAU_TASK_* bits */
  uint32_t line;     /* where it was spawned: 0 if unknown */
  const char* file;  /* null if unknown; ends with a null byte */
  const char* name;  /* null if it has none; ends with a null byte */
} tau_task_info;

/* Shows each task of `owner` that has not ended, or waits to be joined, to `visit`, which may only read.
 * Returns how many there are. Threading: [loop] */
TAU_EXPORT int32_t tau_task_list(tau_plugin* owner, void (*visit)(void* data, const tau_task_info* info),
                                 void* data) TAU_NOEXCEPT;

/* Hands `start` to the loop, where it is called once with `data`: the door by which another thread
 * spawns. If the owner is being unloaded when its turn comes, `abandon` is called instead.
 *
 * Errors:    TAU_E_UNLOADING, TAU_E_NO_MEMORY: neither function will run.
 * Threading: [any]; allocates, hence not lock-free in the allocator.
 * Unload:    [drained] */
TAU_EXPORT int32_t tau_spawn_remote(tau_plugin* owner, void (*start)(void* data),
                                    void (*abandon)(void* data), void* data) TAU_NOEXCEPT;

/* The same for a caller that holds a lock which `start` will take: does not wake the loop, which would only wait for
 * that lock. tau_wake_loop has to follow, when it is no longer held. */
TAU_EXPORT int32_t tau_spawn_remote_quietly(tau_plugin* owner, void (*start)(void* data),
                                            void (*abandon)(void* data), void* data) TAU_NOEXCEPT;
/* Ends the loop's sleep if it sleeps. [any] */
TAU_EXPORT void tau_wake_loop(void) TAU_NOEXCEPT;

/* Queues a task by pointer: the fast form for code that knows the task to be alive. Of a branch it
 * calls `fns->poll` at once. [loop] */
TAU_EXPORT void tau_task_wake(tau_task* task) TAU_NOEXCEPT;

/* Queues a task by id. TAU_E_STALE if it is gone. [any] */
TAU_EXPORT int32_t tau_wake(tau_task_id id) TAU_NOEXCEPT;

/* Asks for a task to be dropped: at its next turn when it waits, at its next suspension when it
 * runs. A finished task is left alone. Returns TAU_OK also when it was asked before.
 * Errors: TAU_E_STALE. Threading: [any] */
TAU_EXPORT int32_t tau_abort(tau_task_id id) TAU_NOEXCEPT;

/* Drops a task now, before this returns: for what must not outlive its caller. Its destructors run
 * inside this call. One whose poll is on the stack, because it nests the loop, cannot be dropped.
 * Errors:    TAU_E_STALE. TAU_E_BUSY: its poll, or its `drop`, is on the stack; use tau_abort.
 *            TAU_E_THREAD.
 * Threading: [loop] */
TAU_EXPORT int32_t tau_task_drop(tau_task_id id) TAU_NOEXCEPT;

/* Id of the task whose poll is on top of the stack, 0 outside of tasks and off the loop. [any] */
TAU_EXPORT tau_task_id tau_task_current(void) TAU_NOEXCEPT;

/* That task's head, or null. [any] */
TAU_EXPORT tau_task* tau_task_current_head(void) TAU_NOEXCEPT;

/* Its TAU_TASK_* bits, or TAU_E_STALE. [loop] */
TAU_EXPORT int32_t tau_task_state(tau_task_id id) TAU_NOEXCEPT;

/* Waits for a task's end.
 *
 * Returns:   TAU_READY when it has ended by a value or an exception: fetch with tau_join_take.
 *            TAU_PENDING: `wait` is linked and fires once it has ended, in whatever way.
 * Errors:    TAU_E_STALE: it was aborted or unloaded (or never was). TAU_E_BUSY: another wait is
 *            linked. TAU_E_INVALID: a task that joins itself.
 * Threading: [loop]
 * Unload:    [drained] on both sides: when the task's owner goes, `wait` fires and the task is stale. */
TAU_EXPORT int32_t tau_join(tau_task_id id, tau_wait* wait) TAU_NOEXCEPT;

/* Withdraws `wait`; harmless when it is not linked. [loop] */
TAU_EXPORT void tau_join_cancel(tau_task_id id, tau_wait* wait) TAU_NOEXCEPT;

/* Data pointer of a finished task. Returns TAU_OK or TAU_E_THREW (both with *data), TAU_PENDING,
 * TAU_E_STALE. The task stays until tau_detach. [loop] */
TAU_EXPORT int32_t tau_join_take(tau_task_id id, void** data) TAU_NOEXCEPT;

/* Joins in one call: of a task of the calling task's own plugin that has ended by a value, the task goes, and what its
 * data points to is the caller's, who destroys it before it waits for anything. Else as tau_join, which links `wait`;
 * a null one is not linked.
 *
 * Returns:   TAU_OK with *data. TAU_READY: it has ended, but not so; fetch with tau_join_take. TAU_PENDING.
 * Errors:    as tau_join.
 * Threading: [loop], in a task
 * Unload:    [drained], as tau_join */
TAU_EXPORT int32_t tau_join_release(tau_task_id id, tau_wait* wait, void** data) TAU_NOEXCEPT;

/* Gives up the right to join: a finished task is dropped now, another when it ends. TAU_E_STALE is
 * harmless. Off the loop's thread the request travels there. [any] */
TAU_EXPORT int32_t tau_detach(tau_task_id id) TAU_NOEXCEPT;

/* Keeps a copy of an exception's text with a task that is about to return TAU_E_THREW. [loop] */
TAU_EXPORT void tau_task_set_message(tau_task* task, const char* text, size_t length) TAU_NOEXCEPT;

/* Copies at most `capacity` bytes of that text; returns its whole length, 0 if none, or
 * TAU_E_STALE. [loop] */
TAU_EXPORT int32_t tau_task_message(tau_task_id id, char* out, size_t capacity) TAU_NOEXCEPT;

/* Frame memory from the owner's slab: 16-byte aligned, freed wholesale at unload.
 * Null when out of memory. Any size. [any]; fastest on the loop's thread. */
TAU_EXPORT void* tau_frame_alloc(tau_plugin* owner, size_t size) TAU_NOEXCEPT;
TAU_EXPORT void tau_frame_free(void* frame, size_t size) TAU_NOEXCEPT;

/* The same kind of memory for what plugins share: it is nobody's, and stays until it is freed with tau_frame_free, by
 * whichever module. 16-byte aligned. Null when out of memory. [any]; fastest on the loop's thread. [inert] */
TAU_EXPORT void* tau_shared_alloc(size_t size) TAU_NOEXCEPT;

/* Waits until a task made of (fns, resume, data) has ended. On the loop's thread the call is suspended with its
 * stack, and everybody else goes on (fiber.h); other threads block. Returns as tau_join_take and leaves the task
 * to be detached. Errors: TAU_E_STALE when the task was aborted, TAU_E_UNLOADING, TAU_E_NO_MEMORY.
 * Threading: [any]
 * Unload:    [drained]: unwound, the task aborted with it. */
TAU_EXPORT int32_t tau_block_on(tau_plugin* owner, const tau_task_fns* fns, void* resume, void* data,
                                tau_task_id* out, void** result) TAU_UNWINDS;

/* Whether the caller is on the loop's thread. [any] */
TAU_EXPORT int32_t tau_on_loop_thread(void) TAU_NOEXCEPT;

/* Makes the loop's thread pass a full memory barrier, wherever it is: what it stored before is visible
 * to the caller afterwards, and what it loads from then on is no older than this call. So the loop's
 * side of a handshake can do without a barrier of its own. On the loop's thread it has nothing to do and
 * says whether it would work elsewhere.
 *
 * Errors:    TAU_E_UNSUPPORTED, always or never within one process.
 * Threading: [any]; a system call off the loop's thread.
 * Unload:    [inert] */
TAU_EXPORT int32_t tau_loop_barrier(void) TAU_NOEXCEPT;

TAU_EXTERN_C_END

#endif
