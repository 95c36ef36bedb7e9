// What a turn of the loop asks of the kernel: nothing for a task switch, one look per batch while something
// is watched, and a sleep without a limit when there is nothing to do (I11). Counted at the reactor, the only
// part that makes system calls.
#include "runtime/runtime.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "counting_reactor.hpp"

using namespace tau::host;
using tau::test::CountingReactor;

namespace {

/// A task that is ready at every turn.
struct Busy {
  long switches = 0;
};
constexpr tau_task_fns busy_fns{[](tau_task* task) -> std::int32_t {
                                  ++static_cast<Busy*>(task->data)->switches;
                                  Runtime::instance()->executor.wake(static_cast<TaskSlot*>(task));
                                  return TAU_PENDING;
                                },
                                [](tau_task*) {}};

struct Counting {
  std::unique_ptr<CountingReactor> made = std::make_unique<CountingReactor>();
  CountingReactor& reactor = *made;
  Runtime runtime{std::move(made), {}};
  tau_plugin owner;
  Busy busy;

  Counting() { owner.phase = Phase::running; }
  ~Counting() {
    owner.phase = Phase::unloading;
    runtime.executor.drop_owner(owner);
    runtime.executor.reclaim(owner);
  }
  void spawn() {
    tau_task_id id = 0;
    REQUIRE(runtime.executor.spawn(owner, &busy_fns, nullptr, &busy, &id) == TAU_OK);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Counting, "switching between tasks asks the kernel nothing") {
  for (int i = 0; i < 3; ++i) spawn();
  while (busy.switches < 100'000) runtime.turn(true);
  CHECK(reactor.polls.empty());
  CHECK(reactor.wakes == 0);
}

TEST_CASE_FIXTURE(Counting,
                  "while something is watched the kernel is asked once per batch, without sleeping") {
  reactor.watched = 1;
  spawn();
  std::size_t turns = 0;
  for (; busy.switches < 100'000; ++turns) runtime.turn(true);
  CHECK(reactor.polls == std::vector<std::int64_t>(turns, 0));
  CHECK(turns <= 100'000 / 500);
}

TEST_CASE_FIXTURE(Counting, "a loop with nothing to do sleeps without a limit, or until the next timer") {
  runtime.turn(true);
  CHECK(reactor.polls == std::vector<std::int64_t>{-1});
  tau_timer timer{};
  timer.owner = &owner;
  timer.fire = [](tau_timer*) {};
  constexpr std::uint64_t hour_ns = 3600ull * 1'000'000'000;
  REQUIRE(runtime.arm(&timer, runtime.clock.now() + 2 * hour_ns) == TAU_OK);
  runtime.turn(true);
  REQUIRE(reactor.polls.size() == 2);
  // The wheel may want to be asked before, where its digits turn over.
  const auto asked = static_cast<std::int64_t>(runtime.wheel.next_wake_ns() - runtime.clock.now());
  CHECK(reactor.polls[1] >= asked);
  CHECK(reactor.polls[1] <= static_cast<std::int64_t>(2 * hour_ns));
  runtime.wheel.cancel(&timer);
}
