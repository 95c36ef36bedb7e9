// Interval: ticks at a fixed period, without drift.
#pragma once

#include "sleep.hpp"

namespace tau {

/// What to do about ticks that passed while nobody waited. See: tokio::time::MissedTickBehavior
enum class MissedTick {
  burst,  // catch up: the missed ones follow at once
  delay,  // start anew: the next one is a period after the late one
  skip,   // drop them: the next one is the next multiple of the period
};

/// A source of ticks; the first one is due at once.
///
/// Ownership: plain data; the wait is in the awaitable that tick() returns.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::time::interval
class Interval {
 public:
  /// `period` must be above zero; a smaller one counts as one nanosecond.
  explicit Interval(Duration period, MissedTick missed = MissedTick::burst) noexcept
      : Interval(Clock::now(), period, missed) {}
  Interval(TimePoint first, Duration period, MissedTick missed = MissedTick::burst) noexcept
      : next_(first), period_(period > Duration::zero() ? period : Duration(1)), missed_(missed) {}

  Duration period() const noexcept { return period_; }
  void set_missed_tick(MissedTick missed) noexcept { missed_ = missed; }
  /// The next tick comes a whole period from now.
  void reset() noexcept { next_ = Clock::now() + period_; }
  /// The next tick is due at once, `delay` from now, or at `at`; those after it, whole periods later.
  void reset_immediately() noexcept { next_ = Clock::now(); }
  void reset_after(Duration delay) noexcept { next_ = detail::deadline_after(delay); }
  void reset_at(TimePoint at) noexcept { next_ = at; }

  /// `TimePoint due = co_await interval.tick();` Dropping the wait loses no tick.
  auto tick() noexcept { return Tick(*this); }

 private:
  class Tick {
   public:
    explicit Tick(Interval& interval) noexcept : interval_(interval), sleep_(interval.next_) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
      if (interval_.next_ <= Clock::now()) return detail::suspend_if_exhausted(suspended);
      return sleep_.await_suspend(suspended);
    }
    TimePoint await_resume() noexcept { return interval_.take(); }

   private:
    Interval& interval_;
    Sleep sleep_;
  };

  TimePoint take() noexcept {
    TimePoint due = next_;
    TimePoint now = Clock::now();
    next_ = due + period_;
    // A tick is late when the following one has come as well.
    if (next_ <= now && missed_ == MissedTick::delay) next_ = now + period_;
    if (next_ <= now && missed_ == MissedTick::skip) next_ += ((now - next_) / period_ + 1) * period_;
    return due;
  }

  TimePoint next_;
  Duration period_;
  MissedTick missed_;
};

inline Interval interval(Duration period, MissedTick missed = MissedTick::burst) noexcept {
  return Interval(period, missed);
}

}  // namespace tau
