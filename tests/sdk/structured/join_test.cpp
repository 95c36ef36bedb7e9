#include <tau/join.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "gate.hpp"
#include "support/counted.hpp"
#include "support/runtime_fixture.hpp"

using namespace std::chrono_literals;
using tau::test::Counted;
using tau::test::Gate;
using tau::test::RuntimeFixture;

namespace {

tau::Task<int> through(Gate& gate, int* alive, int times = 1) {
  Counted counted(*alive);
  int sum = 0;
  for (int i = 0; i < times; ++i) sum += co_await gate.wait();
  co_return sum;
}
tau::Task<int> at_once(int value) { co_return value; }
tau::Task<> fails(std::string text) {
  co_await tau::yield_now();
  throw std::runtime_error(text);
}
tau::Task<tau::Result<int>> result(tau::Result<int> outcome, Gate* gate = nullptr) {
  if (gate) co_await gate->wait();
  co_return outcome;
}
tau::Task<tau::Result<void>> nothing() { co_return tau::Result<void>(); }

}  // namespace

TEST_CASE("a pseudo frame is to the compiler what a suspended coroutine is") {
  tau::detail::Branch branch([](tau::detail::Branch* self) noexcept { self->end(); });
  CHECK(branch.handle().promise().context == &branch);
  CHECK(branch.handle().address() != nullptr);
  CHECK_FALSE(branch.has_ended());
  branch.handle().resume();
  CHECK(branch.has_ended());
}

TEST_CASE_FIXTURE(RuntimeFixture, "join returns every value, whichever branch ends first") {
  Gate first, second;
  int alive = 0;
  std::tuple<int, int, std::monostate, int> values;
  auto body = [&]() -> tau::Task<> {
    values = co_await tau::join(through(first, &alive), second.wait(), tau::sleep(1ms), at_once(7));
    CHECK(alive == 0);
  };
  auto handle = tau::spawn(body);
  settle();
  CHECK(alive == 1);
  CHECK(plugin.live_tasks == 1);  // nothing was spawned
  second.open(2);
  settle();
  CHECK(second.waiting() == 0);
  first.open(1);
  settle();
  CHECK_FALSE(handle.is_finished());
  advance(2ms);
  CHECK(handle.is_finished());
  CHECK(std::get<0>(values) == 1);
  CHECK(std::get<1>(values) == 2);
  CHECK(std::get<3>(values) == 7);
}

TEST_CASE_FIXTURE(RuntimeFixture, "branches that become ready in one turn all go on, each once") {
  Gate gate;
  int alive = 0;
  int sum = 0;
  auto body = [&]() -> tau::Task<> {
    auto [a, b, c] = co_await tau::join(through(gate, &alive), through(gate, &alive), gate.wait());
    sum = a + b + c;
  };
  tau::spawn(body).detach();
  settle();
  CHECK(gate.waiting() == 3);
  gate.open(5);
  settle();
  CHECK(sum == 15);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a join of ready things does not suspend, and of nothing neither") {
  bool done = false;
  auto body = [&]() -> tau::Task<> {
    co_await tau::join();
    auto [one, two] = co_await tau::join(at_once(1), at_once(2));
    CHECK(one + two == 3);
    std::vector<tau::Task<int>> none;
    CHECK((co_await tau::join_all(std::move(none))).empty());
    done = true;
  };
  tau::spawn(body).detach();
  runtime.turn(false);
  CHECK(done);
}

