// Where "now" comes from: the monotonic clock, or a hand that tests turn.
#pragma once

#include <time.h>

#include <cstdint>

namespace tau::host {

/// Nanoseconds; never goes back. [any]
class Clock {
 public:
  std::uint64_t now() const noexcept {
    if (manual_) return manual_now_;
    timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(ts.tv_nsec);
  }

  /// From here on time stands still but for advance(). [loop]
  void stop() noexcept {
    manual_now_ = now();
    manual_ = true;
  }
  void advance(std::uint64_t ns) noexcept { manual_now_ += ns; }
  bool manual() const noexcept { return manual_; }

 private:
  bool manual_ = false;
  std::uint64_t manual_now_ = 0;
};

}  // namespace tau::host
