#include <tau/interval.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <vector>

#include "support/counted.hpp"
#include "support/runtime_fixture.hpp"
#include "support/seed.hpp"

using namespace std::chrono_literals;
using tau::test::Counted;
using tau::test::RuntimeFixture;

namespace {

tau::Task<int> slow(std::chrono::milliseconds delay, int* alive) {
  Counted counted(*alive);
  co_await tau::sleep(delay);
  co_return 5;
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "sleeps end in the order of their deadlines, never early") {
  TAU_SEEDED_RANDOM(random);
  std::vector<std::chrono::microseconds> order;
  auto sleeper = [&](std::chrono::microseconds delay) -> tau::Task<> {
    tau::TimePoint started = tau::Clock::now();
    co_await tau::sleep(delay);
    CHECK(tau::Clock::now() - started >= delay);
    order.push_back(delay);
  };
  for (int i = 0; i < 500; ++i) tau::spawn(sleeper(std::chrono::microseconds(random() % 100'000))).detach();
  advance(200ms);
  REQUIRE(order.size() == 500);
  for (std::size_t i = 1; i < order.size(); ++i) CHECK(order[i] + 33us >= order[i - 1]);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a timeout hands on the value, or destroys what took too long") {
  int alive = 0;
  int value = 0;
  bool timed_out = false;
  auto body = [&]() -> tau::Task<> {
    auto in_time = co_await tau::timeout(10ms, slow(5ms, &alive));
    value = *in_time;
    auto late = co_await tau::timeout(10ms, slow(50ms, &alive));
    timed_out = late.error() == tau::Errc::timed_out;
    CHECK(alive == 0);
  };
  tau::spawn(body).detach();
  advance(6ms);
  CHECK(value == 5);
  CHECK(plugin.timers == 2);
  advance(11ms);
  CHECK(timed_out);
  CHECK(alive == 0);
  CHECK(plugin.timers == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a task that is ready at every turn times out nevertheless") {
  bool timed_out = false;
  auto busy = []() -> tau::Task<> {
    for (;;) co_await tau::yield_now();
  };
  auto body = [&]() -> tau::Task<> {
    auto result = co_await tau::timeout(1ms, busy());
    timed_out = result.error() == tau::Errc::timed_out;
  };
  tau::spawn(body).detach();
  for (int i = 0; i < 100 && !timed_out; ++i) {
    runtime.clock.advance(100'000);
    runtime.turn(false);
  }
  CHECK(timed_out);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a timeout around a timeout, aborted in the middle, leaves nothing") {
  int alive = 0;
  auto body = [&]() -> tau::Task<> {
    auto inner = [&]() -> tau::Task<> {
      auto result = co_await tau::timeout(1s, slow(1h == 1h ? 3600000ms : 0ms, &alive));
      CHECK(result.has_value());
    };
    auto result = co_await tau::timeout(2s, inner());
    CHECK(result.has_value());
  };
  auto handle = tau::spawn(body);
  settle();
  CHECK(alive == 1);
  CHECK(plugin.timers == 3);
  handle.abort();
  settle();
  CHECK(alive == 0);
  CHECK(plugin.timers == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "an interval ticks at once and does not drift") {
  std::vector<std::int64_t> at;
  tau::TimePoint started = tau::Clock::now();
  auto body = [&]() -> tau::Task<> {
    auto ticks = tau::interval(10ms);
    for (int i = 0; i < 5; ++i) {
      co_await ticks.tick();
      at.push_back((tau::Clock::now() - started) / 1ms);
      co_await tau::sleep(3ms);
    }
  };
  tau::spawn(body).detach();
  advance(100ms);
  CHECK(at == std::vector<std::int64_t>{0, 10, 20, 30, 40});
}

TEST_CASE_FIXTURE(RuntimeFixture, "missed ticks: burst catches up, delay starts anew, skip drops") {
  auto measure = [&](tau::MissedTick missed) {
    std::vector<std::int64_t> at;
    tau::TimePoint started = tau::Clock::now();
    auto body = [&]() -> tau::Task<> {
      auto ticks = tau::interval(10ms, missed);
      co_await ticks.tick();
      co_await tau::sleep(35ms);
      for (int i = 0; i < 4; ++i) {
        co_await ticks.tick();
        at.push_back((tau::Clock::now() - started) / 1ms);
      }
    };
    auto handle = tau::spawn(body);
    advance(200ms);
    return at;
  };
  CHECK(measure(tau::MissedTick::burst) == std::vector<std::int64_t>{35, 35, 35, 40});
  CHECK(measure(tau::MissedTick::delay) == std::vector<std::int64_t>{35, 45, 55, 65});
  CHECK(measure(tau::MissedTick::skip) == std::vector<std::int64_t>{35, 40, 50, 60});
}
