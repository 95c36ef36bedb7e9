// What sources make of a turn's last step: how long the loop sleeps, what it does first, and that one without
// a time to name costs nothing (I11). What they see themselves is in tests/sdk/core_source_test.cpp.
#include "runtime/sources.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include "counting_reactor.hpp"
#include "runtime/empty_owner.hpp"
#include "runtime/runtime.hpp"

using namespace tau::host;
using tau::test::CountingReactor;

namespace {

constexpr std::int64_t hour_ns = 3600ll * 1'000'000'000;

struct Hook : tau_source {
  std::int64_t answer;
  int asked = 0;
  int told = 0;
  std::function<void()> on_prepare, on_check;

  Hook(tau_plugin& who, std::int64_t named) : tau_source{}, answer(named) {
    owner = &who;
    prepare = [](tau_source* self) {
      auto& hook = *static_cast<Hook*>(self);
      ++hook.asked;
      if (hook.on_prepare) hook.on_prepare();
      return hook.answer;
    };
    check = [](tau_source* self, std::int32_t) {
      auto& hook = *static_cast<Hook*>(self);
      ++hook.told;
      if (hook.on_check) hook.on_check();
    };
  }
  Hook(const Hook&) = delete;
};

struct Loop {
  std::unique_ptr<CountingReactor> made = std::make_unique<CountingReactor>();
  CountingReactor& reactor = *made;
  Runtime runtime{std::move(made), {}};
  tau_plugin owner;

  Loop() { owner.phase = Phase::running; }
  ~Loop() {
    CHECK(owner.sources == 0);
    CHECK(owner.timed_sources == 0);
  }

  /// What one turn asked of the reactor; -2 for nothing, -3 for more than once.
  std::int64_t turn() {
    reactor.polls.clear();
    runtime.turn(true);
    if (reactor.polls.size() > 1) return -3;
    return reactor.polls.empty() ? -2 : reactor.polls[0];
  }
};

}  // namespace

TEST_CASE_FIXTURE(Loop, "a source that names no time costs no wake-up: the loop sleeps without a limit") {
  Hook idle(owner, -1);
  REQUIRE(runtime.sources.add(idle) == TAU_OK);
  for (int i = 1; i <= 3; ++i) {
    CHECK(turn() == -1);
    CHECK(idle.asked == i);
    CHECK(idle.told == i);
  }
  runtime.sources.remove(idle);
  CHECK(turn() == -1);
  CHECK(idle.asked == 3);
}

TEST_CASE_FIXTURE(Loop, "the loop sleeps until the earliest time that a source or a timer names") {
  Hook late(owner, 3 * hour_ns), early(owner, hour_ns), now(owner, 0);
  // The wheel may want to be asked before its timer is due, where its digits turn over.
  const auto near = [&](std::int64_t slept, std::int64_t hours) {
    std::int64_t most = hours * hour_ns;
    if (!runtime.wheel.empty()) {
      most = std::min(most, static_cast<std::int64_t>(runtime.wheel.next_wake_ns() - runtime.clock.now()));
    }
    constexpr std::int64_t slow_ns = hour_ns / 60;
    return slept >= most - slow_ns && slept <= most + slow_ns;
  };
  REQUIRE(runtime.sources.add(late) == TAU_OK);
  CHECK(near(turn(), 3));
  tau_timer timer{};
  timer.owner = &owner;
  timer.fire = [](tau_timer*) {};
  REQUIRE(runtime.arm(&timer, runtime.clock.now() + 2 * hour_ns) == TAU_OK);
  CHECK(near(turn(), 2));
  REQUIRE(runtime.sources.add(early) == TAU_OK);
  CHECK(near(turn(), 1));
  REQUIRE(runtime.sources.add(now) == TAU_OK);
  CHECK(turn() == 0);
  runtime.sources.remove(now);
  CHECK(near(turn(), 1));
  early.answer = INT64_MAX;  // far beyond the clock's end
  late.answer = -5;
  runtime.wheel.cancel(&timer);
  CHECK(turn() > 1000 * hour_ns);
  runtime.sources.remove(early);
  runtime.sources.remove(late);
}

