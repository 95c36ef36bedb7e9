/* I/O: completion-shaped operations, and registered descriptors with readiness beside them.
 *
 * An operation is the caller's memory. It is tried at once; where it would block, the reactor tries
 * again when the descriptor is ready, and what can only block (files, paths) is carried out by the
 * kernel's own queue or on the blocking pool. Cancel is synchronous: after it returns nobody touches
 * the operation, its buffer or its paths, though a file operation that was under way may still have
 * its effect. */
#ifndef TAU_RT_IO_H
#define TAU_RT_IO_H

#include "abi.h"
#include "buffers.h"

TAU_EXTERN_C_BEGIN

enum {
  TAU_IO_POLL = 1, /* flags: TAU_IN, TAU_OUT ...; result: the events that are ready */
  TAU_IO_READ,     /* buffer, length; offset, or -1 for the current position */
  TAU_IO_WRITE,    /* as READ */
  TAU_IO_RECV,     /* buffer, length, flags: MSG_* */
  TAU_IO_SEND,     /* as RECV; MSG_NOSIGNAL is implied */
  TAU_IO_ACCEPT,   /* flags: SOCK_*; buffer: sockaddr or null, length: its size, then the
                    address's; result: descriptor */
  TAU_IO_CONNECT,  /* buffer: sockaddr, length: its size */
  TAU_IO_RECVMSG,  /* buffer: struct msghdr, which stays in place with all it points to; flags: MSG_* */
  TAU_IO_SENDMSG,  /* as RECVMSG; MSG_NOSIGNAL is implied */

  /* Files and paths. `fd` is the folder that `buffer`, a path, starts from, or AT_FDCWD. Those that are
   * pending at the same time happen in no particular order, also at a file's current position. */
  TAU_IO_OPENAT,   /* flags: O_*, length: mode; result: descriptor */
  TAU_IO_CLOSE,    /* fd alone; what waits for it ends. It is closed also when canceled */
  TAU_IO_FSYNC,    /* fd; flags: TAU_IO_DATASYNC or 0 */
  TAU_IO_STATX,    /* flags: AT_*, length: STATX_* wanted; other: struct statx. Linux */
  TAU_IO_RENAMEAT, /* other_fd, other: the new path; flags: RENAME_* */
  TAU_IO_UNLINKAT, /* flags: AT_REMOVEDIR or 0 */
  TAU_IO_MKDIRAT,  /* length: mode */
  TAU_IO_LINKAT,   /* other_fd, other: the new path; flags: AT_* */
  TAU_IO_SYMLINKAT /* buffer: what the link says; fd, other: the link's own path */
};

/* `how`: an ACCEPT or RECV that goes on by itself. It is never TAU_READY but with an error, and `done` is
 * called for each arrival: with TAU_IO_MORE set in `how` while more will come, without it for the last
 * time, after which it may be submitted anew. It has its direction of the descriptor to itself.
 *   ACCEPT  buffer: null; result: one descriptor.
 *   RECV    group: buffers of the same owner; result: bytes, which lie at `buffer`, in `piece` of the group:
 *           to be given back. 0 at the end of the stream, -ENOBUFS when the group is used up: no piece.
 * Canceled, it drops what has arrived and was not told: bytes are lost, descriptors closed. */
enum { TAU_IO_MULTISHOT = 1, TAU_IO_MORE = 2 };

enum { TAU_IO_DATASYNC = 1 /* contents, and of the metadata only what reading them back needs */ };

/* Event bits of TAU_IO_POLL and of registered descriptors. */
enum { TAU_IN = 1, TAU_OUT = 4, TAU_ERR = 8, TAU_HUP = 16, TAU_RDHUP = 0x2000, TAU_PRI = 2 };

typedef struct tau_io {
  void (*done)(struct tau_io* self);
  tau_plugin* owner;
  int32_t fd;
  uint32_t opcode;
  uint32_t flags;
  uint32_t how; /* zero, or TAU_IO_MULTISHOT */
  void* buffer;
  uint64_t length;
  int64_t offset;
  int64_t result; /* bytes, descriptor or events; or -errno, or a TAU_E_* */
  void* other;    /* a second path, or struct statx */
  int32_t other_fd;
  uint32_t piece; /* see TAU_IO_MULTISHOT */
  tau_buffers group;
  /* host */
  struct tau_io* next;
  struct tau_io** previous; /* null while not pending */
  void* entry;
} tau_io;

/* Submits an operation.
 * Returns:   TAU_READY: done, `result` is set, `done` will not be called. TAU_PENDING: `done` follows.
 *            READ and WRITE may move less than asked, also in regular files.
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
 * Errors: TAU_E_STALE, TAU_E_UNLOADING, TAU_E_INVALID for an interest in anything else. [loop] [drained] */
TAU_EXPORT int32_t tau_fd_wait_ready(tau_fd handle, tau_fd_wait* wait) TAU_NOEXCEPT;
TAU_EXPORT void tau_fd_wait_cancel(tau_fd_wait* wait) TAU_NOEXCEPT;

/* Forgets that `events` were ready: call it after the descriptor said EAGAIN. [loop] */
TAU_EXPORT int32_t tau_fd_clear(tau_fd handle, uint32_t events) TAU_NOEXCEPT;

TAU_EXTERN_C_END

#endif
