#include <tau/join_set.hpp>
#include <tau/list_tasks.hpp>
#include <tau/spawn_blocking.hpp>
#include <tau/task_group.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <thread>

#include "gate.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::TaskState;
using tau::test::Gate;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

namespace {

tau::Task<> through(Gate& gate) { co_await gate.wait(); }

tau::TaskInfo info_of(tau::TaskId id) {
  auto tasks = tau::list_tasks();
  auto found = std::find_if(tasks.begin(), tasks.end(), [id](const tau::TaskInfo& task) { return task.id == id; });
  REQUIRE(found != tasks.end());
  return *found;
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "a task is known by where it was spawned, and by its name if it has one") {
  Gate gate;
  auto plain = tau::spawn(through(gate));
  const unsigned line = __LINE__ - 1;
  auto named = tau::spawn(through(gate), "the reader");
  auto closure = [&]() -> tau::Task<> { co_await gate.wait(); };
  auto of_closure = tau::spawn(closure, std::string("a closure"));
  const tau::TaskInfo info = info_of(plain.task_id());
  CHECK(info.file == __FILE__);
  CHECK(info.line == line);
  CHECK(info.name.empty());
  CHECK(info_of(named.task_id()).name == "the reader");
  CHECK(info_of(named.task_id()).line == line + 2);
  CHECK(info_of(of_closure.task_id()).name == "a closure");
  CHECK(tau::list_tasks().size() == 3);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a task's state: ready, waiting, running, finished") {
  Gate gate;
  auto handle = tau::spawn(through(gate));
  CHECK(info_of(handle.task_id()).state == TaskState::ready);
  settle();
  CHECK(info_of(handle.task_id()).state == TaskState::waiting);
  auto looking = []() -> tau::Task<TaskState> { co_return info_of(tau::current_task_id()).state; };
  auto itself = tau::spawn(looking);
  gate.open();
  settle();
  CHECK(info_of(handle.task_id()).state == TaskState::finished);
  CHECK(itself.try_join()->value() == TaskState::running);
  CHECK(tau_task_state(handle.task_id()) == (TAU_TASK_LIVE | TAU_TASK_FINISHED));
  handle.detach();
  CHECK(tau::list_tasks().empty());
}

TEST_CASE_FIXTURE(RuntimeFixture, "sets, groups and blocking calls say where they were told to spawn") {
  Gate gate;
  auto body = [&]() -> tau::Task<> {
    tau::JoinSet<void> set;
    tau::TaskGroup group;
    const unsigned line = __LINE__;
    auto in_set = set.spawn(through(gate));
    auto in_group = group.spawn(through(gate));
    auto job = tau::spawn_blocking([] {});
    CHECK(info_of(in_set.id()).line == line + 1);
    CHECK(info_of(in_group.id()).line == line + 2);
    CHECK(info_of(job.task_id()).line == line + 3);
    CHECK(info_of(in_set.id()).file == __FILE__);
    (void)co_await job;
  };
  auto handle = tau::spawn(body);
  run_until([&] { return handle.is_finished(); });
}

TEST_CASE_FIXTURE(RuntimeFixture, "a name may change, goes with its task, and is refused for a stale one") {
  Gate gate;
  auto handle = tau::spawn(through(gate), "first");
  CHECK(tau_task_set_name(handle.task_id(), "second", 6) == TAU_OK);
  CHECK(info_of(handle.task_id()).name == "second");
  CHECK(tau_task_set_name(handle.task_id(), nullptr, 0) == TAU_OK);
  CHECK(info_of(handle.task_id()).name.empty());
  CHECK(tau_task_set_name(handle.task_id(), "third", 5) == TAU_OK);
  handle.abort();
  settle();
  CHECK(tau_task_set_name(handle.task_id(), "late", 4) == TAU_E_STALE);
  auto next = tau::spawn(through(gate));  // in the same slot
  CHECK(info_of(next.task_id()).name.empty());
  std::thread([&] {
    CHECK(tau_task_set_name(next.task_id(), "x", 1) == TAU_E_THREAD);
    CHECK(tau::list_tasks().empty());
  }).join();
}

TEST_CASE_FIXTURE(RuntimeFixture, "thousands of places are told apart; those beyond what is counted are unknown") {
  static constexpr tau_task_fns fns{[](tau_task*) noexcept -> std::int32_t { return TAU_PENDING; },
                                    [](tau_task*) noexcept {}};
  static constexpr char files[2][16] = {"one.cpp", "two.cpp"};
  for (unsigned line = 1; line <= 2100; ++line) {
    for (const char* file : files) {
      for (int again = 0; again < 2; ++again) {
        tau_task_id id = 0;
        REQUIRE(tau_spawn_at(&plugin, &fns, nullptr, &id, file, line) == TAU_OK);
      }
    }
  }
  int known = 0, unknown = 0;
  std::vector<int> seen(2 * 2101);
  for (const tau::TaskInfo& task : tau::list_tasks()) {
    ++(task.file.empty() ? unknown : known);
    if (!task.file.empty()) ++seen[(task.file == files[1] ? 2101 : 0) + task.line];
  }
  CHECK(known == 2 * 4095);
  CHECK(unknown == 2 * 105);
  for (int count : seen) CHECK((count == 0 || count == 2));
}

TEST_CASE_FIXTURE(TwoPlugins, "each plugin sees its own tasks, and texts do not outlive their plugin in the host") {
  Gate gate;
  auto handle = tau::spawn(through(gate), "mine");
  char file[] = "generation one";
  as_other([&] {
    static constexpr tau_task_fns fns{[](tau_task*) noexcept -> std::int32_t { return TAU_PENDING; },
                                      [](tau_task*) noexcept {}};
    tau_task_id id = 0;
    REQUIRE(tau_spawn_at(&other, &fns, nullptr, &id, file, 7) == TAU_OK);
    std::strcpy(file, "overwritten...");
    auto tasks = tau::list_tasks();
    REQUIRE(tasks.size() == 1);
    CHECK(tasks[0].file == "generation one");  // a copy
    CHECK(tasks[0].line == 7);
  });
  CHECK(tau::list_tasks().size() == 1);
  unload_other();
  CHECK(other.sites.find(0) == nullptr);
  CHECK(other.sites.number(file, 7) == 1);  // known anew
  CHECK(other.sites.find(1)->file == "overwritten...");
  CHECK(info_of(handle.task_id()).name == "mine");
}
