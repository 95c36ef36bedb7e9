// The part of a backend that every readiness mechanism shares: it imitates completions by trying, waiting
// for readiness on EAGAIN and trying again, and it remembers readiness for registered descriptors. A
// backend below it only watches numbers and sleeps.
//
// All watches are edge-triggered and cover both directions from the start, so a descriptor costs one
// system call per life of a registration, not one per wait. An edge cannot be missed: an operation is
// tried before it is queued, and whatever becomes ready after that try is an edge still to come.
//
// A receive that brought less than it had room for has emptied a TCP socket: the next one is not tried but
// queued, since whatever comes is an edge. That saves the call that would only say EAGAIN, one in three of an
// echo. It holds while the watch is an old one (a registration of the caller's own), and not after a hang-up,
// whose edge may be past, or urgent data, at which a receive stops short. epoll(7), question 9; Unix sockets
// stop short at passed descriptors, so they are left out.
//
// Of one that filled its buffer nothing can be told; but a peer that sends messages of that size and waits for the
// answer does so again. Where the call after the last such receive said EAGAIN, the next one is doubtful: queued, and
// tried right before the loop sleeps, or, with many of them, after the kernel was asked once more; an event before
// that spares the call. Whoever withdraws a doubtful one has the next tried at once.
//
// Callbacks are called from one place, deliver(), which pops one thing, lets go of it and only then calls
// out. It keeps no position on the stack, so callbacks may cancel anything and may call poll() again:
// the inner poll() simply goes on where the outer one was (contract 6). An operation is tried right
// before its `done` and not earlier: one that is cancelled in between has not eaten anybody's bytes. Standing waits
// alone are told where their event arrives: they call nothing here.
//
// What readiness does not help (files, paths) is carried: begun once and told to carried_ended() when it is
// over. Here that is a FileJob on another thread; a backend that can do better overrides begin().
#pragma once

#include "buffer_table.hpp"
#include "fd_table.hpp"
#include "reactor.hpp"

namespace tau::host {

class ReadinessReactor : public Reactor {
 public:
  /// What satisfies every interest.
  static constexpr std::uint32_t broken = TAU_ERR | TAU_HUP;

  bool submit(tau_io* op) noexcept final;
  bool cancel(tau_io* op) noexcept final;

  std::int32_t add(tau_plugin* owner, int fd, tau_fd* out) noexcept final;
  tau_plugin* owner_of(tau_fd handle) const noexcept final;
  std::int32_t remove(tau_fd handle) noexcept final;
  std::int32_t wait_ready(tau_fd handle, tau_fd_wait* wait) noexcept final;
  bool cancel_wait(tau_fd_wait* wait) noexcept final;
  std::int32_t clear(tau_fd handle, std::uint32_t events) noexcept final;

  std::int32_t make_buffers(tau_plugin* owner, std::uint32_t count, std::uint32_t size,
                            tau_buffers* out) noexcept final;
  std::int32_t drop_buffers(tau_buffers handle) noexcept final;
  tau_plugin* owner_of_buffers(tau_buffers handle) const noexcept final;
  void give_back(tau_buffers handle, std::uint32_t piece) noexcept final;

  void poll(std::int64_t timeout_ns) noexcept final;
  std::size_t pending() const noexcept final { return pending_; }
  std::size_t withdraw_owner(tau_plugin* owner) noexcept final;

 protected:
  /// Watches `fd` from now on, for everything, edge-triggered; reports at once what is ready already.
  /// `token` comes back with its events. 0 or -errno.
  virtual std::int32_t watch(int fd, std::uint64_t token) noexcept = 0;
  /// Reports what is ready once more. -errno when `fd` is closed or another file by now.
  virtual std::int32_t rewatch(int fd, std::uint64_t token) noexcept = 0;
  /// `fd` may be closed or another file by now: then nothing happens.
  virtual void unwatch(int fd) noexcept = 0;
  /// Sleeps as poll() does and calls ready() for each event.
  virtual void collect(std::int64_t timeout_ns) noexcept = 0;

  /// Somebody begins to wait for TAU_PRI: for a backend that does not tell it without being asked.
  virtual void priority_wanted(int, std::uint64_t) noexcept {}
  bool waits_for_priority(std::uint64_t token) const noexcept;

  void ready(std::uint64_t token, std::uint32_t events) noexcept;

