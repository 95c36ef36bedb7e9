#include <time.h>

#include "coarse_clock.hpp"

namespace tau::host::coarse_clock {
namespace {

std::uint64_t to_ns(const timespec& time) noexcept {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace

std::uint64_t tick_ns() noexcept {
  timespec tick{};
  return clock_getres(CLOCK_MONOTONIC_COARSE, &tick) == 0 ? to_ns(tick) : 0;
}

std::uint64_t now_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return to_ns(now);
}

}  // namespace tau::host::coarse_clock
