/* Pollsets: epoll sets that live on the loop, for event loops that are not ours.
 *
 * A foreign loop asks epoll what is ready and sleeps there. Given a pollset instead, it watches the same descriptors
 * through the host's one reactor, and where it would sleep its call is suspended (fiber.h) while everybody else
 * goes on. The words, bits and errors are epoll's: see epoll_ctl(2), epoll_wait(2).
 *
 * A set is waited for on the loop's thread or on others. The first wait decides: on the loop's thread its descriptors
 * are the reactor's to watch; a set that another thread has waited for is from then on an epoll set of its own, and
 * a wait on the loop's thread asks the reactor to watch that.
 *
 * Differences to a kernel's set:
 *   - A wait of 0 reports what the loop has seen and makes no system call. A foreign loop that asks again and again
 *     without sleeping is suspended for one turn of the loop every 50 us.
 *   - EPOLLEXCLUSIVE and EPOLLWAKEUP change nothing.
 *   - A descriptor leaves its sets when tau_pollset_closing is told, whether or not duplicates of it are open.
 *   - The signal mask of epoll_pwait is honoured off the loop's thread only.
 *
 * Timers that are descriptors (timerfd) belong here as well: one that only a set on the loop's thread watches is not
 * armed in the kernel; the set's wait ends in time for it. So its calls come here, too. */
#ifndef TAU_RT_POLLSET_H
#define TAU_RT_POLLSET_H

#include "abi.h"

TAU_EXTERN_C_BEGIN

typedef struct tau_poll_event {
  uint32_t events; /* TAU_IN ..., TAU_EDGE, TAU_ONESHOT */
  uint32_t reserved;
  uint64_t data;   /* comes back with the event */
} tau_poll_event;

/* Beside TAU_IN and its like (io.h); the values are EPOLLET and EPOLLONESHOT. */
#define TAU_EDGE 0x80000000u
#define TAU_ONESHOT 0x40000000u

enum { TAU_POLLSET_ADD = 1, TAU_POLLSET_DEL = 2, TAU_POLLSET_MOD = 3 };

/* Makes a set. `*set` is a real descriptor, close-on-exec, the caller's to close by tau_pollset_closing and close(2).
 * Errors: -errno of epoll_create1, TAU_E_UNLOADING, TAU_E_UNSUPPORTED. Threading: [any]. Unload: [drained], closed. */
TAU_EXPORT int32_t tau_pollset_create(tau_plugin* owner, int32_t* set) TAU_NOEXCEPT;

/* Adds, removes or changes what is watched for `fd`. 0 or -errno as epoll_ctl gives it: EEXIST, ENOENT, EBADF (also
 * for a `set` that is none), EPERM, ENOMEM, EINVAL. `event` is not looked at for DEL. [any] */
TAU_EXPORT int32_t tau_pollset_ctl(int32_t set, int32_t operation, int32_t fd, const tau_poll_event* event) TAU_NOEXCEPT;

/* Waits until something is ready, at most `timeout_ns` (negative: no limit). Returns how many of `capacity` events
 * were stored, 0 when the time was over, or -errno: EBADF, EINVAL, and EINTR off the loop's thread. `sigmask`, a
 * sigset_t or null, is honoured there only. One that several calls wait for wakes one per event, longest waiter first.
 * Threading: [any]
 * Unload:    [drained], as tau_park. */
TAU_EXPORT int32_t tau_pollset_wait(tau_plugin* owner, int32_t set, tau_poll_event* events, int32_t capacity,
                                    int64_t timeout_ns, const void* sigmask) TAU_UNWINDS;

/* Tells that `fd` is about to be closed: it leaves every set, and a set ends; calls that wait there return -EBADF.
 * Returns 1 if `fd` was a set, else 0. Cheap for a descriptor that nobody watches. [any] */
TAU_EXPORT int32_t tau_pollset_closing(int32_t fd) TAU_NOEXCEPT;

/* Tells that a module has made `fd`, which no set need ever watch (the other end of a pipe): what is neither told to
 * tau_pollset_closing nor closed otherwise is closed when the module has gone. Makes one system call. [any] */
TAU_EXPORT void tau_pollset_opened(tau_plugin* owner, int32_t fd) TAU_NOEXCEPT;

/* Tells that `fd` has been, or is about to be, given another number. Cheap for what is no timer. [any] */
TAU_EXPORT void tau_pollset_duplicated(int32_t fd) TAU_NOEXCEPT;

/* As timerfd_create(2) and its two companions, with -errno for a result; `value` and `old` are struct itimerspec.
 * On the loop's thread, and for a timer that a set there watches, without a system call. [any] */
TAU_EXPORT int32_t tau_timerfd_create(int32_t clock, int32_t flags) TAU_NOEXCEPT;
TAU_EXPORT int32_t tau_timerfd_settime(int32_t fd, int32_t flags, const void* value, void* old) TAU_NOEXCEPT;
TAU_EXPORT int32_t tau_timerfd_gettime(int32_t fd, void* value) TAU_NOEXCEPT;

/* Reads a timer's expirations as read(2) does: the size or -errno. TAU_E_NOT_FOUND: `fd` was not made by
 * tau_timerfd_create, or its clock is another than CLOCK_MONOTONIC; cheap then. [any] */
TAU_EXPORT int64_t tau_timerfd_read(int32_t fd, void* buffer, size_t size) TAU_NOEXCEPT;

TAU_EXTERN_C_END

#endif
