#include "runtime/executor.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/owner.hpp"
#include "support/seed.hpp"

using namespace tau::host;

namespace {

// A task whose poll and drop are the test's closures.
struct Body {
  std::function<std::int32_t(tau_task*)> poll = [](tau_task*) { return TAU_READY; };
  std::function<void(tau_task*)> drop = [](tau_task*) {};
  int polls = 0;
  int drops = 0;
};
constexpr tau_task_fns body_fns{[](tau_task* task) -> std::int32_t {
                                  auto* body = static_cast<Body*>(task->data);
                                  ++body->polls;
                                  return body->poll(task);
                                },
                                [](tau_task* task) {
                                  auto* body = static_cast<Body*>(task->data);
                                  ++body->drops;
                                  body->drop(task);
                                }};

class Loop {
  std::deque<Body> bodies_;

 public:
  tau_plugin owner;
  RemoteQueue remote{[](void*) {}, nullptr};
  Executor executor{remote};

  Loop() { owner.phase = Phase::running; }
  ~Loop() {
    drain();
    owner.phase = Phase::unloading;
    executor.drop_owner(owner);
    drain();
    CHECK(owner.tasks == 0);
    CHECK(owner.live_tasks == 0);
    executor.reclaim(owner);
  }

  /// A body that outlives the loop's last drop.
  Body& new_body() { return bodies_.emplace_back(); }
  tau_task_id spawn(Body& body, tau_plugin* by = nullptr) {
    tau_task_id id = 0;
    REQUIRE(executor.spawn(by ? *by : owner, &body_fns, nullptr, &body, &id) == TAU_OK);
    return id;
  }
  void drain() {
    remote.drain([this](RemoteLink* link) { executor.arrived(link); });
  }
  void settle() {
    do {
      drain();
    } while (executor.run(1'000'000) != 0);
  }
};

struct Wait : tau_wait {
  int fired = 0;
  explicit Wait(tau_plugin& by) : tau_wait{} {
    owner = &by;
    fire = [](tau_wait* self) { ++static_cast<Wait*>(self)->fired; };
  }
};

std::int32_t pending(tau_task*) {
  return TAU_PENDING;
}

}  // namespace

TEST_CASE_FIXTURE(Loop, "tasks run in the order in which they were woken") {
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) {
    Body& body = new_body();
    body.poll = [&order, i](tau_task*) {
      order.push_back(i);
      return TAU_READY;
    };
    spawn(body);
  }
  settle();
  CHECK(order == std::vector<int>{0, 1, 2});
}

TEST_CASE_FIXTURE(Loop, "a finished task stays until it is detached, and then its id is stale") {
  Body& body = new_body();
  tau_task_id id = spawn(body);
  settle();
  void* data = nullptr;
  CHECK(executor.join_take(id, &data) == TAU_OK);
  CHECK(data == &body);
  CHECK(body.drops == 0);
  executor.detach(executor.find(id));
  CHECK(body.drops == 1);
  CHECK(executor.find(id) == nullptr);
  CHECK(executor.join_take(id, &data) == TAU_E_STALE);
  CHECK(executor.request(id, TaskSlot::abort) == TAU_E_STALE);
}

TEST_CASE_FIXTURE(Loop, "a task is handed over to one of its own plugin that joins it, and is gone without a drop") {
  Body &body = new_body(), &joiner = new_body();
  const tau_task_id id = spawn(body);
  void* data = nullptr;
  Wait wait(owner);
  std::vector<std::int32_t> said;
  joiner.poll = [&](tau_task*) {
    said.push_back(executor.join_release(id, &wait, &data));
    return said.back() == TAU_PENDING ? TAU_PENDING : TAU_READY;
  };
  body.poll = pending;
  const tau_task_id joiner_id = spawn(joiner);
  settle();
  CHECK(said == std::vector<std::int32_t>{TAU_PENDING});
  CHECK(owner.waits == 1);
  CHECK(executor.join_release(id, nullptr, &data) == TAU_PENDING);
  body.poll = [](tau_task*) { return TAU_READY; };
  executor.wake(executor.find(id));
  settle();
  CHECK(wait.fired == 1);
  CHECK(body.drops == 0);
  executor.wake(executor.find(joiner_id));
  settle();
  CHECK(said == std::vector<std::int32_t>{TAU_PENDING, TAU_OK});
  CHECK(data == &body);
  CHECK(body.drops == 0);
  CHECK(executor.find(id) == nullptr);
  CHECK(executor.join_release(id, &wait, &data) == TAU_E_STALE);
  CHECK(owner.tasks == 1);  // the joiner's own, which nobody has joined
}

