#include <tau/event.hpp>
#include <tau/join.hpp>
#include <tau/join_set.hpp>
#include <tau/select.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <array>
#include <stdexcept>
#include <string>

#include "gate.hpp"
#include "support/counted.hpp"
#include "support/seed.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::test::Counted;
using tau::test::Gate;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

namespace {

tau::Task<int> through(Gate& gate, int* alive) {
  Counted counted(*alive);
  co_return co_await gate.wait();
}
tau::Task<int> at_once(int value) { co_return value; }

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "select returns the first to end, and the losers are destroyed by then") {
  Gate gate, other;
  int alive = 0;
  std::size_t index = 9;
  int value = 0;
  auto body = [&]() -> tau::Task<> {
    auto won = co_await tau::select(through(gate, &alive), tau::sleep(1s), through(other, &alive), other.wait());
    CHECK(alive == 0);
    CHECK(other.waiting() == 0);
    CHECK(plugin.timers == 0);
    index = won.index();
    value = std::get<0>(won);
  };
  tau::spawn(body).detach();
  settle();
  CHECK(alive == 2);
  gate.open(3);
  settle();
  CHECK(index == 0);
  CHECK(value == 3);
}

TEST_CASE_FIXTURE(RuntimeFixture, "of two branches woken in one turn the first woken wins and the other is destroyed") {
  Gate gate, other;
  int alive = 0;
  std::size_t index = 9;
  auto body = [&]() -> tau::Task<> {
    index = (co_await tau::select(through(gate, &alive), through(other, &alive))).index();
  };
  tau::spawn(body).detach();
  settle();
  other.open();
  gate.open();
  settle();
  CHECK(index == 1);
  CHECK(alive == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a biased select prefers by place; a fair one lets every ready branch win in turn") {
  Gate open(true), gate, other;
  std::array<int, 3> fair{}, biased{};
  std::size_t woken = 9;
  auto body = [&]() -> tau::Task<> {
    for (int i = 0; i < 300; ++i) {
      ++fair[(co_await tau::select(open.wait(), open.wait(), at_once(1))).index()];
      ++biased[(co_await tau::select_biased(at_once(1), open.wait(), open.wait())).index()];
    }
    woken = (co_await tau::select_biased(gate.wait(), other.wait())).index();
  };
  tau::spawn(body).detach();
  settle();
  CHECK(fair[0] > 50);
  CHECK(fair[1] > 50);
  CHECK(fair[2] > 50);
  CHECK(biased == std::array<int, 3>{300, 0, 0});
  other.open();
  gate.open();
  settle();
  CHECK(woken == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "branches after one that ends at once are not started") {
  int started = 0;
  auto counting = [&]() -> tau::Task<int> {
    ++started;
    co_return 2;
  };
  auto body = [&]() -> tau::Task<> {
    auto won = co_await tau::select_biased(at_once(1), counting());
    CHECK(won.index() == 0);
  };
  tau::spawn(body).detach();
  settle();
  CHECK(started == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "race returns the value alone, or throws what the first threw") {
  Gate gate;
  int alive = 0;
  int value = 0;
  std::string what;
  auto failing = []() -> tau::Task<int> {
    co_await tau::yield_now();
    throw std::runtime_error("lost");
  };
  auto body = [&]() -> tau::Task<> {
    value = co_await tau::race(through(gate, &alive), at_once(4));
    co_await tau::race(tau::sleep(1h), tau::yield_now());
    try {
      co_await tau::race_biased(through(gate, &alive), failing());
    } catch (const std::exception& error) {
      what = error.what();
    }
    CHECK(alive == 0);
  };
  tau::spawn(body).detach();
  settle();
  CHECK(value == 4);
  CHECK(what == "lost");
}

TEST_CASE_FIXTURE(RuntimeFixture, "select_all tells which of many it was") {
  std::vector<Gate> gates(100);
  int alive = 0;
  std::pair<std::size_t, int> won{};
  auto body = [&]() -> tau::Task<> {
    std::vector<tau::Task<int>> tasks;
    for (Gate& gate : gates) tasks.push_back(through(gate, &alive));
    won = co_await tau::select_all(std::move(tasks));
    CHECK(alive == 0);
  };
  tau::spawn(body).detach();
  settle();
  CHECK(alive == 100);
  gates[42].open(7);
  settle();
  CHECK(won == std::pair<std::size_t, int>{42, 7});
}

TEST_CASE_FIXTURE(RuntimeFixture, "an awaiter that cannot be moved may lose, and its late wake finds nobody") {
  Gate gate;
  int steps = 0;
  auto two = [&](int first) -> tau::Task<int> {
    co_await tau::sleep(1ms);
    co_return first;
  };
  auto body = [&]() -> tau::Task<> {
    // The awaiter that lost is alive until the end of this expression, in which the task waits again.
    auto [index, other] = std::pair((co_await tau::select(gate.wait_rigidly(), tau::yield_now())).index(),
                                    co_await two(5));
    CHECK(index == 1);
    CHECK(other == 5);
    ++steps;
  };
  auto handle = tau::spawn(body);
  settle();
  gate.open();
  settle();
  CHECK(steps == 0);
  advance(2ms);
  CHECK(steps == 1);
  CHECK(gate.waiting() == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a loser whose destructor wakes the other loser harms nobody") {
  Gate gate, quick;
  struct Opens {
    Gate& gate;
    explicit Opens(Gate& opened) : gate(opened) {}
    ~Opens() { gate.open(); }
  };
  auto opening = [&](Gate& opened) -> tau::Task<int> {
    Opens at_end(opened);
    Gate never;
    co_return co_await never.wait();
  };
  int alive = 0;
  std::size_t index = 9;
  auto body = [&]() -> tau::Task<> {
    index = (co_await tau::select(opening(gate), through(gate, &alive), quick.wait(), opening(gate))).index();
    co_await tau::yield_now();
  };
  auto handle = tau::spawn(body);
  settle();
  quick.open();
  settle();
  CHECK(index == 2);
  CHECK(alive == 0);
  CHECK(handle.is_finished());
}

TEST_CASE_FIXTURE(RuntimeFixture, "selects, joins and timeouts nest in one expression without tasks of their own") {
  Gate gate, other;
  int alive = 0;
  bool timed_out = false;
  auto body = [&]() -> tau::Task<> {
    auto won = co_await tau::select(tau::join(through(gate, &alive), other.wait()),
                                    tau::timeout(5ms, tau::race(gate.wait(), through(other, &alive))));
    timed_out = std::get<1>(won).error() == tau::Errc::timed_out;
    CHECK(alive == 0);
    CHECK(gate.waiting() + other.waiting() == 0);
  };
  tau::spawn(body).detach();
  settle();
  CHECK(alive == 2);
  advance(6ms);
  CHECK(timed_out);
  CHECK(plugin.timers == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "handles, sets and lvalues that give awaiters of their own can be branches") {
  Gate gate;
  int alive = 0;
  std::string order;
  auto body = [&]() -> tau::Task<> {
    auto handle = tau::spawn(through(gate, &alive));
    tau::JoinSet<int> set;
    set.spawn(at_once(3));
    auto first = co_await tau::select(handle, set.join_next());
    order += std::to_string(first.index());
    CHECK(std::get<1>(first)->value() == 3);
    gate.open(8);
    auto second = co_await tau::select(handle, tau::sleep(1h));
    order += std::to_string(second.index());
    CHECK(std::get<0>(second).value() == 8);
  };
  tau::spawn(body).detach();
  settle();
  CHECK(order == "10");
}

TEST_CASE_FIXTURE(RuntimeFixture, "an event that arrives while its branch loses is not lost") {
  Gate quick;
  std::vector<int> seen;
  auto body = [&]() -> tau::Task<> {
    auto numbers = tau::event::subscribe<int>("numbers").value();
    auto won = co_await tau::select(quick.wait(), numbers.next());
    CHECK(won.index() == 0);
    for (int i = 0; i < 2; ++i) seen.push_back((co_await numbers.next()).value());
  };
  tau::spawn(body).detach();
  settle();
  quick.open();  // first
  CHECK(tau::event::publish("numbers", 1).value() == 1);
  settle();
  CHECK(tau::event::publish("numbers", 2).value() == 1);
  settle();
  CHECK(seen == std::vector<int>{1, 2});
}

TEST_CASE_FIXTURE(TwoPlugins, "a branch that waits for another plugin's task ends when that plugin is unloaded") {
  Gate gate;
  int alive = 0;
  std::optional<tau::Error> error;
  auto others = as_other([&] { return tau::spawn(through(gate, &alive)); });
  auto body = [&]() -> tau::Task<> {
    auto won = co_await tau::select(others, tau::sleep(1h));
    REQUIRE(won.index() == 0);
    error = std::get<0>(won).error();
  };
  auto handle = tau::spawn(body);
  settle();
  CHECK(alive == 1);
  unload_other();
  settle();
  CHECK(error == tau::Errc::canceled);
  CHECK(plugin.timers == 0);
  CHECK(handle.is_finished());
}

TEST_CASE_FIXTURE(TwoPlugins, "a plugin unloaded with combinators in flight leaves nothing behind") {
  Gate gate;
  int alive = 0;
  as_other([&] {
    auto body = [](Gate& shared, int* count) -> tau::Task<> {
      for (;;) {
        co_await tau::select(tau::join(through(shared, count), tau::sleep(3ms)), tau::timeout(2ms, shared.wait()));
      }
    };
    for (int i = 0; i < 10; ++i) tau::spawn(body(gate, &alive)).detach();
  });
  advance(20ms);
  CHECK(alive == 10);
  unload_other();
  CHECK(alive == 0);
  CHECK(gate.waiting() == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "branches at random: every wait ends, is destroyed once, and none is lost") {
  TAU_SEEDED_RANDOM(random);
  int alive = 0;
  int ended = 0;
  auto leaf = [&](std::uint64_t us, auto&) -> tau::Task<int> {
    Counted counted(alive);
    if (us % 7 == 0) throw std::runtime_error("leaf");
    if (us % 5 == 0) co_await tau::yield_now();
    if (us % 3 != 0) co_await tau::sleep(std::chrono::microseconds(us));
    co_return 1;
  };
  auto tree = [&](int depth, auto& self) -> tau::Task<int> {
    Counted counted(alive);
    if (depth == 0) co_return co_await leaf(random() % 5000, self);
    int sum = 0;
    try {
      switch (random() % 4) {
        case 0: {
          auto [a, b] = co_await tau::join(self(depth - 1, self), self(depth - 1, self));
          sum = a + b;
          break;
        }
        case 1: sum = co_await tau::race(self(depth - 1, self), self(depth - 1, self), leaf(random() % 900, self)); break;
        case 2: {
          auto limited = co_await tau::timeout(std::chrono::microseconds(random() % 3000),
                                               tau::join(self(depth - 1, self), leaf(random() % 100, self)));
          sum = limited ? std::get<0>(*limited) : 0;
          break;
        }
        default: {
          auto limited = co_await tau::timeout(std::chrono::microseconds(random() % 3000), self(depth - 1, self));
          sum = limited ? *limited : 0;
        }
      }
    } catch (const std::runtime_error&) {
      sum = -1;
    }
    co_return sum;
  };
  std::vector<tau::JoinHandle<int>> handles;
  for (int i = 0; i < 200; ++i) handles.push_back(tau::spawn(tree(4, tree)));
  advance(2ms);
  for (std::size_t i = 0; i < handles.size(); i += 4) handles[i].abort();
  advance(1s);
  for (auto& handle : handles) ended += handle.is_finished();
  CHECK(ended == 200);
  handles.clear();
  CHECK(alive == 0);
  CHECK(plugin.timers == 0);
}
