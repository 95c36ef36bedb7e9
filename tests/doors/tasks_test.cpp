// One task, and other threads that wake, abort and detach it while the loop polls it, drops it and gives
// its slot to another.
//
// What must hold at rest, for whatever order: a wake that was accepted is followed by a poll that sees what
// was written before it; an abort or a detach that was accepted has its effect, once; what was refused as
// stale stays so.
#include <string>
#include <vector>

#include "rig.hpp"
#include "runtime/empty_owner.hpp"

using namespace tau::doors;
using tau::host::Phase;
using tau::host::TaskSlot;

namespace {

constexpr std::uint64_t wake = TaskSlot::wake, abort_ = TaskSlot::abort, detach = TaskSlot::detach;

struct World : Rig {
  explicit World(Play& chosen) : Rig(chosen) { owner.phase = Phase::running; }

  /// Leaves a request with a task, as another thread does.
  bool request(tau_task_id id, std::uint64_t what) {
    const std::int32_t status = runtime.executor.request(id, what);
    play.require(status == TAU_OK || status == TAU_E_STALE, "a request is refused");
    return status == TAU_OK;
  }

  /// What the end of each play has in common.
  void end(std::uint64_t tasks) {
    play.require(owner.tasks == tasks, "a task is lost, or too much");
    owner.phase = Phase::unloading;
    runtime.executor.drop_owner(owner);
    play.require(tau::host::is_emptied(owner), "something is left");
    runtime.executor.reclaim(owner);
  }

  tau_plugin owner;
};

/// So many threads, each of which writes something and wakes the task, and perhaps once more.
Scenario wakers(std::vector<int> times) {
  return [times](Play& play) {
    World world(play);
    Actor actor{&play};
    const tau_task_id id = actor.spawn(world.runtime.executor, world.owner);
    unsigned all = 0;
    for (int count : times) {
      const unsigned first = all + 1;
      all += (1u << count) * first - first;
      play.thread("waker", [&, first, count] {
        for (int i = 0; i < count; ++i) {
          actor.told |= first << i;
          play.require(world.request(id, wake), "a task that waits is stale");
        }
      });
    }
    play.thread("loop", [&] { world.loop(); });
    play.run();
    play.require(actor.seen == all, "a wake-up was lost");
    world.end(1);
  };
}

/// Threads that each leave some requests with the same task, which ends when it is polled after a wake.
Scenario requests(std::vector<std::vector<std::uint64_t>> threads) {
  return [threads](Play& play) {
    World world(play);
    Actor actor{&play};
    const tau_task_id id = actor.spawn(world.runtime.executor, world.owner);
    bool aborted = false, detached = false, stale = false;
    for (const auto& asks : threads) {
      play.thread("asker", [&] {
        bool mine_stale = false;
        for (std::uint64_t ask : asks) {
          if (ask == wake) {
            actor.told = 1;
            actor.outcome = TAU_READY;
          }
          const bool accepted = world.request(id, ask);
          play.require(!accepted || !mine_stale, "a stale task is alive again");
          mine_stale |= !accepted;
          stale |= !accepted;
          aborted |= accepted && ask == abort_;
          detached |= accepted && ask == detach;
        }
      });
    }
    play.thread("loop", [&] { world.loop(); });
    play.run();
    const bool ended = actor.polls != 0 && actor.seen == 1;
    const bool dropped = actor.drops == 1;
    play.require(!stale || dropped, "a task that is there is stale");
    play.require(dropped == (ended ? detached : aborted), "dropped without a reason, or not dropped with one");
    if (!dropped) play.require(actor.seen == actor.told, "a wake-up was lost");
    if (dropped) play.require(!world.request(id, wake), "a task that was dropped is not stale");
    world.end(dropped ? 0 : 1);
  };
}

/// Threads that know a task by its id, while the loop drops it and spawns others in its place; and a friend
/// of the last two of those, if wanted, who wakes them. The very last is spawned a turn later, in the slot of another
/// before. `now`: dropped on the spot, while it is still queued.
Scenario reuse(std::vector<std::vector<std::uint64_t>> threads, int others, bool friendly = false,
               bool now = false) {
  return [threads, others, friendly, now](Play& play) {
    World world(play);
    auto& executor = world.runtime.executor;
    std::vector<Actor> actors(static_cast<std::size_t>(others) + 1, Actor{&play});
    Actor later{&play};
    tau_task_id last = 0, later_id = 0;
    const tau_task_id first = actors[0].spawn(executor, world.owner);
    for (const auto& asks : threads) {
      play.thread("asker", [&] {
        for (std::uint64_t ask : asks) world.request(first, ask);
      });
    }
    if (friendly) {
      play.thread("friend", [&] {
        play.require(play.wait([&] { return later_id != 0; }), "no last task");
        actors.back().told = later.told = 1;
        play.require(world.request(last, wake), "a task that waits is stale");
        play.require(world.request(later_id, wake), "a task that waits is stale");
      });
    }
    play.thread("loop", [&] {
      if (!now) world.runtime.turn(false);
      tau_task_id before = first;
      for (int i = 1; i <= others; ++i) {
        TaskSlot* task = executor.find(before);
        if (task && now) play.require(executor.drop_now(task) == TAU_OK, "a task cannot be dropped");
        if (task && !now) executor.abort(task);
        if (i != others || !now) world.runtime.turn(false);
        play.require(executor.find(before) == nullptr, "a task that was dropped is found");
        before = actors[static_cast<std::size_t>(i)].spawn(executor, world.owner);
      }
      last = before;
      world.runtime.turn(false);
      later_id = later.spawn(executor, world.owner);
      world.loop();
      play.require(executor.find(before) != nullptr, "a task that nobody knows is gone");
    });
    play.run();
    for (int i = 0; i < others; ++i) play.require(actors[static_cast<std::size_t>(i)].drops == 1, "not dropped");
    for (const Actor* actor : {&actors.back(), &later}) {
      play.require(actor->drops == 0, "a request for another task dropped this one");
      play.require(actor->seen == friendly, "a wake-up was lost");
      play.require(actor->polls <= 1 + friendly, "a request for another task woke this one");
    }
    world.end(2);
  };
}

/// A task that is joined ends by a thread's wake, or is aborted by another.
void joined(Play& play) {
  World world(play);
  Actor actor{&play};
  const tau_task_id id = actor.spawn(world.runtime.executor, world.owner);
  struct Wait : tau_wait {
    int fired = 0;
  } wait{};
  wait.owner = &world.owner;
  wait.fire = [](tau_wait* self) { ++static_cast<Wait*>(self)->fired; };
  play.require(world.runtime.executor.join(id, &wait) == TAU_PENDING, "join");
  play.thread("waker", [&] {
    actor.told = 1;
    actor.outcome = TAU_READY;
    world.request(id, wake);
  });
  play.thread("aborter", [&] { world.request(id, abort_); });
  play.thread("loop", [&] { world.loop(); });
  play.run();
  play.require(wait.fired == 1, "a join is not told, or twice");
  play.require(actor.drops == (actor.seen == 1 ? 0 : 1), "an ended task is dropped, or an aborted one not");
  world.end(actor.drops == 1 ? 0 : 1);
}

}  // namespace