TEST_CASE_FIXTURE(Loop, "a task that threw, another plugin's, and one that is joined outside of tasks are not handed over") {
  tau_plugin other;
  other.phase = Phase::running;
  Body &threw = new_body(), &theirs = new_body(), &joiner = new_body();
  threw.poll = [](tau_task*) { return TAU_E_THREW; };
  const tau_task_id threw_id = spawn(threw), theirs_id = spawn(theirs, &other);
  settle();
  void* data = nullptr;
  joiner.poll = [&](tau_task*) {
    CHECK(executor.join_release(threw_id, nullptr, &data) == TAU_READY);
    CHECK(executor.join_release(theirs_id, nullptr, &data) == TAU_READY);
    return TAU_READY;
  };
  const tau_task_id joiner_id = spawn(joiner);
  settle();
  CHECK(joiner.polls == 1);
  CHECK(executor.join_release(joiner_id, nullptr, &data) == TAU_READY);
  CHECK(data == nullptr);
  CHECK(threw.drops + theirs.drops + joiner.drops == 0);
  CHECK(executor.join_take(theirs_id, &data) == TAU_OK);
  CHECK(data == &theirs);
  other.phase = Phase::unloading;
  executor.drop_owner(other);
  CHECK(theirs.drops == 1);
  executor.reclaim(other);
}

TEST_CASE_FIXTURE(Loop, "a slot is reused under a new id") {
  Body &first = new_body(), &second = new_body();
  tau_task_id a = spawn(first);
  executor.detach(executor.find(a));
  settle();
  tau_task_id b = spawn(second);
  CHECK(static_cast<std::uint32_t>(a) == static_cast<std::uint32_t>(b));
  CHECK(a != b);
  CHECK(executor.find(a) == nullptr);
}

TEST_CASE_FIXTURE(Loop, "a wake while running brings the task back behind the others") {
  std::vector<char> order;
  Body &yields = new_body(), &other = new_body();
  yields.poll = [&](tau_task* task) {
    order.push_back('y');
    if (order.size() > 2) return TAU_READY;
    executor.wake(static_cast<TaskSlot*>(task));
    return TAU_PENDING;
  };
  other.poll = [&](tau_task*) {
    order.push_back('o');
    return TAU_READY;
  };
  spawn(yields);
  spawn(other);
  settle();
  CHECK(order == std::vector<char>{'y', 'o', 'y'});
}

TEST_CASE_FIXTURE(Loop, "spawn abort join: the wait fires and the id is stale") {
  Body& body = new_body();
  body.poll = pending;
  tau_task_id id = spawn(body);
  settle();
  Wait wait(owner);
  CHECK(executor.join(id, &wait) == TAU_PENDING);
  executor.abort(executor.find(id));
  executor.abort(executor.find(id));
  CHECK(body.drops == 0);
  settle();
  CHECK(body.drops == 1);
  CHECK(wait.fired == 1);
  CHECK(wait.linked == nullptr);
  CHECK(executor.join(id, &wait) == TAU_E_STALE);
}

TEST_CASE_FIXTURE(Loop, "a task that aborts itself is dropped at its next suspension") {
  Body& body = new_body();
  bool alive_after_abort = false;
  body.poll = [&](tau_task* task) {
    executor.abort(static_cast<TaskSlot*>(task));
    alive_after_abort = body.drops == 0;
    return TAU_PENDING;
  };
  spawn(body);
  settle();
  CHECK(alive_after_abort);
  CHECK(body.drops == 1);
}

TEST_CASE_FIXTURE(Loop, "a task that aborts itself and ends has ended") {
  Body& body = new_body();
  body.poll = [&](tau_task* task) {
    executor.abort(static_cast<TaskSlot*>(task));
    return TAU_READY;
  };
  tau_task_id id = spawn(body);
  settle();
  void* data;
  CHECK(executor.join_take(id, &data) == TAU_OK);
}

TEST_CASE_FIXTURE(Loop, "an aborted task that was never polled is dropped without a poll") {
  Body& body = new_body();
  executor.abort(executor.find(spawn(body)));
  settle();
  CHECK(body.polls == 0);
  CHECK(body.drops == 1);
}

TEST_CASE_FIXTURE(Loop, "a destructor may spawn, abort and detach") {
  Body &victim = new_body(), &spawned = new_body(), &dying = new_body();
  victim.poll = pending;
  tau_task_id victim_id = spawn(victim);
  dying.poll = pending;
  dying.drop = [&](tau_task*) {
    spawn(spawned);
    executor.abort(executor.find(victim_id));
  };
  tau_task_id id = spawn(dying);
  settle();
  executor.abort(executor.find(id));
  settle();
  CHECK(spawned.polls == 1);
  CHECK(victim.drops == 1);
}

