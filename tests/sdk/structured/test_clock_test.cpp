#include <tau/interval.hpp>
#include <tau/spawn_blocking.hpp>
#include <tau/test_clock.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "support/runtime_fixture.hpp"

using namespace std::chrono_literals;
using tau::test::AsModule;
using tau::test::RuntimeFixture;

namespace {

class RealClock : public RuntimeFixture {
 public:
  RealClock() : RuntimeFixture(false) {}

  template <class T>
  T run(tau::Task<T> task) {
    auto handle = tau::spawn(std::move(task));
    run_until([&] { return handle.is_finished(); });
    return handle.try_join()->value();
  }
};

}  // namespace

TEST_CASE_FIXTURE(RealClock, "a paused clock jumps to the next deadline when nothing else is to be done") {
  auto body = []() -> tau::Task<std::vector<int>> {
    const auto real = std::chrono::steady_clock::now();
    CHECK(tau::time::pause().has_value());
    const auto started = tau::Clock::now();
    std::vector<int> order;
    auto sleeper = [&](std::chrono::hours hours) -> tau::Task<> {
      co_await tau::sleep(hours);
      order.push_back(static_cast<int>((tau::Clock::now() - started) / 1h));
    };
    auto late = tau::spawn(sleeper(20h));
    auto early = tau::spawn(sleeper(1h));
    (void)co_await late;
    CHECK_FALSE((co_await tau::timeout(1h, tau::sleep(2h))).has_value());
    CHECK(tau::Clock::now() - started < 21h + 1s);
    CHECK(std::chrono::steady_clock::now() - real < 30s);
    (void)co_await early;
    co_return order;
  };
  CHECK(run(body()) == std::vector<int>{1, 20});
}

TEST_CASE_FIXTURE(RealClock, "advance returns when what is due has had its turn; time stands still otherwise") {
  auto body = []() -> tau::Task<int> {
    CHECK(tau::time::pause().has_value());
    int fired = 0;
    auto sleeper = [&](std::chrono::seconds length) -> tau::Task<> {
      co_await tau::sleep(length);
      ++fired;
    };
    auto a = tau::spawn(sleeper(1s));
    auto b = tau::spawn(sleeper(2s));
    auto c = tau::spawn(sleeper(4s));
    co_await tau::yield_now();
    const auto started = tau::Clock::now();
    co_await tau::yield_now();
    CHECK(tau::Clock::now() == started);
    CHECK((co_await tau::time::advance(3s)).has_value());
    CHECK(fired == 2);
    CHECK(tau::Clock::now() - started >= 3s);
    CHECK(tau::Clock::now() - started < 3s + 1ms);
    c.abort();
    (void)co_await c;
    co_return fired;
  };
  CHECK(run(body()) == 2);
}

TEST_CASE_FIXTURE(RealClock, "a resumed clock goes on from where it is, and never goes back") {
  auto body = []() -> tau::Task<bool> {
    CHECK(tau::time::pause().has_value());
    const auto started = tau::Clock::now();
    co_await tau::sleep(5h);
    const auto paused = tau::Clock::now();
    CHECK(tau::time::resume().has_value());
    CHECK(tau::Clock::now() >= paused);
    CHECK(tau::Clock::now() - started < 5h + 10min);
    co_await tau::sleep(1ms);
    co_return tau::Clock::now() > paused;
  };
  CHECK(run(body()));
}

TEST_CASE_FIXTURE(RealClock, "blocking calls take real time, and the paused clock waits for them") {
  auto body = []() -> tau::Task<bool> {
    CHECK(tau::time::pause().has_value());
    std::atomic<bool> go{false};
    auto job = tau::spawn_blocking([&] {
      while (!go) std::this_thread::yield();
      return 1;
    });
    auto limited = [&]() -> tau::Task<bool> { co_return (co_await tau::timeout(1h, tau::sleep(30min))).has_value(); };
    auto other = tau::spawn(limited);
    for (int i = 0; i < 100; ++i) co_await tau::yield_now();
    const bool waited = !other.is_finished();
    go = true;
    CHECK((co_await job).value() == 1);
    CHECK((co_await other).value());
    co_return waited;
  };
  CHECK(run(body()));
}

