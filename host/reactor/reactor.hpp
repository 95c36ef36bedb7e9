// The contract that every reactor backend keeps. It knows descriptors, interest and completions; it
// does not know tasks, plugins or the time of day.
//
// One thread, the loop's, calls everything but wake(). The caller's structures (tau_io, tau_fd_wait)
// are linked while pending and untouched before and after.
//
//  1. submit() tries the operation at once. It returns true with `result` set, or false: then `done`
//     is called later, from inside poll() and never from inside another call.
//  2. cancel() is synchronous: when it returns, neither backend nor kernel touches the operation or its
//     buffer again, and `done` will not be called.
//  3. A registration remembers readiness: wait_ready() answers at once if any bit of the interest is
//     remembered; clear() forgets. Errors and hang-ups satisfy every interest; clearing TAU_IN or
//     TAU_OUT forgets them too, since a descriptor that says EAGAIN is neither broken nor hung up.
//  4. A descriptor closed and reused behind our back: the old registration's waits end with
//     TAU_E_CLOSED at the latest when the number is registered anew or deregistered, and the new one
//     never sees the old one's events. The old handle stays valid, and closed, until remove(). Handles
//     carry a generation; a stale handle finds nothing.
//  5. Many waits per descriptor, in both directions, from different tasks; each is told.
//  6. Callbacks may submit, cancel, register and deregister anything, also what is about to be called
//     next: what was cancelled is not called.
//  7. poll(timeout_ns) sleeps until something is ready, wake() was called or the time is over; 0 only
//     collects, negative means no limit. Sub-millisecond timeouts are honoured where the system can;
//     never shorter than asked unless something happened.
//  8. wake() may be called from any thread and signal handler; it makes the current or next poll()
//     return. Wakes coalesce.
//  9. What can only block (regular files, paths) never blocks the loop: the kernel takes it, or the threads
//     that offload_to() names. Canceled while under way it may still have its effect, but on copies.
// 10. A multishot operation is called once per arrival, in order, and stays pending while it says so
//     (TAU_IO_MORE). Pieces of a group are handed over by it and given back by give_back().
// 11. An idle poll() makes no system call but the one it sleeps in (I11).
#pragma once

#include <tau/rt/blocking.h>
#include <tau/rt/buffers.h>
#include <tau/rt/io.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tau::host {

class Reactor {
 public:
  virtual ~Reactor() = default;
  virtual std::string_view name() const noexcept = 0;

  /// True: finished, op->result is set. False: pending.
  virtual bool submit(tau_io* op) noexcept = 0;
  /// Returns whether the operation was pending.
  virtual bool cancel(tau_io* op) noexcept = 0;

  /// Whether a registration goes on by itself. Where each event has to be asked for anew, a foreign loop's
  /// descriptors are better left to a set of the kernel's.
  virtual bool readiness_is_cheap() const noexcept { return true; }

  /// 0 or -errno.
  virtual std::int32_t add(tau_plugin* owner, int fd, tau_fd* out) noexcept = 0;
  /// Who registered it; null for a stale handle.
  virtual tau_plugin* owner_of(tau_fd handle) const noexcept = 0;
  /// 0 or TAU_E_STALE; pending waits end with TAU_E_CLOSED (their `done` is called from poll()).
  virtual std::int32_t remove(tau_fd handle) noexcept = 0;
  /// Part of a wait's interest, where readiness_is_cheap(): it stays pending after an event, until it is cancelled or
  /// its descriptor is closed. Nothing is remembered of what it was told. Its `done` is called when the event arrives,
  /// and calls nothing here.
  static constexpr std::uint32_t standing = 1u << 31;
  /// TAU_READY with wait->result set (events, or TAU_E_CLOSED: see 4), TAU_PENDING, or TAU_E_STALE.
  virtual std::int32_t wait_ready(tau_fd handle, tau_fd_wait* wait) noexcept = 0;
  /// Returns whether the wait was pending.
  virtual bool cancel_wait(tau_fd_wait* wait) noexcept = 0;
  virtual std::int32_t clear(tau_fd handle, std::uint32_t events) noexcept = 0;

  /// 0 or a negative status; arguments as tau_buffers_create's.
  virtual std::int32_t make_buffers(tau_plugin*, std::uint32_t, std::uint32_t, tau_buffers*) noexcept {
    return TAU_E_UNSUPPORTED;
  }
  /// 0, TAU_E_STALE, or TAU_E_BUSY while a receive uses it.
  virtual std::int32_t drop_buffers(tau_buffers) noexcept { return TAU_E_STALE; }
  virtual tau_plugin* owner_of_buffers(tau_buffers) const noexcept { return nullptr; }
  virtual void give_back(tau_buffers, std::uint32_t) noexcept {}

  virtual void poll(std::int64_t timeout_ns) noexcept = 0;
  virtual void wake() noexcept = 0;

  /// Operations and waits that are pending: with none of them the loop need not ask the kernel between
  /// batches of tasks.
  virtual std::size_t pending() const noexcept = 0;

  /// Operations on files that were withdrawn and that the system may still carry out: a descriptor that one of them
  /// opens is closed when it arrives, in a later poll().
  virtual std::size_t withdrawn() const noexcept { return 0; }

  /// Withdraws every pending operation, wait, registration and group of buffers of `owner` without calling `done`: what
  /// a plugin left behind. Waits of others on its registrations end with TAU_E_CLOSED. Returns how many
  /// were withdrawn. Owners are opaque here: compared, never dereferenced.
  virtual std::size_t withdraw_owner(tau_plugin* owner) noexcept = 0;

  /// Called with the owner right before each `done` that ends something: the runtime's accounts. What cancel(),
  /// cancel_wait() and withdraw_owner() take back is not told here: they return it.
  struct Accounts {
    void (*io_ends)(tau_plugin* owner) = nullptr;
    void (*wait_ends)(tau_plugin* owner) = nullptr;
  };
  void keep(Accounts accounts) noexcept { accounts_ = accounts; }

  /// Where a job goes that must not run on the loop's thread: 0, and the job's `run` is called on another
  /// thread and then its `done` on the loop's, outside of poll(); or a negative status.
  struct Offload {
    std::int32_t (*start)(void* context, tau_job* job) = nullptr;
    void* context = nullptr;
  };
  /// Without one, such operations block their caller: for tests.
  void offload_to(Offload offload) noexcept { offload_ = offload; }

 protected:
  Offload offload() const noexcept { return offload_; }
  void call(tau_io* op) noexcept {
    if (accounts_.io_ends && !(op->how & TAU_IO_MORE)) accounts_.io_ends(op->owner);
    op->done(op);
  }
  void call(tau_fd_wait* wait) noexcept {
    if (accounts_.wait_ends) accounts_.wait_ends(wait->owner);
    wait->done(wait);
  }

 private:
  Accounts accounts_;
  Offload offload_;
};

/// Makes the backend that `wanted` names ("auto", "epoll", "kqueue", "io_uring"); for "auto" the
/// environment's TAU_REACTOR is asked, then the build's option, then what the system does best.
/// `*why` says in one sentence what was chosen and why; null when this build or system has it not,
/// and then `*why` says what would work.
std::unique_ptr<Reactor> make_reactor(std::string_view wanted, std::string* why);

}  // namespace tau::host
