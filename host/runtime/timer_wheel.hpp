// Timer wheel: deadlines in, expired timers out. It is told the time and never asks.
//
// Level 0 has 4096 slots of one tick of 2^15 ns (32.8 us), each level above 64 slots that span the whole of the level
// below, so every 64-bit deadline has a place. A timer sits at the level of the highest digit in which its deadline
// differs from the wheel's time, hence the lowest occupied level holds the earliest slot and two bit scans find it.
// Insert and cancel are O(1) and touch only the timer and its neighbours; a timer moves down at most once per level.
// The first level is wide because moving is what costs, with many timers a miss of the cache each: a deadline
// within 134 ms mostly needs none. Timers are the callers' memory (tau_timer); nothing is allocated.
//
// Deadlines are rounded up to a tick and compared with time rounded down: never early.
#pragma once

#include <tau/rt/timer.h>

#include <cstddef>
#include <cstdint>

namespace tau::host {

class TimerWheel {
 public:
  static constexpr unsigned tick_shift = 15;
  static constexpr std::uint64_t never = UINT64_MAX;

  explicit TimerWheel(std::uint64_t now_ns) noexcept;
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// Links an unlinked timer; one whose deadline has passed fires at the next advance().
  void insert(tau_timer* timer, std::uint64_t deadline_ns) noexcept;
  /// Unlinks; false if it was not linked.
  bool cancel(tau_timer* timer) noexcept;

  /// Fires what is due at `now_ns`, in order of ticks, and within a tick in order of insertion.
  /// `fire` may insert and cancel anything; what it inserts is not fired before the next advance().
  /// Returns how many fired.
  std::size_t advance(std::uint64_t now_ns) noexcept;

  /// A time not later than the earliest deadline and later than the last advance(); `never` if empty.
  std::uint64_t next_wake_ns() const noexcept;

  /// When to wake for it: at that time, or, where nearly every one of the next eight ticks has a timer, after these
  /// (a quarter of a millisecond): each wake costs more than all that is done in it.
  std::uint64_t dense_wake_ns() const noexcept;

  bool empty() const noexcept { return count_ == 0; }
  std::size_t size() const noexcept { return count_; }

  /// Unlinks every timer of `owner` without firing; O(all timers), for what a plugin left behind.
  std::size_t withdraw_owner(tau_plugin* owner) noexcept;

 private:
  static constexpr unsigned near_bits = 12;   // of level 0
  static constexpr unsigned digit_bits = 6;   // of those above
  static constexpr unsigned levels = 8;
  static constexpr std::uint64_t near_slots = std::uint64_t{1} << near_bits;
  static constexpr std::uint64_t slots = std::uint64_t{1} << digit_bits;
  static constexpr std::uint64_t overdue = near_slots + (levels - 1) * slots;  // lists beyond the wheel's slots
  static constexpr std::uint64_t firing = overdue + 1;
  static_assert(near_bits + (levels - 1) * digit_bits + tick_shift >= 64);

  struct List {
    tau_timer* head = nullptr;
    tau_timer** tail = &head;
  };

  /// How many bits of a tick lie below the digit of `level`.
  static constexpr unsigned shift_of(unsigned level) noexcept {
    return level == 0 ? 0 : near_bits + (level - 1) * digit_bits;
  }
  static std::uint64_t list_of(std::uint64_t tick, unsigned level) noexcept;

  void append(std::uint64_t list, tau_timer* timer) noexcept;
  void unlink(tau_timer* timer) noexcept;
  /// Into the list of its deadline, or into `due` if that has come.
  void place(tau_timer* timer, std::uint64_t due) noexcept;
  /// Empties a list: what is due goes to `firing`, the rest to its place.
  void drain(std::uint64_t list) noexcept;
  std::size_t fire_all(std::uint64_t list) noexcept;
  bool earliest(std::uint64_t* tick, unsigned* level) const noexcept;

  std::uint64_t now_tick_;
  std::size_t count_ = 0;
  std::uint64_t occupied_[overdue / 64] = {};  // a bit for each slot: level 0's words, then one for each level above
  std::uint64_t near_words_ = 0;               // which of level 0's are not zero
  List lists_[overdue + 2];
};

}  // namespace tau::host
