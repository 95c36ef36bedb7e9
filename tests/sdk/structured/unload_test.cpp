// Combinators, groups and handles whose parts wait for another plugin's tasks, with one of the two unloaded in
// the middle: the survivor's waits end as their words say, or go on.
#include <tau/cancellation_token.hpp>
#include <tau/interval.hpp>
#include <tau/join.hpp>
#include <tau/join_set.hpp>
#include <tau/select.hpp>
#include <tau/spawn_blocking.hpp>
#include <tau/sync/mpsc.hpp>
#include <tau/task_group.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "gate.hpp"
#include "support/counted.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::Errc;
using tau::JoinHandle;
using tau::Result;
using tau::Task;
using tau::test::Counted;
using tau::test::Gate;
using tau::test::TwoPlugins;

namespace {

Task<int> value_after(tau::Duration time, int value) {
  co_await tau::sleep(time);
  co_return value;
}
Task<> through(Gate& gate, int* alive) {
  Counted counted(*alive);
  co_await gate.wait();
}

}  // namespace

TEST_CASE_FIXTURE(TwoPlugins, "join: outcomes that were there before the unload are kept, the rest reads canceled") {
  JoinHandle<int> early = spawn_other(value_after, 1ms, 1), late = spawn_other(value_after, 1h, 2);
  std::optional<std::tuple<Result<int>, Result<int>, int>> all;
  auto body = [&]() -> Task<> {
    all = co_await tau::join(early, late, value_after(2s, 3));
  };
  JoinHandle<void> handle = tau::spawn(body());
  advance(10ms);
  unload_other();
  settle();
  CHECK_FALSE(handle.is_finished());
  advance(3s);
  REQUIRE(all.has_value());
  CHECK(*std::get<0>(*all) == 1);
  CHECK(std::get<1>(*all).error() == Errc::canceled);
  CHECK(std::get<2>(*all) == 3);
}

