#include "runtime/timer_wheel.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "runtime/owner.hpp"
#include "support/seed.hpp"

using tau::host::TimerWheel;

namespace {

constexpr std::uint64_t tick = std::uint64_t{1} << TimerWheel::tick_shift;

struct Timer : tau_timer {
  std::vector<Timer*>* fired;

  Timer(tau_plugin& plugin, std::vector<Timer*>& log) : tau_timer{}, fired(&log) {
    owner = &plugin;
    fire = [](tau_timer* self) {
      auto* timer = static_cast<Timer*>(self);
      timer->fired->push_back(timer);
    };
  }
};

struct Wheel {
  tau_plugin owner;
  std::vector<Timer*> fired;
  TimerWheel wheel{0};
};

}  // namespace

TEST_CASE_FIXTURE(Wheel, "a timer fires at its deadline and not before") {
  Timer timer(owner, fired);
  for (std::uint64_t deadline : {tick, tick + 1, 63 * tick, 64 * tick, 65 * tick, 4096 * tick - 1, 4096 * tick,
                                 4097 * tick, 64 * 4096 * tick, 5'000'000'000ul,
                                 3'600'000'000'000ul, std::uint64_t{1} << 62}) {
    CAPTURE(deadline);
    TimerWheel fresh(0);
    fired.clear();
    fresh.insert(&timer, deadline);
    CHECK(fresh.advance(deadline - 1) == 0);
    CHECK(fired.empty());
    CHECK(fresh.advance(deadline + tick - 1) == 1);
    CHECK(fired.size() == 1);
    CHECK(fresh.empty());
  }
  CHECK(owner.timers == 0);
}

TEST_CASE_FIXTURE(Wheel, "a cancelled timer never fires") {
  Timer kept(owner, fired), cancelled(owner, fired);
  wheel.insert(&cancelled, 100 * tick);
  wheel.insert(&kept, 100 * tick);
  CHECK(wheel.cancel(&cancelled));
  CHECK_FALSE(wheel.cancel(&cancelled));
  wheel.advance(1000 * tick);
  CHECK(fired == std::vector<Timer*>{&kept});
}

TEST_CASE_FIXTURE(Wheel, "a deadline in the past fires at the next advance") {
  wheel.advance(500 * tick);
  Timer timer(owner, fired);
  wheel.insert(&timer, 3);
  CHECK(wheel.next_wake_ns() <= 500 * tick);
  CHECK(wheel.advance(500 * tick) == 1);
}

TEST_CASE_FIXTURE(Wheel, "timers of which each tick has one are woken for together, others each at its time") {
  constexpr std::uint64_t begins[] = {10, 60, 4000, 4090};  // the last runs into the next block, which is asked later
  for (const std::uint64_t begin : begins) {
    CAPTURE(begin);
    TimerWheel fresh(0);
    std::vector<std::unique_ptr<Timer>> timers;
    auto arm = [&](std::uint64_t at) {
      timers.push_back(std::make_unique<Timer>(owner, fired));
      fresh.insert(timers.back().get(), at * tick);
    };
    arm(begin);
    CHECK(fresh.dense_wake_ns() == begin * tick);
    for (std::uint64_t i : {1, 2, 4}) arm(begin + i);
    CHECK(fresh.dense_wake_ns() == begin * tick);
    for (std::uint64_t i : {5, 7}) arm(begin + i);
    CHECK(fresh.next_wake_ns() == begin * tick);
    CHECK(fresh.dense_wake_ns() == (begin == 4090 ? begin : begin + 7) * tick);
    CHECK(fresh.advance((begin + 7) * tick) == 6);
    CHECK(fresh.dense_wake_ns() == TimerWheel::never);
  }
}

TEST_CASE_FIXTURE(Wheel, "the end of time is a deadline like any other") {
  Timer timer(owner, fired);
  wheel.insert(&timer, UINT64_MAX);
  wheel.advance(std::uint64_t{1} << 63);
  CHECK(fired.empty());
  CHECK(wheel.size() == 1);
  CHECK(wheel.cancel(&timer));
  CHECK(wheel.next_wake_ns() == TimerWheel::never);
}

