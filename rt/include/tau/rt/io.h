/* I/O: completion-shaped operations, and registered descriptors with readiness beside them.
 *
 * An operation is the caller's memory. It is tried at once; where it would block, the reactor tries
 * again when the descriptor is ready. Cancel is synchronous: after it returns nobody touches the
 * operation or its buffer. */
#ifndef TAU_RT_IO_H
#define TAU_RT_IO_H

#include "abi.h"

TAU_EXTERN_C_BEGIN

enum {
  TAU_IO_POLL = 1, /* flags: TAU_IN, TAU_OUT ...; result: the events that are ready */
  TAU_IO_READ,     /* buffer, length; offset, or -1 for the current position */
  TAU_IO_WRITE,    /* as READ */
  TAU_IO_RECV,     /* buffer, length, flags: MSG_* */
  TAU_IO_SEND,     /* as RECV; MSG_NOSIGNAL is implied */
  TAU_IO_ACCEPT,   /* flags: SOCK_*; buffer: sockaddr or null, length: its size, then the
                    address's; result: descriptor */
  TAU_IO_CONNECT   /* buffer: sockaddr, length: its size */
};

/* Event bits of TAU_IO_POLL and of registered descriptors. */
enum { TAU_IN = 1, TAU_OUT = 4, TAU_ERR = 8, TAU_HUP = 16, TAU_RDHUP = 0x2000, TAU_PRI = 2 };

typedef struct tau_io {
  void (*done)(struct tau_io* self);
  tau_plugin* owner;
  int32_t fd;
  uint32_t opcode;
  uint32_t flags;
  uint32_t reserved; /* zero */
  void* buffer;
  uint64_t length;
  int64_t offset;
  int64_t result; /* bytes, descriptor or events; or -errno, or a TAU_E_* */
  /* host */
  struct tau_io* next;
  struct tau_io** previous; /* null while not pending */
  void* entry;
} tau_io;

/* Submits an operation.
 * Returns:   TAU_READY: done, `result` is set, `done` will not be called. TAU_PENDING: `done` follows.
 * Errors:    TAU_E_UNLOADING, TAU_E_INVALID. An error of the operation itself is its `result`.
 * Threading: [loop]. Unload: [drained] */
TAU_EXPORT int32_t tau_io_submit(tau_io* op) TAU_NOEXCEPT;

/* Withdraws a pending operation; harmless otherwise. [loop] */
TAU_EXPORT void tau_io_cancel(tau_io* op) TAU_NOEXCEPT;

/* A registered descriptor: generation and index; 0 is none. */
typedef uint64_t tau_fd;

/* Registers `fd` so that waits on it cost no further system call. The descriptor stays the caller's
 * and must stay open until tau_fd_deregister; a descriptor may be registered more than once.
 * Errors: -EPERM for regular files (always ready), -EBADF, TAU_E_UNLOADING.
 * Threading: [loop]. Unload: [drained] */
TAU_EXPORT int32_t tau_fd_register(tau_plugin* owner, int32_t fd, tau_fd* out) TAU_NOEXCEPT;

/* Ends the registration; its pending waits fire with TAU_E_CLOSED. TAU_E_STALE is harmless. [loop] */
TAU_EXPORT int32_t tau_fd_deregister(tau_fd handle) TAU_NOEXCEPT;

/* One wait for readiness of a registered descriptor. */
typedef struct tau_fd_wait {
  void (*done)(struct tau_fd_wait* self);
  tau_plugin* owner;
  uint32_t interest; /* TAU_IN | TAU_OUT ... */
  int32_t result;    /* ready events, or a TAU_E_* */
  /* host */
  struct tau_fd_wait* next;
  struct tau_fd_wait** previous; /* null while not linked */
} tau_fd_wait;

/* TAU_READY with `result` set, or TAU_PENDING. Readiness is remembered until tau_fd_clear.
 * Errors: TAU_E_STALE, TAU_E_UNLOADING. [loop] [drained] */
TAU_EXPORT int32_t tau_fd_wait_ready(tau_fd handle, tau_fd_wait* wait) TAU_NOEXCEPT;
TAU_EXPORT void tau_fd_wait_cancel(tau_fd_wait* wait) TAU_NOEXCEPT;

/* Forgets that `events` were ready: call it after the descriptor said EAGAIN. [loop] */
TAU_EXPORT int32_t tau_fd_clear(tau_fd handle, uint32_t events) TAU_NOEXCEPT;

TAU_EXTERN_C_END

#endif
