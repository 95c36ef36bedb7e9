#include <tau/interval.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include "gate.hpp"
#include "support/runtime_fixture.hpp"

using namespace std::chrono_literals;
using tau::test::Gate;
using tau::test::RuntimeFixture;

TEST_CASE_FIXTURE(RuntimeFixture, "a timeout takes any awaiter, and withdraws it when the time is up") {
  Gate gate;
  bool timed_out = false;
  int value = 0;
  auto body = [&]() -> tau::Task<> {
    auto late = co_await tau::timeout(5ms, gate.wait());
    timed_out = late.error() == tau::Errc::timed_out;
    CHECK(gate.waiting() == 0);
    CHECK((co_await tau::timeout(1h, tau::yield_now())).has_value());
    CHECK_FALSE((co_await tau::timeout(1ms, tau::sleep(1h))).has_value());
    value = (co_await tau::timeout(1h, gate.wait_rigidly())).value();
  };
  auto handle = tau::spawn(body);
  advance(4ms);
  CHECK(gate.waiting() == 1);
  advance(4ms);
  CHECK(timed_out);
  gate.open(6);
  settle();
  CHECK(value == 6);
  CHECK(handle.is_finished());
  CHECK(plugin.timers == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "what is ready wins over a deadline that has passed, and arms no timer") {
  Gate open(true);
  open.open(3);
  int value = 0;
  auto body = [&]() -> tau::Task<> { value = (co_await tau::timeout(-1s, open.wait())).value(); };
  tau::spawn(body).detach();
  runtime.turn(false);
  CHECK(value == 3);
}

TEST_CASE_FIXTURE(RuntimeFixture, "what has happened in the turn of the deadline wins") {
  bool in_time = false;
  auto body = [&]() -> tau::Task<> { in_time = (co_await tau::timeout(5ms, tau::sleep(5ms))).has_value(); };
  tau::spawn(body).detach();
  advance(6ms);
  CHECK(in_time);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a tick in a timeout is not lost when the time is up first") {
  int ticks = 0;
  auto body = [&]() -> tau::Task<> {
    auto every = tau::interval(10ms);
    for (int i = 0; i < 9; ++i) ticks += (co_await tau::timeout(4ms, every.tick())).has_value();
  };
  tau::spawn(body).detach();
  advance(60ms);
  CHECK(ticks >= 3);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a timeout around an awaiter, aborted, leaves nothing") {
  Gate gate;
  auto body = [&]() -> tau::Task<> { CHECK((co_await tau::timeout(1s, gate.wait())).has_value()); };
  auto handle = tau::spawn(body);
  settle();
  CHECK(plugin.timers == 1);
  handle.abort();
  settle();
  CHECK(plugin.timers == 0);
  CHECK(gate.waiting() == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a deadline that passes while its branch nests the loop waits for it") {
  bool timed_out = false;
  bool through = false;
  struct Nests {
    bool& through;
    explicit Nests(bool& done) : through(done) {}
    tau::Task<> run() {
      co_await tau::yield_now();
      auto slow = []() -> tau::Task<> { co_await tau::sleep(5ms); };
      CHECK(tau::block_on(slow()).has_value());
      through = true;
      co_await tau::sleep(1h);
    }
  } nests(through);
  struct Holder {
    tau::Task<> task;
    explicit Holder(tau::Task<> held) : task(std::move(held)) {}
    auto operator co_await() noexcept { return std::move(task).operator co_await(); }
  };
  auto body = [&]() -> tau::Task<> {
    timed_out = !(co_await tau::timeout(1ms, Holder(nests.run()))).has_value();
  };
  auto handle = tau::spawn(body);
  auto clock = [&]() -> tau::Task<> {
    for (int i = 0; i < 100; ++i) {
      runtime.clock.advance(200'000);
      co_await tau::yield_now();
    }
  };
  tau::spawn(clock).detach();
  settle();
  CHECK(through);
  CHECK_FALSE(timed_out);
  advance(2ms);
  CHECK(timed_out);
  CHECK(handle.is_finished());
}
