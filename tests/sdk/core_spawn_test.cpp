#include <tau/join_set.hpp>
#include <tau/spawn.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/counted.hpp"
#include "support/runtime_fixture.hpp"

using namespace std::chrono_literals;
using tau::test::Counted;
using tau::test::RuntimeFixture;

namespace {

tau::Task<int> value_of(int value) { co_return value; }

tau::Task<> forever(int* alive) {
  Counted counted(*alive);
  co_await tau::sleep(24h);
}

tau::Task<> throws(std::string text) {
  co_await tau::yield_now();
  throw std::runtime_error(text);
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "spawn join: the value comes back") {
  auto handle = tau::spawn(value_of(42));
  CHECK_FALSE(handle.is_finished());
  settle();
  CHECK(handle.is_finished());
  auto result = handle.try_join();
  REQUIRE(result.has_value());
  CHECK(**result == 42);
}

TEST_CASE_FIXTURE(RuntimeFixture, "join before, while and after the end") {
  std::vector<int> got;
  auto outer = [&]() -> tau::Task<> {
    auto early = tau::spawn(value_of(1));
    auto first = co_await early;
    got.push_back(*first);
    auto late = tau::spawn(value_of(2));
    co_await tau::sleep(1ms);
    auto second = co_await late;
    got.push_back(*second);
    auto again = co_await late;
    CHECK(again.error() == tau::Errc::canceled);
  };
  tau::spawn(outer).detach();
  advance(2ms);
  CHECK(got == std::vector<int>{1, 2});
}

TEST_CASE_FIXTURE(RuntimeFixture, "spawn abort join: canceled, and everything it held is gone") {
  int alive = 0;
  bool told = false;
  auto handle = tau::spawn(forever(&alive));
  tau::AbortHandle abort = handle.abort_handle();
  auto joiner = [&]() -> tau::Task<> {
    auto result = co_await handle;
    told = result.error() == tau::Errc::canceled;
  };
  tau::spawn(joiner).detach();
  settle();
  CHECK(alive == 1);
  CHECK(plugin.timers == 1);
  abort.abort();
  abort.abort();
  settle();
  CHECK(alive == 0);
  CHECK(plugin.timers == 0);
  CHECK(told);
  CHECK(plugin.live_tasks == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "an exception ends its task alone, and its text is kept") {
  std::string text;
  int rest = 0;
  auto joiner = [&]() -> tau::Task<> {
    auto handle = tau::spawn(throws("kaput"));
    auto result = co_await handle;
    CHECK(result.error() == tau::Errc::threw);
    text = handle.what();
    ++rest;
  };
  tau::spawn(joiner).detach();
  tau::spawn(throws("nobody asks")).detach();
  settle();
  CHECK(text == "kaput");
  CHECK(rest == 1);
}

TEST_CASE_FIXTURE(RuntimeFixture, "an exception passes through awaits inside a module") {
  std::string caught;
  auto outer = [&]() -> tau::Task<> {
    try {
      co_await throws("inner");
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
  };
  tau::spawn(outer).detach();
  settle();
  CHECK(caught == "inner");
}

TEST_CASE_FIXTURE(RuntimeFixture, "a dropped handle detaches, the task goes on") {
  bool done = false;
  auto body = [&]() -> tau::Task<> {
    co_await tau::yield_now();
    done = true;
  };
  { auto handle = tau::spawn(body); }
  settle();
  CHECK(done);
  CHECK(plugin.tasks == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "frames of a mebibyte come and go") {
  auto big = [](int seed) -> tau::Task<int> {
    std::array<int, (1 << 20) / sizeof(int)> block;
    block.fill(seed);
    co_await tau::yield_now();
    co_return block.front() + block.back();
  };
  int sum = 0;
  auto outer = [&]() -> tau::Task<> {
    for (int i = 0; i < 20; ++i) {
      auto handle = tau::spawn(big(i));
      auto result = co_await handle;
      sum += *result;
    }
    auto left = tau::spawn(big(1));
    left.abort();
  };
  tau::spawn(outer).detach();
  settle();
  CHECK(sum == 380);
  CHECK(plugin.frames.live() == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a destructor may spawn and abort") {
  bool ran = false;
  int alive = 0;
  auto victim = tau::spawn(forever(&alive));
  struct OnDestroy {
    explicit OnDestroy(tau::AbortHandle handle, bool& flag) : victim(handle), ran(flag) {}
    ~OnDestroy() {
      victim.abort();
      auto late = [](bool& flag) -> tau::Task<> {
        flag = true;
        co_return;
      };
      tau::spawn(late(ran)).detach();
    }
    tau::AbortHandle victim;
    bool& ran;
  };
  auto holder = [&](tau::AbortHandle handle) -> tau::Task<> {
    OnDestroy guard(handle, ran);
    co_await tau::sleep(1h);
  };
  auto task = tau::spawn(holder(victim.abort_handle()));
  settle();
  task.abort();
  settle();
  CHECK(ran);
  CHECK(alive == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a task that aborts itself goes on to its next suspension") {
  bool before = false, after = false;
  auto body = [&]() -> tau::Task<> {
    tau::AbortHandle(tau::current_task_id()).abort();
    before = true;
    co_await tau::yield_now();
    after = true;
  };
  auto handle = tau::spawn(body);
  settle();
  CHECK(before);
  CHECK_FALSE(after);
  CHECK(handle.try_join()->error() == tau::Errc::canceled);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a chain of ready awaits yields now and then") {
  bool other_ran = false;
  bool starved = true;
  auto greedy = [&]() -> tau::Task<> {
    std::vector<tau::JoinHandle<int>> handles;
    for (int i = 0; i < 1000; ++i) handles.push_back(tau::spawn(value_of(i)));
    co_await tau::sleep(1ms);
    auto other = [&]() -> tau::Task<> {
      other_ran = true;
      co_return;
    };
    tau::spawn(other).detach();
    for (auto& handle : handles) {
      CHECK(co_await handle);
      if (other_ran) starved = false;
    }
  };
  tau::spawn(greedy).detach();
  advance(2ms);
  CHECK_FALSE(starved);
}

TEST_CASE_FIXTURE(RuntimeFixture, "deep await chains use no stack") {
  struct Chain {
    static tau::Task<int> down(int depth) {
      if (depth == 0) co_return 0;
      int below = co_await down(depth - 1);
      co_return below + 1;
    }
  };
  auto handle = tau::spawn(Chain::down(3000));
  settle();
  CHECK(**handle.try_join() == 3000);
  auto many = []() -> tau::Task<int> {
    int sum = 0;
    for (int i = 0; i < 1'000'000; ++i) sum += co_await value_of(1);
    co_return sum;
  };
  auto loop = tau::spawn(many());
  settle();
  CHECK(**loop.try_join() == 1'000'000);
}

TEST_CASE_FIXTURE(RuntimeFixture, "JoinSet hands out results in the order of their ends") {
  std::vector<int> order;
  auto after = [](int ms) -> tau::Task<int> {
    co_await tau::sleep(std::chrono::milliseconds(ms));
    co_return ms;
  };
  auto body = [&]() -> tau::Task<> {
    tau::JoinSet<int> set;
    for (int ms : {30, 10, 20}) set.spawn(after(ms));
    CHECK(set.size() == 3);
    for (;;) {
      auto next = co_await set.join_next();
      if (!next) break;
      order.push_back(**next);
    }
  };
  tau::spawn(body).detach();
  advance(40ms);
  CHECK(order == std::vector<int>{10, 20, 30});
}

TEST_CASE_FIXTURE(RuntimeFixture, "destroying a JoinSet aborts its tasks") {
  int alive = 0;
  auto body = [&]() -> tau::Task<> {
    tau::JoinSet<void> set;
    for (int i = 0; i < 10; ++i) set.spawn(forever(&alive));
    co_await tau::sleep(1ms);
    CHECK(alive == 10);
  };
  tau::spawn(body).detach();
  advance(2ms);
  CHECK(alive == 0);
  CHECK(plugin.tasks == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "block_on nests the loop, and others go on") {
  int ticks = 0;
  auto other = [&]() -> tau::Task<> {
    for (int i = 0; i < 5; ++i) {
      ++ticks;
      co_await tau::yield_now();
    }
  };
  tau::spawn(other).detach();
  auto body = []() -> tau::Task<int> {
    for (int i = 0; i < 10; ++i) co_await tau::yield_now();
    co_return 7;
  };
  auto result = tau::block_on(body());
  CHECK(*result == 7);
  CHECK(ticks == 5);
  CHECK(tau::block_on(throws("x")).error() == tau::Errc::threw);
}

TEST_CASE_FIXTURE(RuntimeFixture, "an unloading plugin can spawn nothing") {
  plugin.phase = tau::host::Phase::unloading;
  auto handle = tau::spawn(value_of(1));
  CHECK(handle.is_finished());
  CHECK(handle.try_join()->error() == tau::Errc::canceled);
  CHECK(tau::block_on(value_of(1)).error() == tau::Errc::unloading);
  CHECK(tau::spawn_on_loop([]() -> tau::Task<> { co_return; }()).error() == tau::Errc::unloading);
}

TEST_CASE_FIXTURE(RuntimeFixture, "unloading one plugin leaves the other's tasks and timers untouched") {
  tau_plugin other;
  other.phase = tau::host::Phase::running;
  int mine = 0, theirs = 0;
  bool woken = false, told = false;
  tau::JoinHandle<void> doomed;
  {
    tau::test::AsModule as(&other);
    for (int i = 0; i < 1000; ++i) tau::spawn(forever(&theirs)).detach();
    doomed = tau::spawn(forever(&theirs));
  }
  for (int i = 0; i < 1000; ++i) tau::spawn(forever(&mine)).detach();
  auto sleeper = [&]() -> tau::Task<> {
    co_await tau::sleep(5ms);
    woken = true;
  };
  tau::spawn(sleeper).detach();
  auto joiner = [&]() -> tau::Task<> {
    auto result = co_await doomed;
    told = result.error() == tau::Errc::canceled;
  };
  tau::spawn(joiner).detach();
  settle();
  unload(other);
  check_empty(other);
  settle();
  CHECK(theirs == 0);
  CHECK(mine == 1000);
  CHECK(told);
  advance(6ms);
  CHECK(woken);
}
