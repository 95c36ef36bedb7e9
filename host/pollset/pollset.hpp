// Pollset: one foreign loop's epoll set, on the loop.
//
// The table of what is watched is the truth; where it is watched follows from who waits:
//   undecided  in the set's own epoll descriptor, which also gives the errors that epoll gives
//   shared     by registrations of the reactor: nothing is asked twice, a wait is a suspended call
//   own        in the own descriptor again, for threads and for a reactor where each event costs a new question
//              (io_uring); a wait on the loop's thread watches that one
//
// Shared, an entry is one registration and one wait of the reactor. What came is queued in `ready_` until it is
// harvested. An edge-triggered entry's wait stands, so that an event is a few lines from the kernel to the queue. A
// level-triggered one's is linked while its event may come: an entry in the queue hears nothing more, and after that it
// is asked about, with all the others harvested before, by one poll(2) at the next wait: the only way to know whether
// its reader has left something.
//
// The lock covers the table. The reactor, and what is ready, are the loop's thread's: what other threads change in a
// shared set is entered there by a call that travels to the loop, or by the next wait if that comes first, so that who
// was told that a descriptor is out hears no more of it. A wait on the loop takes no lock.
//
// A timerfd in a shared set is not armed in the kernel: its time is one more deadline of the wait (timer_fds.hpp).
#pragma once

#include <tau/rt/fiber.h>
#include <tau/rt/io.h>
#include <tau/rt/pollset.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "runtime/owner.hpp"

struct epoll_event;

namespace tau::host {

class Runtime;

class Pollset : public std::enable_shared_from_this<Pollset> {
 public:
  Pollset(Runtime& runtime, Owner& owner, int set) noexcept;
  ~Pollset();
  Pollset(const Pollset&) = delete;
  Pollset& operator=(const Pollset&) = delete;

  Owner& owner() const noexcept { return owner_; }
  /// Its descriptor.
  int number() const noexcept { return set_; }

  /// 0 or -errno. [any]
  std::int32_t control(int operation, int fd, const tau_poll_event* event) noexcept;
  /// See tau_pollset_wait. Throws Unwinding.
  std::int32_t wait(Owner& caller, tau_poll_event* events, int capacity, std::int64_t timeout_ns, const void* sigmask);
  /// `fd` is about to be closed. [any]
  void forget(int fd) noexcept;
  /// Ends every wait with EBADF. [any]
  void end() noexcept;
  /// The same for a set whose owner is being unloaded; remembers what was watched. [loop]
  void abandon() noexcept;
  /// A timer that it watches is due earlier. [loop]
  void timer_changed() noexcept;
  /// A timer that it watched is the kernel's. [any]
  void watch_again(int fd) noexcept;
  /// Its number may be another's. [any]
  bool ended() const noexcept { return ended_; }
  /// Not of one that has ended. [any]
  bool watches(int fd) noexcept;
  /// Descriptors that were watched when it was abandoned and that nobody has closed since.
  std::vector<int> left() noexcept;

 private:
  enum class Mode { undecided, shared, own };
  struct Entry;
  struct Waiter;

  bool is_shared() const noexcept { return mode_.load(std::memory_order_relaxed) == Mode::shared; }

  std::int32_t wait_shared(Owner& caller, tau_poll_event* events, int capacity, std::int64_t timeout_ns);
  std::int32_t wait_own(Owner& caller, tau_poll_event* events, int capacity, std::int64_t timeout_ns);
  std::int32_t wait_on_thread(Owner& caller, tau_poll_event* events, int capacity, std::int64_t timeout_ns,
                              const void* sigmask);
  std::int32_t park_at(Owner& caller, std::uint64_t until, bool woken);
  std::int32_t sleep_own(Owner& caller, std::uint64_t deadline);
  std::int32_t ended_for(Owner& caller) const;
  std::int32_t control_own(int operation, int fd, const tau_poll_event* event) const noexcept;
  std::int32_t validate(Entry& entry) const noexcept;
  std::int32_t insert(int fd, const tau_poll_event& event) noexcept;
  std::int32_t change(Entry& entry, const tau_poll_event& event) noexcept;
  void become_shared() noexcept;
  void become_own() noexcept;
  void end_locked() noexcept;
  /// An address of ours, which is no data of anybody else's.
  std::uint64_t bell_data() const noexcept { return reinterpret_cast<std::uintptr_t>(&bell_); }
  int copy(const epoll_event* found, int count, tau_poll_event* events) const noexcept;
  bool is_same_file(const Entry& entry) const noexcept;

  // Under the lock.
  /// Brings the reactor up to date with the table. From other threads it travels to the loop.
  void settle() noexcept;
  void settle_here() noexcept;            // [loop]
  void enter(Entry& entry) noexcept;      // [loop]
  void take_over(Entry& entry) noexcept;  // [loop]

  // All these [loop], with or without the lock.
  void settle_others() noexcept;  // without
  void leave(Entry& entry) noexcept;
  void link(Entry& entry) noexcept;
  void unlink(Entry& entry) noexcept;
  void came(Entry& entry, std::uint32_t events) noexcept;
  void look_again() noexcept;
  /// Not later than what ask_timers() would return.
  std::uint64_t soonest_timer() const noexcept;
  /// Reports the timers that are due; returns when the next one will be, or has been.
  std::uint64_t ask_timers(std::uint64_t now_ns) noexcept;
  int harvest(tau_poll_event* events, int capacity) noexcept;
  void wake_one() noexcept;
  void queue(Waiter& waiter) noexcept;
  void leave(Waiter& waiter) noexcept;

  Runtime& runtime_;
  Owner& owner_;
  const int set_;

  // Changed under the lock.
  std::mutex mutex_;
  std::atomic<Mode> mode_{Mode::undecided};
  std::atomic<bool> ended_{false};
  std::atomic<bool> unsettled_{false};  // another thread has changed a shared set
  bool settling_ = false;               // a call is on its way to the loop
  std::unordered_map<int, std::unique_ptr<Entry>> entries_;
  std::vector<std::unique_ptr<Entry>> removed_;  // of a shared set, to leave the reactor
  std::vector<Entry*> changed_;                  // of a shared set, to be entered there
  int bell_ = -1;                                // of an own set: ends the waits of threads
  std::vector<int> left_;

  // [loop]
  Entry* ready_head_ = nullptr;
  Entry* ready_tail_ = nullptr;
  std::vector<Entry*> harvested_;  // level-triggered ones: to be asked about
  std::vector<Entry*> timers_;
  Waiter* waiters_ = nullptr;
  tau_fd own_handle_ = 0;          // of an own set that is waited for on the loop
  std::uint64_t last_turn_ns_ = 0;   // when a wait last let the loop turn
  bool has_turned_ = false;          // it has since, and the time is not known yet
  std::uint64_t last_asked_ns_ = 0;  // when an own set was last found empty
};

}  // namespace tau::host
