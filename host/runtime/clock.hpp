// Where "now" comes from: the monotonic clock, or a hand that tests turn.
//
// The host's own tests stop it for good. A plugin's test stops it for a while (Runtime::pause_clock), and
// afterwards it goes on from the time that it had then: it never goes back.
#pragma once

#include <time.h>

#include <cstdint>

#include "coarse_clock.hpp"
#include "runtime/atomic.hpp"

namespace tau::host {

/// Nanoseconds; never goes back. [any]
class Clock {
 public:
  std::uint64_t now() const noexcept {
    if (manual_.load(std::memory_order_acquire)) [[unlikely]] return manual_now_.load(std::memory_order_relaxed);
    return monotonic() + offset_.load(std::memory_order_relaxed);
  }

  /// So much from now; saturates. A long delay is counted by the coarse clock and ends one or two of its ticks later,
  /// less than a thousandth. [any]
  std::uint64_t after(std::uint64_t delay_ns) const noexcept {
    const bool coarse = delay_ns >= long_delay_ns_ && !manual_.load(std::memory_order_acquire);
    const std::uint64_t from =
        coarse ? coarse_clock::now_ns() + 2 * tick_ns_ + offset_.load(std::memory_order_relaxed) : now();
    return delay_ns > UINT64_MAX - from ? UINT64_MAX : from + delay_ns;
  }

  /// From here on time stands still but for advance(). [loop]
  void stop() noexcept {
    manual_now_.store(now(), std::memory_order_relaxed);
    manual_.store(true, std::memory_order_release);
  }
  /// Saturates. [loop]
  void advance(std::uint64_t ns) noexcept {
    const std::uint64_t now = manual_now_.load(std::memory_order_relaxed);
    manual_now_.store(ns > UINT64_MAX - now ? UINT64_MAX : now + ns, std::memory_order_relaxed);
  }
  /// Goes on by itself, from the time it has. [loop]
  void start() noexcept {
    offset_.store(manual_now_.load(std::memory_order_relaxed) - monotonic(), std::memory_order_relaxed);
    manual_.store(false, std::memory_order_release);
  }
  /// Whether its times are those of CLOCK_MONOTONIC.
  bool is_the_systems() const noexcept { return !manual() && offset_.load(std::memory_order_relaxed) == 0; }
  bool manual() const noexcept { return manual_.load(std::memory_order_relaxed); }

 private:
  static std::uint64_t monotonic() noexcept {
    timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(ts.tv_nsec);
  }

  const std::uint64_t tick_ns_ = coarse_clock::tick_ns();
  const std::uint64_t long_delay_ns_ = tick_ns_ == 0 ? UINT64_MAX : 2000 * tick_ns_;
  Atomic<bool> manual_{false};
  Atomic<std::uint64_t> manual_now_{0};
  Atomic<std::uint64_t> offset_{0};  // to the monotonic clock; wraps around when it lags
};

}  // namespace tau::host
