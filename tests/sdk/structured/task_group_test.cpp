#include <tau/join.hpp>
#include <tau/task_group.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

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

tau::Task<> through(Gate& gate, int* alive) {
  Counted counted(*alive);
  co_await gate.wait();
}
tau::Task<> fails(Gate& gate, std::string text) {
  co_await gate.wait();
  throw std::runtime_error(text);
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "a group waits for all its children, which leave their results in its scope") {
  int sum = 0;
  bool done = false;
  auto body = [&]() -> tau::Task<> {
    int results[3] = {};
    tau::TaskGroup group;
    auto child = [](int* out, int value) -> tau::Task<> {
      co_await tau::sleep(std::chrono::milliseconds(value));
      *out = value;
    };
    for (int i = 0; i < 3; ++i) group.spawn(child(&results[i], i + 1));
    CHECK(group.size() == 3);
    CHECK((co_await group.join()).has_value());
    CHECK(group.empty());
    for (int result : results) sum += result;
    CHECK((co_await group.join()).has_value());  // of nobody: at once
    done = true;
  };
  tau::spawn(body).detach();
  advance(2ms);
  CHECK_FALSE(done);
  advance(2ms);
  CHECK(done);
  CHECK(sum == 6);
}

TEST_CASE_FIXTURE(RuntimeFixture, "the first child to throw cancels the rest, and join throws what it threw") {
  Gate gate, failure;
  int alive = 0;
  std::string what;
  auto body = [&]() -> tau::Task<> {
    tau::TaskGroup group;
    for (int i = 0; i < 5; ++i) group.spawn(through(gate, &alive));
    group.spawn(fails(failure, "first"));
    group.spawn(fails(failure, "second"));
    try {
      (void)co_await group.join();
    } catch (const std::runtime_error& error) {
      what = error.what();
    }
    CHECK(group.empty());
    CHECK(alive == 0);
  };
  tau::spawn(body).detach();
  settle();
  CHECK(alive == 5);
  failure.open();
  settle();
  CHECK(what == "first");
  CHECK(gate.waiting() == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a child's error ends the group with that error, after which it may be used again") {
  Gate gate;
  int alive = 0;
  std::optional<tau::Error> error;
  auto refused = []() -> tau::Task<tau::Result<int>> {
    co_await tau::yield_now();
    co_return tau::Errc::closed;
  };
  auto body = [&]() -> tau::Task<> {
    tau::TaskGroup group;
    group.spawn(through(gate, &alive));
    group.spawn(refused());
    co_await tau::sleep(1ms);
    CHECK(group.spawn(through(gate, &alive)).id() == 0);  // it has failed
    error = (co_await group.join()).error();
    group.spawn(refused);
    CHECK((co_await group.join()).error() == tau::Errc::closed);
    auto fine = []() -> tau::Task<tau::Result<int>> { co_return 1; };
    group.spawn(fine);
    CHECK((co_await group.join()).has_value());
  };
  auto handle = tau::spawn(body);
  advance(2ms);
  CHECK(error == tau::Errc::closed);
  CHECK(handle.is_finished());
}

TEST_CASE_FIXTURE(RuntimeFixture, "children that are cancelled, or aborted one by one, are no failure") {
  Gate gate;
  int alive = 0;
  bool fine = false;
  auto body = [&]() -> tau::Task<> {
    tau::TaskGroup group;
    auto child = group.spawn(through(gate, &alive));
    group.spawn(through(gate, &alive));
    co_await tau::yield_now();
    child.abort();
    co_await tau::yield_now();
    CHECK(group.size() == 1);
    group.cancel();
    fine = (co_await group.join()).has_value();
  };
  tau::spawn(body).detach();
  settle();
  CHECK(fine);
  CHECK(alive == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a group that is destroyed has destroyed its children, woken or not, before") {
  Gate gate;
  int alive = 0;
  for (bool woken : {false, true}) {
    auto body = [&]() -> tau::Task<> {
      struct AtEnd {
        int& alive;
        explicit AtEnd(int& count) : alive(count) {}
        ~AtEnd() { CHECK(alive == 0); }
      } declared_before(alive);
      tau::TaskGroup group;
      for (int i = 0; i < 100; ++i) group.spawn(through(gate, &alive));
      CHECK((co_await group.join()).has_value());
    };
    auto handle = tau::spawn(body);
    settle();
    CHECK(alive == 100);
    handle.abort();
    if (woken) gate.open();
    settle();
    CHECK(alive == 0);
    CHECK(gate.waiting() == 0);
    CHECK(plugin.tasks == 0);
    gate.shut();
  }
}

TEST_CASE_FIXTURE(RuntimeFixture, "a group left by an exception destroys children that have not even run") {
  int alive = 0;
  Gate gate;
  auto body = [&]() -> tau::Task<> {
    tau::TaskGroup group;
    for (int i = 0; i < 10; ++i) group.spawn(through(gate, &alive));
    throw std::runtime_error("scope");
    co_return;
  };
  auto handle = tau::spawn(body);
  settle();
  CHECK(handle.is_finished());
  CHECK(handle.what() == "scope");
  CHECK(plugin.live_tasks == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "groups within groups go from the top, also when a branch loses a race") {
  int alive = 0;
  Gate gate;
  auto nest = [&](int depth, auto& self) -> tau::Task<> {
    Counted counted(alive);
    if (depth == 0) {
      co_await gate.wait();
      co_return;
    }
    tau::TaskGroup group;
    group.spawn(self(depth - 1, self));
    group.spawn(self(depth - 1, self));
    (void)co_await group.join();
  };
  bool lost = false;
  auto body = [&]() -> tau::Task<> {
    lost = !(co_await tau::timeout(1ms, nest(6, nest))).has_value();
    CHECK(alive == 0);
  };
  tau::spawn(body).detach();
  settle();
  CHECK(alive == 127);
  advance(2ms);
  CHECK(lost);
  CHECK(gate.waiting() == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a child that is inside block_on is aborted when its group goes, and ends after it") {
  Gate gate;
  int alive = 0;
  bool group_gone = false;
  tau::AbortHandle parent;
  auto child = [&]() -> tau::Task<> {
    Counted counted(alive);
    auto inner = [&]() -> tau::Task<> {
      parent.abort();
      co_await tau::yield_now();
      co_await tau::yield_now();
      CHECK(group_gone);
      CHECK(alive == 1);
    };
    CHECK(tau::block_on(inner()).has_value());
    co_await gate.wait();
    FAIL("it was aborted");
  };
  auto body = [&]() -> tau::Task<> {
    struct AtEnd {
      bool& gone;
      explicit AtEnd(bool& flag) : gone(flag) {}
      ~AtEnd() { gone = true; }
    } at_end(group_gone);
    tau::TaskGroup group;
    group.spawn(child());
    CHECK((co_await group.join()).has_value());
  };
  auto handle = tau::spawn(body);
  parent = handle.abort_handle();
  settle();
  CHECK(group_gone);
  CHECK(alive == 0);
  CHECK(gate.waiting() == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a second join is refused while the first one waits") {
  Gate gate;
  int alive = 0;
  std::optional<tau::Error> error;
  auto body = [&]() -> tau::Task<> {
    tau::TaskGroup group;
    group.spawn(through(gate, &alive));
    auto [first, second] = co_await tau::join(group.join(), group.join());
    CHECK(first.has_value());
    error = second.error();
  };
  tau::spawn(body).detach();
  settle();
  gate.open();
  settle();
  CHECK(error == tau::Errc::busy);
}

TEST_CASE_FIXTURE(TwoPlugins, "a plugin unloaded in the middle of its groups takes its children along, nobody else's") {
  Gate gate;
  int alive = 0, others_alive = 0;
  auto body = [](Gate& shared, int* count) -> tau::Task<> {
    tau::TaskGroup group;
    for (int i = 0; i < 5; ++i) group.spawn(through(shared, count));
    CHECK((co_await group.join()).has_value());
  };
  auto handle = tau::spawn(body(gate, &alive));
  settle();
  tau::JoinHandle<void> others;
  as_other([&] {
    others = tau::spawn(body(gate, &others_alive));
    settle();
  });
  settle();
  CHECK(others_alive == 5);
  unload_other();
  CHECK(others_alive == 0);
  CHECK(alive == 5);
  gate.open();
  settle();
  CHECK(handle.is_finished());
  CHECK(alive == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "dropping by id: what cannot be dropped says so, and a stale id finds nothing") {
  Gate gate;
  int alive = 0;
  auto handle = tau::spawn(through(gate, &alive));
  CHECK(tau_task_drop(handle.task_id()) == TAU_OK);  // queued: its slot goes at its turn
  CHECK(tau_task_drop(handle.task_id()) == TAU_E_STALE);
  CHECK(tau_task_state(handle.task_id()) == TAU_E_STALE);
  CHECK(plugin.tasks == 0);
  handle.abort();
  settle();
  auto waiting = tau::spawn(through(gate, &alive));
  settle();
  CHECK(alive == 1);
  CHECK(tau_task_drop(waiting.task_id()) == TAU_OK);
  CHECK(alive == 0);
  CHECK(tau_task_drop(waiting.task_id()) == TAU_E_STALE);
  auto itself = []() -> tau::Task<std::int32_t> { co_return tau_task_drop(tau::current_task_id()); };
  auto busy = tau::spawn(itself);
  settle();
  CHECK(busy.try_join()->value() == TAU_E_BUSY);
  auto unjoined = tau::spawn(itself);
  settle();
  CHECK(tau_task_drop(unjoined.task_id()) == TAU_OK);  // finished, with a result that nobody fetched
  std::thread([&] { CHECK(tau_task_drop(waiting.task_id()) == TAU_E_THREAD); }).join();
}

TEST_CASE_FIXTURE(RuntimeFixture, "tasks dropped, woken and aborted at random leave neither slot nor frame") {
  TAU_SEEDED_RANDOM(random);
  Gate gate;
  int alive = 0;
  std::vector<tau::JoinHandle<void>> handles;
  for (int round = 0; round < 3000; ++round) {
    switch (random() % 5) {
      case 0:
      case 1: handles.push_back(tau::spawn(through(gate, &alive))); break;
      case 2:
        if (!handles.empty()) tau_wake(handles[random() % handles.size()].task_id());
        if (!handles.empty()) tau_task_drop(handles[random() % handles.size()].task_id());
        break;
      case 3:
        if (!handles.empty()) {
          auto id = handles[random() % handles.size()].task_id();
          std::thread([id, which = random() % 3] { which == 0 ? tau_wake(id) : which == 1 ? tau_abort(id) : tau_detach(id); }).join();
          if (random() % 2) tau_task_drop(id);
        }
        break;
      default: runtime.turn(false);
    }
    if (random() % 64 == 0) {
      gate.open();
      if (random() % 2) settle();
      gate.shut();
    }
  }
  handles.clear();
  gate.open();
  settle();
  CHECK(alive == 0);
  CHECK(plugin.tasks == 0);
}
