// What a turn of the loop asks of the kernel: nothing for a task switch, one look per batch while something
// is watched, and a sleep without a limit when there is nothing to do (I11). Counted at the reactor, the only
// part that makes system calls.
#include "runtime/runtime.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string_view>
#include <vector>

using namespace tau::host;

namespace {

/// Watches nothing; counts how it is asked.
struct CountingReactor final : Reactor {
  std::size_t watched = 0;
  std::vector<std::int64_t> polls;
  int wakes = 0;

  std::string_view name() const noexcept override { return "counting"; }
  bool submit(tau_io*) noexcept override { return false; }
  bool cancel(tau_io*) noexcept override { return false; }
  std::int32_t add(tau_plugin*, int, tau_fd*) noexcept override { return TAU_E_UNSUPPORTED; }
  tau_plugin* owner_of(tau_fd) const noexcept override { return nullptr; }
  std::int32_t remove(tau_fd) noexcept override { return TAU_E_STALE; }
  std::int32_t wait_ready(tau_fd, tau_fd_wait*) noexcept override { return TAU_E_STALE; }
  bool cancel_wait(tau_fd_wait*) noexcept override { return false; }
  std::int32_t clear(tau_fd, std::uint32_t) noexcept override { return TAU_E_STALE; }
  void poll(std::int64_t timeout_ns) noexcept override { polls.push_back(timeout_ns); }
  void wake() noexcept override { ++wakes; }
  std::size_t pending() const noexcept override { return watched; }
  std::size_t withdraw_owner(tau_plugin*) noexcept override { return 0; }
};

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
  CHECK(reactor.polls[1] > static_cast<std::int64_t>(hour_ns));
  runtime.wheel.cancel(&timer);
}
