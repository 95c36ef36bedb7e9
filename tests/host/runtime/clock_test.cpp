// The clock: what "so much from now" means, for short delays and long ones.
#include "runtime/clock.hpp"

#include <doctest/doctest.h>

#include <cstdint>

#include "runtime/coarse_clock.hpp"

using tau::host::Clock;
namespace coarse_clock = tau::host::coarse_clock;

namespace {
constexpr std::uint64_t second = 1'000'000'000;
}

TEST_CASE("a delay ends no earlier than it says, and a long one a few ticks of the system's clock later at most") {
  Clock clock;
  const std::uint64_t late = 3 * coarse_clock::tick_ns();
  for (const std::uint64_t delay : {std::uint64_t{0}, std::uint64_t{1}, second, 60 * second, 3600 * second}) {
    CAPTURE(delay);
    bool in_time = false;
    // The processor that keeps the system's time may itself be kept from it for some ticks, but not again and again.
    for (int attempt = 0; attempt < 5 && !in_time; ++attempt) {
      const std::uint64_t before = clock.now();
      const std::uint64_t deadline = clock.after(delay);
      in_time = deadline >= before + delay && deadline <= clock.now() + delay + late;
    }
    CHECK(in_time);
  }
  CHECK(late < 60 * second / 1000);
}

TEST_CASE("a delay without end ends with time itself") {
  Clock clock;
  CHECK(clock.after(UINT64_MAX) == UINT64_MAX);
  clock.stop();
  CHECK(clock.after(UINT64_MAX) == UINT64_MAX);
}

TEST_CASE("a clock that stands still counts long delays exactly, and one that was moved goes on from there") {
  Clock clock;
  clock.stop();
  CHECK(clock.after(60 * second) == clock.now() + 60 * second);
  clock.advance(3600 * second);
  clock.start();
  CHECK(clock.after(60 * second) > clock.now() + 59 * second);
}