  /// Begins an operation that can only block. Null: it has ended, op->result is set. Otherwise whatever
  /// carries it, which hands `op` to carried_ended() later, from inside poll() or between two of them.
  virtual void* begin(tau_io* op) noexcept;
  /// `op` is not touched any more by what carries it.
  virtual void forget(tau_io* op, void* carrier) noexcept;
  void carried_ended(tau_io* op) noexcept;

  /// Begins a multishot operation: as begin(), or `*imitate` is set and this class tries and tries again.
  virtual void* begin_multishot(tau_io* op, bool* imitate) noexcept;
  /// Something arrived for `op`, which is carried: next_arrival() is asked for it from poll().
  void carried_arrived(tau_io* op) noexcept;
  /// Sets `op` to its next arrival.
  enum class Arrival { last, more_to_come, more_here };
  virtual Arrival next_arrival(tau_io* op, void* carrier) noexcept;
  /// Gives a group's pieces to the kernel, one of them back to it, and takes them all away again.
  virtual std::int32_t provide(BufferGroup& group) noexcept;
  virtual void provide_again(BufferGroup& group, std::uint32_t piece) noexcept;
  virtual void unprovide(BufferGroup& group) noexcept;

  BufferTable buffers_;

 private:
  bool pend(tau_io* op, Descriptor& descriptor) noexcept;
  void link(tau_io* op, Descriptor& descriptor, IntrusiveQueue<tau_io>& queue) noexcept;
  bool pend_carried(tau_io* op, void* carrier) noexcept;
  bool carry(tau_io* op) noexcept;
  bool submit_multishot(tau_io* op) noexcept;
  bool attempt_multishot(tau_io& op) noexcept;
  bool attempt_receive_piece(tau_io& op) noexcept;
  void deliver_ended(tau_io* op) noexcept;
  void uses_buffers(const tau_io& op, bool begins) noexcept;
  void free_buffers(BufferGroup& group) noexcept;
  bool close(tau_io* op) noexcept;
  void withdraw_carried(tau_io* op) noexcept;
  static void discard_result(const tau_io& op) noexcept;

  // What `entry` of a pending operation points at: its Descriptor, or, with the lowest bit set, what
  // carries it. Null once it has ended.
  static bool is_carried(const tau_io& op) noexcept { return (reinterpret_cast<std::uintptr_t>(op.entry) & 1) != 0; }
  static void* carrier_of(const tau_io& op) noexcept { return static_cast<std::byte*>(op.entry) - 1; }
  static void* carried_by(void* carrier) noexcept { return static_cast<std::byte*>(carrier) + 1; }
  std::int32_t ensure_watched(Descriptor& descriptor, const tau_plugin* owner) noexcept;
  void orphan(Descriptor& descriptor) noexcept;
  void drop_if_unused(Descriptor& descriptor) noexcept;
  void heat(Descriptor& descriptor) noexcept;
  void doubt(Descriptor& descriptor) noexcept;
  void end_doubt(Descriptor& descriptor) noexcept;
  void try_doubtful() noexcept;

  void tell_registrations(Descriptor& descriptor) noexcept {
    if (descriptor.untold != 0) tell_untold(descriptor);
  }
  void tell_untold(Descriptor& descriptor) noexcept;
  static void make_polls_due(Descriptor& descriptor, std::uint32_t events) noexcept;

  void end_waits(Registration& registration, std::uint32_t events, std::int32_t status) noexcept;

  bool has_work_left() const noexcept {
    return !hot_.empty() || !ended_operations_.empty() || !ended_waits_.empty();
  }
  bool deliver() noexcept;
  bool try_next(Descriptor& descriptor) noexcept;
  bool try_front(Descriptor& descriptor, IntrusiveQueue<tau_io>& queue) noexcept;

  FdTable table_;
  std::size_t pending_ = 0;
  IntrusiveQueue<tau_io> carried_;
  // What poll() will work off: descriptors to be tried, and what has its result already.
  IntrusiveQueue<Descriptor> hot_;
  IntrusiveQueue<Descriptor> doubtful_;
  std::size_t doubts_ = 0;
  IntrusiveQueue<tau_io> ended_operations_;
  IntrusiveQueue<tau_fd_wait> ended_waits_;
};

}  // namespace tau::host