TEST_CASE_FIXTURE(RealClock, "pausing twice, from another thread, or beside a plugin at work is refused") {
  tau_plugin other;
  other.id = 2;
  other.name = "other";
  other.phase = tau::host::Phase::running;
  {
    AsModule as(&other);
    auto forever = []() -> tau::Task<> { co_await tau::sleep(1h); };
    tau::spawn(forever).detach();
    settle();
  }
  CHECK(tau::time::pause().error() == tau::Errc::busy);
  unload(other);
  CHECK(tau::time::resume().error() == tau::Errc::invalid);
  std::thread([] { CHECK(tau::time::pause().error() == tau::Errc::wrong_thread); }).join();
  auto body = []() -> tau::Task<bool> {
    CHECK((co_await tau::time::advance(1s)).error() == tau::Errc::invalid);
    CHECK(tau::time::pause().has_value());
    co_return tau::time::pause().error() == tau::Errc::busy;
  };
  CHECK(run(body()));
  check_empty(other);
}

TEST_CASE_FIXTURE(RealClock, "unloading the plugin that paused it resumes the clock") {
  tau_plugin other;
  other.id = 2;
  other.name = "other";
  other.phase = tau::host::Phase::running;
  {
    AsModule as(&other);
    CHECK(tau::time::pause().has_value());
  }
  CHECK(runtime.clock.manual());
  unload(other);
  CHECK_FALSE(runtime.clock.manual());
}

TEST_CASE_FIXTURE(RuntimeFixture, "a clock that the host's own test holds cannot be paused") {
  CHECK(tau::time::pause().error() == tau::Errc::busy);
}

TEST_CASE_FIXTURE(RealClock, "advancing reaches those whose turn it is also while somebody is always ready") {
  auto body = []() -> tau::Task<bool> {
    CHECK(tau::time::pause().has_value());
    bool stop = false, fired = false;
    auto busy = [&]() -> tau::Task<> {
      while (!stop) co_await tau::yield_now();
    };
    auto sleeper = [&]() -> tau::Task<> {
      co_await tau::sleep(1s);
      fired = true;
    };
    auto a = tau::spawn(busy);
    auto b = tau::spawn(sleeper);
    co_await tau::yield_now();
    CHECK((co_await tau::time::advance(2s)).has_value());
    stop = true;
    (void)co_await a;
    co_return fired;
  };
  CHECK(run(body()));
}

TEST_CASE_FIXTURE(RealClock, "an interval that is reset ticks from there") {
  auto body = []() -> tau::Task<std::vector<int>> {
    CHECK(tau::time::pause().has_value());
    const auto started = tau::Clock::now();
    auto ticks = tau::interval(10s);
    std::vector<int> at;
    auto tick = [&]() -> tau::Task<> {
      co_await ticks.tick();
      at.push_back(static_cast<int>((tau::Clock::now() - started) / 1s));
    };
    co_await tick();
    ticks.reset_after(3s);
    co_await tick();
    co_await tick();
    ticks.reset_immediately();
    co_await tick();
    ticks.reset_at(started + 50s);
    co_await tick();
    ticks.reset();
    co_await tick();
    co_return at;
  };
  CHECK(run(body()) == std::vector<int>{0, 3, 13, 13, 50, 60});
}

TEST_CASE_FIXTURE(RealClock, "an interval of a day ticks a week at once") {
  auto body = []() -> tau::Task<int> {
    CHECK(tau::time::pause().has_value());
    auto days = tau::interval(24h);
    int ticks = 0;
    const auto started = co_await days.tick();
    while (co_await days.tick() - started < 24h * 7) ++ticks;
    co_return ticks;
  };
  CHECK(run(body()) == 6);
}