TEST_CASE_FIXTURE(Wheel, "what a firing timer inserts waits for the next advance") {
  struct Again : tau_timer {
    TimerWheel* wheel;
    int count = 0;
  } again{};
  again.owner = &owner;
  again.wheel = &wheel;
  again.fire = [](tau_timer* self) {
    auto* timer = static_cast<Again*>(self);
    if (++timer->count < 5) timer->wheel->insert(timer, 0);
  };
  wheel.insert(&again, 0);
  for (int i = 1; i <= 5; ++i) {
    wheel.advance(100 * tick);
    CHECK(again.count == i);
  }
}

TEST_CASE_FIXTURE(Wheel, "a firing timer may cancel another that is due as well") {
  Timer victim(owner, fired);
  struct Killer : tau_timer {
    TimerWheel* wheel;
    Timer* victim;
  } killer{};
  killer.owner = &owner;
  killer.wheel = &wheel;
  killer.victim = &victim;
  killer.fire = [](tau_timer* self) {
    auto* timer = static_cast<Killer*>(self);
    timer->wheel->cancel(timer->victim);
  };
  wheel.insert(&killer, 7 * tick);
  wheel.insert(&victim, 7 * tick);
  CHECK(wheel.advance(8 * tick) == 1);
  CHECK(fired.empty());
  CHECK(wheel.empty());
}

TEST_CASE_FIXTURE(Wheel, "one owner's timers are withdrawn and another's stay") {
  tau_plugin other;
  std::vector<std::unique_ptr<Timer>> timers;
  for (std::uint64_t i = 0; i < 300; ++i) {
    timers.push_back(std::make_unique<Timer>(i % 3 ? other : owner, fired));
    wheel.insert(timers.back().get(), i * i * tick);
  }
  CHECK(wheel.withdraw_owner(&owner) == 100);
  CHECK(owner.timers == 0);
  wheel.advance(100'000 * tick);
  CHECK(fired.size() == 200);
  CHECK(std::all_of(fired.begin(), fired.end(), [&](Timer* timer) { return timer->owner == &other; }));
}

TEST_CASE("any mix of inserts, cancels and advances agrees with a sorted map") {
  TAU_SEEDED_RANDOM(random);
  tau_plugin owner;
  for (int round = 0; round < 30; ++round) {
    std::uint64_t now = random() >> (random() % 50 + 8);
    TimerWheel wheel(now);
    std::vector<Timer*> fired;
    std::vector<std::unique_ptr<Timer>> timers;
    for (int i = 0; i < 200; ++i) timers.push_back(std::make_unique<Timer>(owner, fired));
    std::map<Timer*, std::uint64_t> armed;
    for (int step = 0; step < 2000; ++step) {
      Timer* timer = timers[random() % timers.size()].get();
      switch (random() % 4) {
        case 0:
        case 1:
          if (!armed.count(timer)) {
            std::uint64_t deadline = now + (random() >> (random() % 40 + 20));
            wheel.insert(timer, deadline);
            armed[timer] = deadline;
          }
          break;
        case 2:
          CHECK(wheel.cancel(timer) == (armed.erase(timer) == 1));
          break;
        default: {
          std::uint64_t wake = wheel.next_wake_ns();
          std::uint64_t earliest = UINT64_MAX;
          for (auto& [t, deadline] : armed) earliest = std::min(earliest, deadline);
          if (!armed.empty()) REQUIRE(wake <= (earliest / tick + 1) * tick);
          now += random() >> (random() % 40 + 20);
          fired.clear();
          wheel.advance(now);
          for (Timer* due : fired) {
            REQUIRE(armed.count(due));
            REQUIRE(armed[due] <= now);
            armed.erase(due);
          }
          for (auto& [t, deadline] : armed) REQUIRE(deadline + tick > now);
        }
      }
      REQUIRE(wheel.size() == armed.size());
    }
    for (auto& [timer, deadline] : armed) wheel.cancel(timer);
  }
  CHECK(owner.timers == 0);
}