TEST_CASE_FIXTURE(Loop, "a source whose answer may have changed is asked again before the loop sleeps") {
  Hook first(owner, -1), second(owner, -1), newcomer(owner, -1);
  REQUIRE(runtime.sources.add(first) == TAU_OK);
  REQUIRE(runtime.sources.add(second) == TAU_OK);
  SUBCASE("because another one's function changed it, and said so") {
    second.on_prepare = [&] {
      if (second.asked > 1) return;
      first.answer = hour_ns;
      CHECK(runtime.sources.add(first) == TAU_OK);
    };
    CHECK(turn() == 0);
    CHECK(turn() > 0);
    CHECK(owner.sources == 2);
  }
  SUBCASE("because it came when the others had been asked") {
    second.on_prepare = [&] {
      if (second.asked == 1) CHECK(runtime.sources.add(newcomer) == TAU_OK);
    };
    CHECK(turn() == 0);
    CHECK(newcomer.told == 0);
    CHECK(turn() == -1);
    CHECK(newcomer.asked == 1);
    CHECK(newcomer.told == 1);
  }
  for (Hook* hook : {&first, &second, &newcomer}) runtime.sources.remove(*hook);
}

TEST_CASE_FIXTURE(Loop, "what a source sets going when it is asked is done before the loop sleeps") {
  Hook hook(owner, -1);
  bool done = false;
  SUBCASE("deferred work") {
    hook.on_prepare = [&] {
      if (hook.asked == 1) runtime.defer([&] { done = true; });
    };
  }
  SUBCASE("an unload") {
    runtime.unload_turn = [&] {
      runtime.end_unload();
      return done = true;
    };
    hook.on_prepare = [&] {
      if (hook.asked == 1) runtime.begin_unload();
    };
  }
  SUBCASE("a timer") {
    static tau_timer timer;
    timer = {};
    timer.owner = &owner;
    static bool* fired;
    fired = &done;
    timer.fire = [](tau_timer*) { *fired = true; };
    hook.on_prepare = [&] {
      if (hook.asked == 1) CHECK(runtime.arm(&timer, 0) == TAU_OK);
    };
  }
  REQUIRE(runtime.sources.add(hook) == TAU_OK);
  for (int i = 0; i < 3 && !done; ++i) CHECK(turn() != -1);
  CHECK(done);
  runtime.sources.remove(hook);
}

TEST_CASE_FIXTURE(
    Loop, "a source that never lets the loop sleep leaves the kernel alone where nothing is watched") {
  Hook restless(owner, 0);
  REQUIRE(runtime.sources.add(restless) == TAU_OK);
  for (int i = 0; i < 5; ++i) CHECK(turn() == 0);
  runtime.remote.nudge();  // a turn that does something does not ask the kernel either
  CHECK(turn() == -2);
  reactor.watched = 1;
  runtime.remote.nudge();
  CHECK(turn() == 0);
  CHECK(restless.asked == 7);
  CHECK(restless.told == 7);
  runtime.sources.remove(restless);
}

TEST_CASE_FIXTURE(Loop, "a source is work to stay for while it is unasked or names a time") {
  Hook hook(owner, hour_ns);
  CHECK_FALSE(owner.has_live_work());
  REQUIRE(runtime.sources.add(hook) == TAU_OK);
  CHECK(owner.has_live_work());
  turn();
  CHECK(owner.has_live_work());
  hook.answer = -1;
  turn();
  CHECK_FALSE(owner.has_live_work());
  hook.answer = 0;
  turn();
  CHECK(owner.has_live_work());
  CHECK(what_is_left(owner) == "1 source");
  CHECK_FALSE(is_emptied(owner));
  owner.phase = Phase::unloading;
  empty_owner(runtime, owner);
  CHECK(is_emptied(owner));
  CHECK(runtime.sources.add(hook) == TAU_E_UNLOADING);
}