TEST_CASE_FIXTURE(RuntimeFixture, "join waits for all and then throws what its first branch threw") {
  Gate gate;
  int alive = 0;
  std::string what;
  auto body = [&]() -> tau::Task<> {
    try {
      co_await tau::join(through(gate, &alive), fails("one"), fails("two"));
    } catch (const std::exception& error) {
      what = error.what();
    }
  };
  tau::spawn(body).detach();
  settle();
  CHECK(what.empty());
  CHECK(alive == 1);
  gate.open();
  settle();
  CHECK(what == "one");
  CHECK(alive == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "an awaiter that throws fails its branch, not the driver") {
  struct Throwing {
    Throwing() {}
    bool await_ready() const { return false; }
    bool await_suspend(std::coroutine_handle<>) { throw std::runtime_error("suspend"); }
    void await_resume() const {}
  };
  std::string what;
  auto body = [&]() -> tau::Task<> {
    try {
      co_await tau::join(tau::yield_now(), Throwing());
    } catch (const std::exception& error) {
      what = error.what();
    }
  };
  tau::spawn(body).detach();
  settle();
  CHECK(what == "suspend");
}

TEST_CASE_FIXTURE(RuntimeFixture, "try_join hands on the first error and has destroyed the others by then") {
  Gate slow, quick;
  int alive = 0;
  auto kept = [&]() -> tau::Task<tau::Result<int>> {
    Counted counted(alive);
    co_await slow.wait();
    co_return 1;
  };
  std::optional<tau::Error> error;
  auto body = [&]() -> tau::Task<> {
    auto both = co_await tau::try_join(kept(), result(tau::Errc::closed, &quick), nothing());
    REQUIRE_FALSE(both.has_value());
    error = both.error();
    CHECK(alive == 0);
  };
  tau::spawn(body).detach();
  settle();
  CHECK(alive == 1);
  quick.open();
  settle();
  CHECK(error == tau::Errc::closed);
  CHECK(slow.waiting() == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "try_join of successes is a tuple; an exception cancels like an error") {
  Gate gate;
  std::string what;
  int sum = 0;
  auto throwing = []() -> tau::Task<tau::Result<int>> {
    co_await tau::yield_now();
    throw std::runtime_error("thrown");
  };
  auto body = [&]() -> tau::Task<> {
    auto all = co_await tau::try_join(result(1), result(2), nothing());
    REQUIRE(all.has_value());
    sum = std::get<0>(*all) + std::get<1>(*all);
    try {
      auto never = co_await tau::try_join(result(1, &gate), throwing());
      CHECK(never.has_value());
    } catch (const std::exception& error) {
      what = error.what();
    }
  };
  tau::spawn(body).detach();
  settle();
  CHECK(sum == 3);
  CHECK(what == "thrown");
  CHECK(gate.waiting() == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "join_all keeps the order of its tasks, whatever the order of their ends") {
  auto late = [](int index) -> tau::Task<int> {
    co_await tau::sleep(std::chrono::milliseconds(1000 - index));
    co_return index;
  };
  std::vector<int> values;
  auto body = [&]() -> tau::Task<> {
    std::vector<tau::Task<int>> tasks;
    for (int i = 0; i < 1000; ++i) tasks.push_back(late(i));
    values = co_await tau::join_all(std::move(tasks));
  };
  tau::spawn(body).detach();
  advance(1100ms);
  REQUIRE(values.size() == 1000);
  for (int i = 0; i < 1000; ++i) CHECK(values[static_cast<std::size_t>(i)] == i);
}

TEST_CASE_FIXTURE(RuntimeFixture, "try_join_all cancels the rest on the first error") {
  Gate gate;
  std::optional<tau::Error> error;
  std::size_t count = 0;
  auto body = [&]() -> tau::Task<> {
    std::vector<tau::Task<tau::Result<int>>> tasks;
    for (int i = 0; i < 10; ++i) tasks.push_back(result(i, i % 2 ? &gate : nullptr));
    tasks.push_back(result(tau::Errc::busy));
    auto failed = co_await tau::try_join_all(std::move(tasks));
    error = failed.error();
    CHECK(gate.waiting() == 0);
    tasks.clear();
    for (int i = 0; i < 3; ++i) tasks.push_back(result(i));
    auto all = co_await tau::try_join_all(std::move(tasks));
    count = all.value().size();
  };
  tau::spawn(body).detach();
  settle();
  CHECK(error == tau::Errc::busy);
  CHECK(count == 3);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a join aborted in the middle leaves nothing, also with a branch about to run") {
  for (bool woken : {false, true}) {
    Gate gate, other;
    int alive = 0;
    auto body = [&]() -> tau::Task<> {
      co_await tau::join(through(gate, &alive), through(other, &alive), tau::sleep(1h), gate.wait_rigidly());
    };
    auto handle = tau::spawn(body);
    settle();
    CHECK(alive == 2);
    if (woken) other.open();
    handle.abort();
    settle();
    CHECK(alive == 0);
    CHECK(gate.waiting() + other.waiting() == 0);
    CHECK(plugin.timers == 0);
  }
}

TEST_CASE_FIXTURE(RuntimeFixture, "joins nest, and a wake finds its way through every level") {
  Gate gate;
  int sum = 0;
  auto body = [&]() -> tau::Task<> {
    auto inner = [&](int depth, auto& self) -> tau::Task<int> {
      if (depth == 0) co_return co_await gate.wait();
      auto [a, b] = co_await tau::join(self(depth - 1, self), at_once(1));
      co_return a + b;
    };
    sum = co_await inner(2000, inner);
  };
  tau::spawn(body).detach();
  settle();
  CHECK(gate.waiting() == 1);
  gate.open(40);
  settle();
  CHECK(sum == 2040);
}

TEST_CASE_FIXTURE(RuntimeFixture, "branches share their task's budget: busy ones do not keep others waiting") {
  Gate open(true);
  bool stop = false;
  int rounds = 0;
  auto busy = [&]() -> tau::Task<> {
    while (!stop) {
      co_await open.wait();
      ++rounds;
    }
  };
  auto body = [&]() -> tau::Task<> { co_await tau::join(busy(), busy()); };
  auto watcher = [&]() -> tau::Task<> {
    for (int i = 0; i < 10; ++i) co_await tau::yield_now();
    stop = true;
  };
  tau::spawn(body).detach();
  tau::spawn(watcher).detach();
  settle();
  CHECK(stop);
  CHECK(rounds < 20 * TAU_TASK_BUDGET);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a branch that nests the loop does not stop its siblings' events from counting") {
  Gate gate;
  std::string order;
  auto nesting = [&]() -> tau::Task<> {
    co_await tau::yield_now();
    auto slow = []() -> tau::Task<> { co_await tau::yield_now(); };
    gate.open();  // while this branch is on the stack
    CHECK(tau::block_on(slow()).has_value());
    order += 'n';
  };
  auto waiting = [&]() -> tau::Task<> {
    co_await gate.wait();
    order += 'w';
  };
  auto body = [&]() -> tau::Task<> { co_await tau::join(nesting(), waiting()); };
  auto handle = tau::spawn(body);
  settle();
  CHECK(handle.is_finished());
  CHECK(order == "nw");
}
