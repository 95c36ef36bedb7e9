#include "timer_wheel.hpp"

#include <bit>

#include "owner.hpp"

namespace tau::host {

TimerWheel::TimerWheel(std::uint64_t now_ns) noexcept : now_tick_(now_ns >> tick_shift) {}

void TimerWheel::append(std::uint64_t list, tau_timer* timer) noexcept {
  List& l = lists_[list];
  timer->slot = list;
  timer->next = nullptr;
  timer->previous = l.tail;
  *l.tail = timer;
  l.tail = &timer->next;
  if (list < overdue) occupied_[list / slots] |= std::uint64_t{1} << (list % slots);
}

void TimerWheel::unlink(tau_timer* timer) noexcept {
  List& l = lists_[timer->slot];
  *timer->previous = timer->next;
  if (timer->next) {
    timer->next->previous = timer->previous;
  } else {
    l.tail = timer->previous;
  }
  timer->previous = nullptr;
  if (!l.head && timer->slot < overdue) {
    occupied_[timer->slot / slots] &= ~(std::uint64_t{1} << (timer->slot % slots));
  }
}

void TimerWheel::place(tau_timer* timer, std::uint64_t due) noexcept {
  // Up to the next tick; near the end of time the rounding must not wrap.
  std::uint64_t tick = timer->deadline_ns >> tick_shift;
  if (timer->deadline_ns & ((std::uint64_t{1} << tick_shift) - 1)) ++tick;
  if (tick <= now_tick_) {
    append(due, timer);
    return;
  }
  unsigned level = static_cast<unsigned>(63 - std::countl_zero(tick ^ now_tick_)) / 6;
  append(level * slots + ((tick >> (6 * level)) & (slots - 1)), timer);
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
  for (unsigned l = 0; l < levels; ++l) {
    if (!occupied_[l]) continue;
    auto slot = static_cast<std::uint64_t>(std::countr_zero(occupied_[l]));
    // Digits above this level are those of now; the ones below count from zero.
    unsigned above = 6 * (l + 1);
    std::uint64_t high = above >= 64 ? 0 : (now_tick_ >> above) << above;
    *tick = high | (slot << (6 * l));
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

std::size_t TimerWheel::fire_all() noexcept {
  std::size_t fired = 0;
  while (tau_timer* timer = lists_[firing].head) {
    unlink(timer);
    --count_;
    --timer->owner->timers;
    timer->fire(timer);
    ++fired;
  }
  return fired;
}

std::size_t TimerWheel::advance(std::uint64_t now_ns) noexcept {
  std::uint64_t target = now_ns >> tick_shift;
  drain(overdue);
  std::size_t fired = fire_all();
  std::uint64_t tick;
  unsigned level;
  while (earliest(&tick, &level) && tick <= target) {
    now_tick_ = tick;
    // What is due exactly now fires; the rest of the slot moves to lower levels.
    drain(level * slots + ((tick >> (6 * level)) & (slots - 1)));
    fired += fire_all();
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
  const std::uint64_t near = occupied_[0] >> (tick & (slots - 1)) & ((1u << window) - 1);
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