TEST_CASE_FIXTURE(TwoPlugins, "try_join: the unload of one branch's task is an error, and the other branch is destroyed") {
  int alive = 0;
  Gate gate;
  JoinHandle<int> theirs = spawn_other(value_after, 1h, 1);
  std::optional<tau::Error> error;
  auto guarded = [&]() -> Task<Result<void>> {
    Counted counted(alive);
    co_await gate.wait();
    co_return Result<void>();
  };
  auto body = [&]() -> Task<> {
    auto both = co_await tau::try_join(theirs, guarded());
    CHECK_FALSE(both.has_value());
    CHECK(alive == 0);
    error = both.error();
  };
  tau::spawn(body()).detach();
  settle();
  CHECK(alive == 1);
  unload_other();
  settle();
  CHECK(error == Errc::canceled);
  CHECK(gate.waiting() == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "race, join_all, select_all: handles of an unloaded plugin end each of them") {
  int raced = 0;
  std::size_t which = 9;
  std::vector<Result<int>> all;
  JoinHandle<int> one = spawn_other(value_after, 1h, 1), two = spawn_other(value_after, 1h, 2);
  auto wait_for = [](JoinHandle<int> handle) -> Task<Result<int>> {
    Result<int> value = co_await handle;
    co_return value;
  };
  auto races = [&]() -> Task<> {
    Result<int> first = co_await tau::race(one, wait_for(tau::spawn(value_after(2h, 5))));
    CHECK(first.error() == Errc::canceled);
    ++raced;
  };
  auto gathers = [&](JoinHandle<int> theirs) -> Task<> {
    std::vector<Task<Result<int>>> tasks;
    tasks.push_back(wait_for(std::move(theirs)));
    tasks.push_back(wait_for(tau::spawn(value_after(1s, 6))));
    all = co_await tau::join_all(std::move(tasks));
  };
  auto chooses = [&](JoinHandle<int> theirs) -> Task<> {
    std::vector<Task<Result<int>>> tasks;
    tasks.push_back(wait_for(tau::spawn(value_after(1h, 7))));
    tasks.push_back(wait_for(std::move(theirs)));
    auto first = co_await tau::select_all(std::move(tasks));
    which = first.first;
  };
  tau::spawn(races()).detach();
  tau::spawn(gathers(std::move(two))).detach();
  tau::spawn(chooses(spawn_other(value_after, 1h, 3))).detach();
  settle();
  unload_other();
  settle();
  CHECK(raced == 1);
  CHECK(which == 1);
  advance(2s);
  REQUIRE(all.size() == 2);
  CHECK(all[0].error() == Errc::canceled);
  CHECK(*all[1] == 6);
}

TEST_CASE_FIXTURE(TwoPlugins, "a plugin that is unloaded while it joins, selects and times out takes only its own along") {
  Gate gate;
  int alive = 0, ended = 0;
  JoinHandle<int> mine = tau::spawn(value_after(1s, 8));
  auto body = [&]() -> Task<> {
    Counted counted(alive);
    tau::TaskGroup group;
    group.spawn(through(gate, &alive));
    tau::JoinSet<void> set;
    set.spawn(through(gate, &alive));
    auto all = tau::join(mine, group.join(), through(gate, &alive));
    (void)co_await tau::timeout(1h, std::move(all));
    ++ended;
  };
  spawn_other(body).detach();
  settle();
  CHECK(alive == 4);
  CHECK(other.timers == 1);
  unload_other();
  CHECK(alive == 0);
  CHECK(gate.waiting() == 0);
  CHECK(ended == 0);
  // The handle that it waited for may be awaited by another now.
  auto joins = [&]() -> Task<> {
    Result<int> value = co_await mine;
    CHECK(*value == 8);
    ++ended;
  };
  tau::spawn(joins()).detach();
  advance(2s);
  CHECK(ended == 1);
}

TEST_CASE_FIXTURE(TwoPlugins, "a child of a group that waits for an unloaded plugin's task fails the group with canceled") {
  Gate gate;
  int alive = 0;
  std::optional<tau::Error> error;
  JoinHandle<int> theirs = spawn_other(value_after, 1h, 1);
  auto waits = [&]() -> Task<Result<int>> {
    Result<int> value = co_await theirs;
    co_return value;
  };
  auto body = [&]() -> Task<> {
    tau::TaskGroup group;
    group.spawn(waits());
    group.spawn(through(gate, &alive));
    Result<void> outcome = co_await group.join();
    CHECK_FALSE(outcome.has_value());
    error = outcome.error();
  };
  tau::spawn(body()).detach();
  settle();
  CHECK(alive == 1);
  unload_other();
  settle();
  CHECK(error == Errc::canceled);
  CHECK(alive == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "a timeout around what an unloaded plugin would have done ends with that, not by the time") {
  JoinHandle<int> theirs = spawn_other(value_after, 1h, 1);
  std::optional<tau::Error> error;
  auto body = [&]() -> Task<> {
    Result<Result<int>> within = co_await tau::timeout(1h, theirs);
    REQUIRE(within.has_value());
    error = within->error();
  };
  JoinHandle<void> handle = tau::spawn(body());
  settle();
  CHECK(plugin.timers == 1);
  unload_other();
  settle();
  CHECK(handle.is_finished());
  CHECK(error == Errc::canceled);
  CHECK(plugin.timers == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "a handle outlives the plugin of its task, whatever became of that") {
  auto fails = []() -> Task<int> {
    throw std::runtime_error("theirs");
    co_return 0;
  };
  JoinHandle<int> done = spawn_other(value_after, 0s, 1), running = spawn_other(value_after, 1h, 2),
                  threw = spawn_other(fails), read = spawn_other(fails), dropped = spawn_other(value_after, 1h, 3);
  const tau::AbortHandle abort = running.abort_handle();
  advance(1ms);
  CHECK(done.is_finished());
  auto first = read.try_join();
  REQUIRE(first.has_value());
  CHECK(first->error() == Errc::threw);
  CHECK(read.what() == "theirs");
  unload_other();
  settle();
  CHECK(done.is_finished());
  CHECK(done.try_join()->error() == Errc::canceled);
  CHECK(running.try_join()->error() == Errc::canceled);
  CHECK(threw.try_join()->error() == Errc::canceled);
  CHECK(read.what() == "");
  abort.abort();
  { JoinHandle<int> gone = std::move(dropped); }
  settle();
  CHECK(plugin.live_tasks == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "a plugin that held handles of another's tasks is unloaded: those tasks go on") {
  Gate gate;
  int alive = 0;
  auto holds = [](JoinHandle<void> detached, JoinHandle<void> awaited) -> Task<> {
    Result<void> never = co_await awaited;
    CHECK(never.has_value());
    detached.abort();
  };
  spawn_other(holds, tau::spawn(through(gate, &alive)), tau::spawn(through(gate, &alive))).detach();
  settle();
  CHECK(alive == 2);
  unload_other();
  settle();
  CHECK(alive == 2);
  gate.open();
  settle();
  CHECK(alive == 0);
  CHECK(plugin.live_tasks == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "an aborted wait for another plugin's task leaves the task, and it may be waited for again") {
  JoinHandle<int> theirs = spawn_other(value_after, 1s, 4);
  int got = 0;
  auto body = [&]() -> Task<> {
    Result<int> value = co_await theirs;
    got = *value;
  };
  JoinHandle<void> first = tau::spawn(body());
  settle();
  first.abort();
  settle();
  tau::spawn(body()).detach();
  advance(2s);
  CHECK(got == 4);
}

TEST_CASE_FIXTURE(TwoPlugins, "sleeps and intervals: an unloaded plugin's are withdrawn, the other's ticks come as before") {
  int ticks = 0, theirs = 0;
  auto tick = [](int* count) -> Task<> {
    tau::Interval interval(10ms);
    for (;;) {
      co_await interval.tick();
      ++*count;
    }
  };
  JoinHandle<void> mine = tau::spawn(tick(&ticks));
  spawn_other(tick, &theirs).detach();
  advance(25ms);
  CHECK(ticks == 3);
  CHECK(theirs == 3);
  CHECK(other.timers == 1);
  unload_other();
  CHECK(other.timers == 0);
  advance(10ms);
  CHECK(ticks == 4);
  CHECK(theirs == 3);
  mine.abort();
  settle();
  CHECK(plugin.timers == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "a wait for an unloaded plugin's blocking call reads canceled when the unload begins, not when the call ends") {
  std::atomic<bool> begun{false}, release{false};
  auto call = [&] {
    begun = true;
    while (!release) std::this_thread::yield();
    return 5;
  };
  JoinHandle<int> theirs;
  as_other([&] {
    theirs = tau::spawn_blocking(call);
    while (!begun) runtime.turn(false);
  });
  std::optional<tau::Error> error;
  auto body = [&]() -> Task<> {
    Result<int> value = co_await theirs;
    error = value.error();
    release = true;
  };
  tau::spawn(body()).detach();
  settle();
  unload_other();  // would wait for ever if the other were not told first
  CHECK(error == Errc::canceled);
}

TEST_CASE_FIXTURE(TwoPlugins, "a token of one's own cancels what waits for an unloading plugin, which had a child of it") {
  tau::CancellationToken token;
  int ended = 0;
  Gate gate;
  int alive = 0;
  auto runs = [&](tau::CancellationToken child) -> Task<> {
    auto outcome = co_await child.run_until_cancelled(through(gate, &alive));
    CHECK_FALSE(outcome.has_value());
    ++ended;
  };
  spawn_other(runs, token.child_token()).detach();
  tau::spawn(runs(token.child_token())).detach();
  settle();
  CHECK(alive == 2);
  unload_other();
  CHECK(alive == 1);
  token.cancel();
  settle();
  CHECK(ended == 1);
  CHECK(alive == 0);
}
