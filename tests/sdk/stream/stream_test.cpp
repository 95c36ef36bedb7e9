#include <tau/event.hpp>
#include <tau/join.hpp>
#include <tau/select.hpp>
#include <tau/stream/sources.hpp>
#include <tau/stream/stream.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "sdk/structured/gate.hpp"
#include "support/counted.hpp"
#include "support/seed.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::Stream;
using tau::test::Counted;
using tau::test::Gate;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

namespace {

Stream<int> numbers(int from, int to) {
  for (int i = from; i < to; ++i) co_yield i;
}
Stream<int> ticking(int count, std::chrono::milliseconds period) {
  for (int i = 0; i < count; ++i) {
    co_await tau::sleep(period);
    co_yield i;
  }
}
Stream<int> gated(Gate& gate, int* alive) {
  Counted counted(*alive);
  for (int i = 0;; ++i) co_yield i * 100 + co_await gate.wait();
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "a stream has its items, then its end, and then its end again") {
  std::vector<int> seen;
  auto body = [&]() -> tau::Task<> {
    auto stream = numbers(0, 3);
    while (auto item = co_await stream.next()) seen.push_back(*item);
    CHECK_FALSE((co_await stream.next()).has_value());
    Stream<int> none;
    CHECK_FALSE((co_await none.next()).has_value());
  };
  tau::spawn(body).detach();
  settle();
  CHECK(seen == std::vector<int>{0, 1, 2});
}

TEST_CASE_FIXTURE(RuntimeFixture, "items are moved from the stream to whoever asked; lvalues are copied") {
  std::vector<std::string> seen;
  auto words = []() -> Stream<std::string> {
    std::string kept = "kept";
    co_yield kept;
    CHECK(kept == "kept");
    co_yield std::move(kept);
    co_yield "converted";
  };
  auto owned = []() -> Stream<std::unique_ptr<int>> { co_yield std::make_unique<int>(7); };
  auto body = [&]() -> tau::Task<> {
    auto stream = words();
    while (auto word = co_await stream.next()) seen.push_back(*std::move(word));
    auto pointers = owned();
    auto pointer = co_await pointers.next();
    CHECK(**pointer == 7);
  };
  tau::spawn(body).detach();
  settle();
  CHECK(seen == std::vector<std::string>{"kept", "kept", "converted"});
}

TEST_CASE_FIXTURE(RuntimeFixture, "a stream runs only while somebody asks") {
  int made = 0;
  auto counting = [&]() -> Stream<int> {
    for (;;) co_yield ++made;
  };
  auto body = [&]() -> tau::Task<> {
    auto stream = counting();
    CHECK(made == 0);
    for (int i = 0; i < 3; ++i) co_await stream.next();
    co_await tau::yield_now();
    CHECK(made == 3);
  };
  tau::spawn(body).detach();
  settle();
  CHECK(made == 3);
}

TEST_CASE_FIXTURE(RuntimeFixture, "an exception leaves through next, and the stream has ended") {
  std::string what;
  auto failing = []() -> Stream<int> {
    co_yield 1;
    co_await tau::yield_now();
    throw std::runtime_error("stream");
  };
  auto body = [&]() -> tau::Task<> {
    auto stream = failing();
    CHECK(*(co_await stream.next()) == 1);
    try {
      co_await stream.next();
    } catch (const std::exception& error) {
      what = error.what();
    }
    CHECK_FALSE((co_await stream.next()).has_value());
  };
  tau::spawn(body).detach();
  settle();
  CHECK(what == "stream");
}

TEST_CASE_FIXTURE(RuntimeFixture, "a next that is dropped in the middle of a wait loses no item") {
  Gate gate;
  int alive = 0;
  std::vector<int> seen;
  auto body = [&]() -> tau::Task<> {
    auto stream = gated(gate, &alive);
    CHECK_FALSE((co_await tau::timeout(1ms, stream.next())).has_value());
    CHECK(gate.waiting() == 1);  // it waits by itself
    gate.open(7);                // while nobody asks
    co_await tau::yield_now();
    gate.shut();
    seen.push_back(*(co_await stream.next()));
    auto won = co_await tau::select(stream.next(), tau::sleep(1ms));
    CHECK(won.index() == 1);
    gate.open(8);
    seen.push_back(*(co_await stream.next()));
  };
  tau::spawn(body).detach();
  advance(10ms);
  CHECK(seen == std::vector<int>{7, 108});
  CHECK(alive == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a stream that goes from one task to another in the middle of a wait goes on there") {
  Gate gate;
  int alive = 0;
  int seen = 0;
  auto stream = gated(gate, &alive);
  auto first = [&]() -> tau::Task<> { co_await stream.next(); };
  auto second = [&]() -> tau::Task<> { seen = *(co_await stream.next()); };
  auto handle = tau::spawn(first);
  settle();
  handle.abort();
  settle();
  tau::spawn(second).detach();
  settle();
  CHECK(gate.waiting() == 1);
  gate.open(5);
  settle();
  CHECK(seen == 5);
  stream = Stream<int>();
  CHECK(alive == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "an adaptor takes over a stream whose next was dropped in the middle of a wait") {
  for (bool opened_before : {false, true}) {
    Gate gate;
    int alive = 0;
    std::vector<int> seen;
    auto nested = [&](Gate& shared) -> Stream<int> {
      Counted counted(alive);
      auto twice = [](Gate& waited) -> tau::Task<int> {
        const int first = co_await waited.wait();
        co_await tau::yield_now();
        co_return first + co_await waited.wait();
      };
      for (;;) co_yield co_await twice(shared);
    };
    auto body = [&]() -> tau::Task<> {
      auto stream = nested(gate);
      CHECK_FALSE((co_await tau::timeout(1ms, stream.next())).has_value());
      if (opened_before) gate.open(1);
      seen = co_await std::move(stream).map([](int value) { return value * 10; }).take(3).collect();
    };
    auto handle = tau::spawn(body);
    advance(2ms);
    CHECK(handle.is_finished() == opened_before);
    gate.open(1);
    settle();
    CHECK(handle.is_finished());
    CHECK(seen == std::vector<int>{20, 20, 20});
    CHECK(alive == 0);
  }
}

TEST_CASE_FIXTURE(RuntimeFixture, "a stream destroyed while somebody waits for it ends that wait") {
  Gate gate;
  int alive = 0;
  bool ended = false;
  auto stream = std::make_unique<Stream<int>>(gated(gate, &alive));
  auto body = [&]() -> tau::Task<> { ended = !(co_await stream->next()).has_value(); };
  tau::spawn(body).detach();
  settle();
  stream.reset();
  CHECK(gate.waiting() == 0);
  settle();
  CHECK(ended);
  CHECK(alive == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a task aborted while its stream waits destroys both") {
  Gate gate;
  int alive = 0;
  auto body = [&]() -> tau::Task<> {
    auto stream = gated(gate, &alive).map([](int value) { return value + 1; });
    while (co_await stream.next()) {
    }
  };
  auto handle = tau::spawn(body);
  settle();
  CHECK(alive == 1);
  handle.abort();
  settle();
  CHECK(alive == 0);
  CHECK(gate.waiting() == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a stream that is always ready does not keep others waiting") {
  bool stop = false;
  std::size_t seen = 0;
  auto endless = []() -> Stream<int> {
    for (int i = 0;; ++i) co_yield i;
  };
  auto body = [&]() -> tau::Task<> {
    auto stream = endless();
    while (!stop && co_await stream.next()) ++seen;
  };
  auto stopper = [&]() -> tau::Task<> {
    for (int i = 0; i < 10; ++i) co_await tau::yield_now();
    stop = true;
  };
  tau::spawn(body).detach();
  tau::spawn(stopper).detach();
  settle();
  CHECK(stop);
  CHECK(seen <= 12 * TAU_TASK_BUDGET);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a stream that yields to the loop, or nests it, goes on") {
  std::vector<int> seen;
  auto nesting = []() -> Stream<int> {
    co_await tau::yield_now();
    co_yield 1;
    auto inner = []() -> tau::Task<int> {
      co_await tau::sleep(1ms);
      co_return 2;
    };
    co_yield tau::block_on(inner()).value();
  };
  auto body = [&]() -> tau::Task<> { seen = co_await nesting().collect(); };
  tau::spawn(body).detach();
  auto clock = [&]() -> tau::Task<> {
    for (int i = 0; i < 10; ++i) {
      runtime.clock.advance(1'000'000);
      co_await tau::yield_now();
    }
  };
  tau::spawn(clock).detach();
  settle();
  CHECK(seen == std::vector<int>{1, 2});
}

TEST_CASE_FIXTURE(RuntimeFixture, "an interval, a range, one item, a subscription: where streams begin") {
  std::vector<int> seen;
  std::size_t ticks = 0;
  auto body = [&]() -> tau::Task<> {
    std::vector<int> three{1, 2, 3};
    seen = co_await tau::stream::iter(three).chain(tau::stream::once(4)).chain(tau::stream::empty<int>()).collect();
    ticks = co_await tau::stream::interval(1ms).take(3).count();
    auto topic = tau::event::subscribe<int>("topic", 2).value();
    for (int i = 0; i < 3; ++i) CHECK(tau::event::publish("topic", i).has_value());
    auto events = tau::stream::try_receive(std::move(topic)).take(3);
    CHECK((co_await events.next())->error() == tau::Errc::lagged);
    CHECK((co_await events.next())->value() == 1);
    auto again = tau::event::subscribe<int>("again").value();
    CHECK(tau::event::publish("again", 9).has_value());
    CHECK(*(co_await tau::stream::receive(std::move(again)).next()) == 9);
  };
  auto handle = tau::spawn(body);
  advance(10ms);
  CHECK(seen == std::vector<int>{1, 2, 3, 4});
  CHECK(ticks == 3);
  CHECK(handle.is_finished());
}

TEST_CASE_FIXTURE(TwoPlugins, "a plugin unloaded while its streams wait leaves nothing") {
  Gate gate;
  int alive = 0;
  as_other([&] {
    auto body = [](Gate& shared, int* count) -> tau::Task<> {
      auto left = gated(shared, count);
      auto merged = std::move(left).merge(ticking(1000, 3ms)).throttle(2ms);
      while (co_await merged.next()) {
      }
    };
    for (int i = 0; i < 5; ++i) tau::spawn(body(gate, &alive)).detach();
    settle();
  });
  CHECK(alive == 5);
  unload_other();
  CHECK(alive == 0);
  CHECK(gate.waiting() == 0);
}