TEST_CASE_FIXTURE(Loop, "unloading drops every task, and a destructor can spawn no more") {
  std::vector<Body*> bodies;
  std::vector<tau_task_id> ids;
  std::int32_t refused = 0;
  for (int i = 0; i < 1000; ++i) {
    bodies.push_back(&new_body());
    if (i % 2) bodies[i]->poll = pending;
    bodies[i]->drop = [&, i](tau_task*) {
      tau_task_id id;
      refused += executor.spawn(owner, &body_fns, nullptr, nullptr, &id) == TAU_E_UNLOADING;
      // Others may be gone, queued, or yet to be dropped.
      if (TaskSlot* other = executor.find(ids[(i * 7 + 1) % 1000])) {
        executor.wake(other);
        executor.abort(other);
      }
    };
    ids.push_back(spawn(*bodies[i]));
  }
  executor.run(500);
  tau_plugin stays;
  stays.phase = Phase::running;
  Body& untouched = new_body();
  tau_task_id untouched_id = spawn(untouched, &stays);
  owner.phase = Phase::unloading;
  executor.drop_owner(owner);
  CHECK(refused == 1000);
  CHECK(owner.tasks == 0);
  for (Body* body : bodies) CHECK(body->drops == 1);
  settle();
  CHECK(untouched.polls == 1);
  executor.detach(executor.find(untouched_id));
  executor.reclaim(stays);
}

TEST_CASE_FIXTURE(Loop, "unloading tells the joiner of another plugin, and unlinks its own waits") {
  tau_plugin other;
  other.phase = Phase::running;
  Body &mine = new_body(), &theirs = new_body();
  mine.poll = theirs.poll = pending;
  tau_task_id mine_id = spawn(mine);
  tau_task_id theirs_id = spawn(theirs, &other);
  settle();
  Wait told(other), unlinked(owner);
  CHECK(executor.join(mine_id, &told) == TAU_PENDING);
  CHECK(executor.join(theirs_id, &unlinked) == TAU_PENDING);
  owner.phase = Phase::unloading;
  executor.drop_owner(owner);
  CHECK(told.fired == 1);
  CHECK(unlinked.fired == 0);
  CHECK(unlinked.linked == nullptr);
  CHECK(owner.waits == 0);
  other.phase = Phase::unloading;
  executor.drop_owner(other);
  CHECK(unlinked.fired == 0);
  executor.reclaim(other);
}

TEST_CASE_FIXTURE(Loop, "a request that arrives when its task has gone does nothing to the next in its slot") {
  Body &body = new_body(), &next = new_body();
  body.poll = pending;
  tau_task_id id = spawn(body);
  settle();
  CHECK(executor.request(id, TaskSlot::wake) == TAU_OK);
  executor.abort(executor.find(id));
  executor.run(10);
  CHECK(body.drops == 1);
  CHECK(executor.request(id, TaskSlot::abort) == TAU_E_STALE);
  next.poll = pending;
  tau_task_id other = spawn(next);
  CHECK(static_cast<std::uint32_t>(other) == static_cast<std::uint32_t>(id));
  executor.run(10);
  const int polls = next.polls;
  CHECK(executor.request(other, TaskSlot::wake) == TAU_OK);  // while the old one's is still on its way
  drain();
  executor.run(10);
  CHECK(next.polls == polls + 1);
  CHECK(next.drops == 0);
  CHECK(executor.request(id, TaskSlot::abort) == TAU_E_STALE);
  CHECK(executor.request(other, TaskSlot::abort) == TAU_OK);
  drain();
  executor.run(10);
  CHECK(next.drops == 1);
}

TEST_CASE_FIXTURE(Loop, "a million live tasks") {
  constexpr std::size_t count = 1'000'000;
  std::vector<tau_task_id> ids(count);
  Body& shared = new_body();
  shared.poll = pending;
  for (auto& id : ids) id = spawn(shared);
  settle();
  CHECK(owner.live_tasks == count);
  CHECK(shared.polls == static_cast<int>(count));
  for (auto id : ids) executor.abort(executor.find(id));
  settle();
  CHECK(shared.drops == static_cast<int>(count));
}

TEST_CASE("threads wake, abort and detach while tasks come, run and go") {
  TAU_SEEDED_RANDOM(random);
  constexpr int slots = 64;
  constexpr int rounds = 20'000;
  Loop loop;
  std::atomic<tau_task_id> ids[slots] = {};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, seed = random()] {
      std::mt19937_64 mine(seed);
      while (!stop.load(std::memory_order_relaxed)) {
        tau_task_id id = ids[mine() % slots].load(std::memory_order_relaxed);
        if (id) loop.executor.request(id, std::uint64_t{1} << (mine() % 3));
      }
    });
  }
  std::vector<Body*> bodies;
  for (int i = 0; i < rounds; ++i) {
    Body& body = loop.new_body();
    bodies.push_back(&body);
    if (random() % 4) body.poll = pending;
    ids[random() % slots].store(loop.spawn(body), std::memory_order_relaxed);
    if (i % 8 == 0) loop.drain();
    loop.executor.run(random() % 16);
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  loop.drain();
  loop.owner.phase = Phase::unloading;
  loop.executor.drop_owner(loop.owner);
  loop.drain();
  for (Body* body : bodies) REQUIRE(body->drops == 1);
}