TEST_CASE("no wake of a task is lost, whoever wakes it and whatever the loop does meanwhile") {
  explore_all("one waker", 5, wakers({1}));
  explore_all("one waker, twice", 4, wakers({2}), 1);
  explore_all("two wakers", 3, wakers({1, 1}));
  explore_all("three wakers", 2, wakers({1, 1, 1}));
}

TEST_CASE("wake, abort and detach meet the end of the same task") {
  explore_all("wake, abort", 3, requests({{wake}, {abort_}}));
  explore_all("wake, detach", 3, requests({{wake}, {detach}}));
  explore_all("wake and detach, abort", 3, requests({{wake, detach}, {abort_}}));
  explore_all("detach and wake, abort and wake", 2, requests({{detach, wake}, {abort_, wake}}));
  explore_all("wake, abort, detach", 2, requests({{wake}, {abort_}, {detach}}));
  explore_all("joined", 3, joined);
}

TEST_CASE("a late request finds neither the task that has gone nor the one in its place") {
  explore_all("wake, one other", 4, reuse({{wake}}, 1));
  explore_all("wake twice, two others", 3, reuse({{wake, wake}}, 2));
  explore_all("abort and wake, two others", 2, reuse({{abort_, wake}}, 2));
  explore_all("wake, one other with a friend", 2, reuse({{wake}}, 1, true));
  explore_all("wake, abort, one other", 2, reuse({{wake}, {abort_}}, 1));
  explore_all("detach, abort, two others", 2, reuse({{detach}, {abort_}}, 2));
  explore_all("wake twice, one other, dropped while queued", 3, reuse({{wake, wake}}, 1, false, true));
  explore_all("wake, two others with a friend, dropped while queued", 2, reuse({{wake}}, 2, true, true));
}

TEST_CASE("longer plays by lot") {
  explore_some("askers", 20'000, requests({{wake, detach, abort_}, {abort_, wake}, {detach, wake, wake}}));
  explore_some("reuse", 20'000, reuse({{wake, abort_, wake}, {abort_, detach, wake}, {wake, wake}}, 3, true));
  explore_some("reuse at once", 20'000, reuse({{wake, abort_, wake}, {abort_, detach, wake}}, 3, true, true));
}

TEST_CASE("an executor with one line wrong is found out") {
  must_find("leaving a request is not one step", {"Executor::request", Op::compare_exchange, Effect::split}, 2,
            requests({{wake}, {abort_}}));
  must_find("a request is not left", {"Executor::request", Op::compare_exchange, Effect::omit}, 2, wakers({1, 1}));
  must_find("taking requests is not one step", {"Executor::arrived", Op::bit_and, Effect::split}, 2,
            requests({{wake}, {detach}}));
  must_find("requests are not taken", {"Executor::arrived", Op::bit_and, Effect::omit}, 2, wakers({2}));
  must_find("dropping leaves the id valid", {"Executor::give_back(", Op::store, Effect::omit}, 2, reuse({{wake}}, 1));
  must_find("a link is taken by two", {"push_task", Op::compare_exchange, Effect::split}, 3, reuse({{wake}}, 1, true));
  must_find("a link stays taken", {"RemoteLink::release", Op::store, Effect::omit}, 2, wakers({2}));
}
