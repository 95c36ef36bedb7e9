#include "timer_wheel.hpp"

#include <bit>

#include "owner.hpp"

namespace tau::host {

TimerWheel::TimerWheel(std::uint64_t now_ns) noexcept : now_tick_(now_ns >> tick_shift) {}

std::uint64_t TimerWheel::list_of(std::uint64_t tick, unsigned level) noexcept {
  if (level == 0) return tick & (near_slots - 1);
  return near_slots + (level - 1) * slots + ((tick >> shift_of(level)) & (slots - 1));
}

inline void TimerWheel::append(std::uint64_t list, tau_timer* timer) noexcept {
  List& l = lists_[list];
  timer->slot = list;
  timer->next = nullptr;
  timer->previous = l.tail;
  *l.tail = timer;
  l.tail = &timer->next;
  if (list >= overdue) return;
  occupied_[list / 64] |= std::uint64_t{1} << (list % 64);
  if (list < near_slots) near_words_ |= std::uint64_t{1} << (list / 64);
}

inline void TimerWheel::unlink(tau_timer* timer) noexcept {
  const std::uint64_t list = timer->slot;
  List& l = lists_[list];
  *timer->previous = timer->next;
  if (timer->next) {
    timer->next->previous = timer->previous;
  } else {
    l.tail = timer->previous;
  }
  timer->previous = nullptr;
  if (l.head || list >= overdue) return;
  std::uint64_t& word = occupied_[list / 64];
  word &= ~(std::uint64_t{1} << (list % 64));
  if (word == 0 && list < near_slots) near_words_ &= ~(std::uint64_t{1} << (list / 64));
}

[[gnu::always_inline]] inline void TimerWheel::place(tau_timer* timer, std::uint64_t due) noexcept {
  // Up to the next tick; near the end of time the rounding must not wrap.
  std::uint64_t tick = timer->deadline_ns >> tick_shift;
  if (timer->deadline_ns & ((std::uint64_t{1} << tick_shift) - 1)) ++tick;
  if (tick <= now_tick_) {
    append(due, timer);
    return;
  }
  const auto highest = static_cast<unsigned>(63 - std::countl_zero(tick ^ now_tick_));
  append(list_of(tick, highest < near_bits ? 0 : 1 + (highest - near_bits) / digit_bits), timer);
}

void TimerWheel::insert(tau_timer* timer, std::uint64_t deadline_ns) noexcept {
  timer->deadline_ns = deadline_ns;
  place(timer, overdue);
  ++count_;
  ++timer->owner->timers;
}

bool TimerWheel::cancel(tau_timer* timer) noexcept {
  if (!timer->previous) return false;
  unlink(timer);
  --count_;
  --timer->owner->timers;
  return true;
}

bool TimerWheel::earliest(std::uint64_t* tick, unsigned* level) const noexcept {
  if (near_words_ != 0) {
    const auto word = static_cast<std::uint64_t>(std::countr_zero(near_words_));
    const auto bit = static_cast<std::uint64_t>(std::countr_zero(occupied_[word]));
    *tick = (now_tick_ & ~(near_slots - 1)) | (word * 64 + bit);
    *level = 0;
    return true;
  }
  for (unsigned l = 1; l < levels; ++l) {
    const std::uint64_t word = occupied_[near_slots / 64 + l - 1];
    if (word == 0) continue;
    // Digits above this level are those of now; the ones below count from zero.
    const unsigned above = shift_of(l + 1);
    const std::uint64_t high = above >= 64 ? 0 : (now_tick_ >> above) << above;
    *tick = high | (static_cast<std::uint64_t>(std::countr_zero(word)) << shift_of(l));
    *level = l;
    return true;
  }
  return false;
}

void TimerWheel::drain(std::uint64_t list) noexcept {
  while (tau_timer* timer = lists_[list].head) {
    unlink(timer);
    place(timer, firing);
  }
}

std::size_t TimerWheel::fire_all(std::uint64_t list) noexcept {
  std::size_t fired = 0;
  while (tau_timer* timer = lists_[list].head) {
    if (timer->next) __builtin_prefetch(timer->next);
    unlink(timer);
    --count_;
    --timer->owner->timers;
    timer->fire(timer);
    ++fired;
  }
  return fired;
}

std::size_t TimerWheel::advance(std::uint64_t now_ns) noexcept {
  const std::uint64_t target = now_ns >> tick_shift;
  drain(overdue);
  std::size_t fired = fire_all(firing);
  std::uint64_t tick;
  unsigned level;
  while (earliest(&tick, &level) && tick <= target) {
    now_tick_ = tick;
    if (level == 0) {
      // All of one tick, and what is inserted meanwhile goes elsewhere.
      fired += fire_all(list_of(tick, 0));
    } else {
      // What is due exactly now fires; the rest of the slot moves to lower levels.
      drain(list_of(tick, level));
      fired += fire_all(firing);
    }
  }
  if (target > now_tick_) now_tick_ = target;
  return fired;
}

std::uint64_t TimerWheel::next_wake_ns() const noexcept {
  if (lists_[overdue].head) return now_tick_ << tick_shift;
  std::uint64_t tick;
  unsigned level;
  if (!earliest(&tick, &level)) return never;
  return tick >= (never >> tick_shift) ? never : tick << tick_shift;
}

std::uint64_t TimerWheel::dense_wake_ns() const noexcept {
  constexpr unsigned window = 8;
  constexpr int many = 6;
  std::uint64_t tick;
  unsigned level;
  if (lists_[overdue].head || !earliest(&tick, &level) || level != 0) return next_wake_ns();
  const std::uint64_t slot = tick & (near_slots - 1);
  std::uint64_t near = occupied_[slot / 64] >> (slot % 64);
  if (slot % 64 != 0 && slot / 64 + 1 < near_slots / 64) near |= occupied_[slot / 64 + 1] << (64 - slot % 64);
  near &= (1u << window) - 1;
  return std::popcount(near) < many ? next_wake_ns() : (tick + window - 1) << tick_shift;
}

std::size_t TimerWheel::withdraw_owner(tau_plugin* owner) noexcept {
  std::size_t found = 0;
  for (List& list : lists_) {
    for (tau_timer* timer = list.head; timer;) {
      tau_timer* next = timer->next;
      if (timer->owner == owner && cancel(timer)) ++found;
      timer = next;
    }
  }
  return found;
}

}  // namespace tau::host
