/* Child processes: started on the blocking pool, waited for through the reactor.
 *
 * A child belongs to the plugin that started it. Each is watched and reaped one by one (pidfd on Linux), so
 * nobody's SIGCHLD handling or waitpid() is disturbed, and one whose handle was given up is reaped as well. */
#ifndef TAU_RT_PROCESS_H
#define TAU_RT_PROCESS_H

#include "abi.h"

TAU_EXTERN_C_BEGIN

/* A child: names it until tau_child_release; 0 is none. A stale one finds nothing. */
typedef uint64_t tau_child;

/* What the child has as its standard input, output and error: one of these, or a descriptor. */
enum {
  TAU_STDIO_INHERIT = -1, /* the host's */
  TAU_STDIO_NULL = -2,    /* /dev/null */
  TAU_STDIO_PIPE = -3     /* a new pipe, whose other end is the caller's */
};

enum {
  TAU_PROCESS_KILL_ON_DROP = 1, /* killed when its handle is given up, also by an unload */
  TAU_PROCESS_UID = 2,          /* `uid` counts ... */
  TAU_PROCESS_GID = 4,
  TAU_PROCESS_GROUPS = 8,
  TAU_PROCESS_GROUP = 16,  /* `process_group`: 0 makes a group of its own */
  TAU_PROCESS_SESSION = 32 /* a session of its own */
};

/* What failed; in the order in which it is done. */
enum {
  TAU_STEP_PIPES = 1, /* pipes and /dev/null */
  TAU_STEP_FORK,
  TAU_STEP_STDIO,
  TAU_STEP_GROUPS,
  TAU_STEP_GID,
  TAU_STEP_UID,
  TAU_STEP_DIRECTORY,
  TAU_STEP_SESSION,
  TAU_STEP_PROCESS_GROUP,
  TAU_STEP_EXEC
};

/* One start of a child. Everything pointed to is copied by tau_process_spawn. */
typedef struct tau_process {
  void (*done)(struct tau_process* self);
  tau_plugin* owner;
  const char* program;            /* with a slash: a path, seen from `directory`; without: sought in PATH, the
                                     one of `environment` if that has one */
  const char* const* arguments;   /* from argv[0] on, ended by null */
  const char* const* environment; /* NAME=value, ended by null; null: the host's */
  const char* directory;          /* null: the host's */
  const uint32_t* groups;
  uint32_t group_count;
  uint32_t flags; /* TAU_PROCESS_* */
  uint32_t uid;   /* without GROUPS, a change of uid by root leaves no supplementary group */
  uint32_t gid;
  int32_t process_group;
  int32_t stdio[3];
  /* outcome */
  int32_t result;  /* 0; or -errno, or a TAU_E_*, with `step` */
  int32_t step;    /* TAU_STEP_* that failed */
  int32_t pid;     /* for people; it may name another process once this one was waited for */
  int32_t pipes[3]; /* our ends, the caller's to close: close-on-exec, not blocking; -1 where none was asked */
  tau_child child;
  /* host */
  void* job; /* null while not pending */
} tau_process;

/* Starts a child. The descriptors 0, 1 and 2 are all that it inherits; signals have their default effect, but
 * for SIGHUP, SIGINT and SIGQUIT where the host itself was started to ignore them; none is blocked.
 *
 * Returns:   TAU_PENDING: `done` follows, and whether it could be started is its `result`.
 * Errors:    TAU_E_INVALID, TAU_E_UNLOADING, TAU_E_NO_MEMORY, -errno: a descriptor is not open.
 * Threading: [loop]
 * Unload:    [drained] */
TAU_EXPORT int32_t tau_process_spawn(tau_process* process) TAU_NOEXCEPT;

/* Withdraws a start that is pending; harmless otherwise. A child that was started meanwhile is treated like
 * one whose handle is given up. [loop] */
TAU_EXPORT void tau_process_cancel(tau_process* process) TAU_NOEXCEPT;

/* Waits for the end of a child: TAU_READY if it has ended, or TAU_PENDING.
 * Errors:    TAU_E_STALE, TAU_E_BUSY (another wait is linked), TAU_E_UNLOADING.
 * Threading: [loop]. Unload: [drained] */
TAU_EXPORT int32_t tau_child_wait(tau_child child, tau_wait* wait) TAU_NOEXCEPT;
/* Withdraws `wait`; harmless when it is not linked. [loop] */
TAU_EXPORT void tau_child_wait_cancel(tau_wait* wait) TAU_NOEXCEPT;

/* TAU_READY with what wait(2) calls status, or TAU_PENDING; asked as often as one likes.
 * Errors: TAU_E_STALE; -ECHILD: somebody else reaped it and knows its status. [loop] */
TAU_EXPORT int32_t tau_child_status(tau_child child, int32_t* status) TAU_NOEXCEPT;

/* Sends a signal; never to another process that has the number now.
 * Errors: TAU_E_STALE; -ESRCH: it has ended. [loop] */
TAU_EXPORT int32_t tau_child_signal(tau_child child, int32_t number) TAU_NOEXCEPT;

/* Gives the handle up: the child is killed if that was asked for, and reaped when it ends. A wait that is
 * linked fires, and the handle is stale. TAU_E_STALE is harmless. [loop] */
TAU_EXPORT int32_t tau_child_release(tau_child child) TAU_NOEXCEPT;

TAU_EXTERN_C_END

#endif
