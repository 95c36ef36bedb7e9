// Sources as a module sees them: what they are told and when, in virtual time; who may remove whom; and two
// plugins of which one goes.
#include <tau/rt/fiber.h>
#include <tau/rt/io.h>
#include <tau/rt/source.h>
#include <tau/rt/timer.h>
#include <tau/spawn.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/counted.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

namespace {

/// Says what it is told to, and remembers what happened to it.
struct Hook : tau_source {
  std::int64_t answer = -1;
  int asked = 0;
  int told = 0;
  int timed = 0;
  std::function<void(Hook&)> on_prepare, on_check;

  explicit Hook(std::int64_t named = -1, tau_plugin* who = tau_module_owner) : tau_source{}, answer(named) {
    owner = who;
    prepare = [](tau_source* self) {
      auto& hook = *static_cast<Hook*>(self);
      CHECK(hook.asked == hook.told);  // told in between
      ++hook.asked;
      const std::int64_t answer = hook.answer;
      if (hook.on_prepare)
        std::function<void(Hook&)>(hook.on_prepare)(hook);  // may be destroyed by its own call
      return answer;
    };
    check = [](tau_source* self, std::int32_t timed_out) {
      auto& hook = *static_cast<Hook*>(self);
      ++hook.told;
      hook.timed += timed_out;
      CHECK(hook.asked == hook.told);
      if (hook.on_check) std::function<void(Hook&)>(hook.on_check)(hook);
    };
    CHECK(tau_source_add(this) == TAU_OK);
  }
  Hook(const Hook&) = delete;
  ~Hook() { tau_source_remove(this); }
};

/// A foreign loop's timer: asked for its time, run when the time is over.
struct Alarm : tau_source {
  std::uint64_t due_ns;
  std::vector<std::uint64_t> rang;

  explicit Alarm(std::chrono::nanoseconds in) : tau_source{}, due_ns(tau_now() + in.count()) {
    owner = tau_module_owner;
    prepare = [](tau_source* self) -> std::int64_t {
      const std::uint64_t due = static_cast<Alarm*>(self)->due_ns, now = tau_now();
      return due == 0 ? -1 : due <= now ? 0 : static_cast<std::int64_t>(due - now);
    };
    check = [](tau_source* self, std::int32_t timed_out) {
      auto& alarm = *static_cast<Alarm*>(self);
      CHECK((timed_out != 0) == (alarm.due_ns != 0 && alarm.due_ns <= tau_now()));
      if (timed_out) {
        alarm.rang.push_back(tau_now());
        alarm.due_ns = 0;
      }
    };
    CHECK(tau_source_add(this) == TAU_OK);
  }
  Alarm(const Alarm&) = delete;
  ~Alarm() { tau_source_remove(this); }
};

struct RealTime : RuntimeFixture {
  RealTime() : RuntimeFixture(false) {}
};

tau::Task<> count_turns(int* turns, const bool* stop) {
  while (!*stop) {
    ++*turns;
    co_await tau::yield_now();
  }
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "a source is asked and told each turn, in the order in which they came") {
  std::string order;
  Hook one, two;
  one.on_prepare = [&](Hook&) { order += 'a'; };
  two.on_prepare = [&](Hook&) { order += 'b'; };
  one.on_check = [&](Hook&) { order += 'A'; };
  two.on_check = [&](Hook&) { order += 'B'; };
  settle();
  settle();
  CHECK(order == "abABabAB");
  CHECK(plugin.sources == 2);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a time that is over is told, and never before it is over") {
  const std::uint64_t start = tau_now();
  Alarm alarm(3ms), other(5ms);
  Hook always(0), never(-1);
  advance(3ms - 1ns);
  CHECK(alarm.rang.empty());
  advance(1ns);
  CHECK(alarm.rang == std::vector<std::uint64_t>{start + 3'000'000});
  advance(10ms);
  CHECK(alarm.rang.size() == 1);
  CHECK(other.rang == std::vector<std::uint64_t>{start + 5'000'000});  // advancing stops at it
  CHECK(always.timed == always.told);
  CHECK(never.timed == 0);
  CHECK(never.told == always.told);
}

TEST_CASE_FIXTURE(RuntimeFixture,
                  "a foreign timer that a task starts is seen though the source was asked before") {
  Alarm alarm(24h);
  alarm.due_ns = 0;
  settle();
  const std::uint64_t start = tau_now();
  auto starter = [&]() -> tau::Task<> {
    co_await tau::sleep(10ms);
    alarm.due_ns = tau_now() + 100'000'000;
  };
  tau::spawn(starter).detach();
  advance(1s);
  REQUIRE(alarm.rang.size() == 1);
  CHECK(alarm.rang[0] >= start + 110'000'000);
  CHECK(alarm.rang[0] < start + 111'000'000);
}

TEST_CASE_FIXTURE(RealTime, "the loop sleeps until a source's time and is not late") {
  Alarm alarm(5ms);
  const std::uint64_t due = alarm.due_ns;
  run_until([&] { return !alarm.rang.empty(); });
  CHECK(alarm.rang[0] >= due);
  // Another thread ends a sleep without a limit, and the source is asked again.
  std::thread waker([&] {
    tau_spawn_remote(
        &plugin, [](void* data) { static_cast<Alarm*>(data)->due_ns = tau_now() + 1'000'000; }, [](void*) {},
        &alarm);
  });
  run_until([&] { return alarm.rang.size() == 2; });
  waker.join();
}

TEST_CASE_FIXTURE(RealTime,
                  "a source that never lets the loop sleep starves neither tasks nor timers nor I/O") {
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
  Hook restless(0);
  int turns = 0;
  bool stop = false, slept = false;
  static bool received;
  received = false;
  char byte;
  tau_io receive{};
  receive.opcode = TAU_IO_RECV;
  receive.owner = &plugin;
  receive.fd = fds[1];
  receive.buffer = &byte;
  receive.length = 1;
  receive.done = [](tau_io*) { received = true; };
  CHECK(tau_io_submit(&receive) == TAU_PENDING);
  auto sleeper = [&]() -> tau::Task<> {
    co_await tau::sleep(2ms);
    slept = true;
    REQUIRE(::write(fds[0], "x", 1) == 1);
  };
  SUBCASE("beside a busy task") {
    tau::spawn(count_turns(&turns, &stop)).detach();
  }
  SUBCASE("alone") {
    turns = 1;
  }
  tau::spawn(sleeper).detach();
  run_until([&] { return slept && received; });
  CHECK(turns > 0);
  CHECK(restless.asked > 1);
  const int asked = restless.asked;
  const int before = turns;
  for (int i = 0; i < 10; ++i) runtime.turn(true);
  CHECK(restless.asked == asked + 10);  // nor do they starve it
  CHECK((before == 1 || turns >= before + 10));
  stop = true;
  settle();
  ::close(fds[0]);
  ::close(fds[1]);
}

TEST_CASE_FIXTURE(RuntimeFixture, "callbacks remove and free themselves, the next, the one before and all") {
  for (bool in_check : {false, true}) {
    for (std::size_t actor : {0u, 1u, 2u}) {
      for (unsigned victims = 1; victims < 8; ++victims) {
        std::vector<std::unique_ptr<Hook>> hooks;
        for (int i = 0; i < 3; ++i) hooks.push_back(std::make_unique<Hook>(0));
        int acted = 0;
        const auto act = [&](Hook&) {
          if (acted++ != 0) return;
          for (std::size_t i = 0; i < 3; ++i) {
            if (victims & (1u << i)) hooks[i].reset();
          }
        };
        (in_check ? hooks[actor]->on_check : hooks[actor]->on_prepare) = act;
        settle();
        settle();
        CHECK(acted >= 1);
        for (const auto& hook : hooks) {
          if (hook) CHECK(hook->told == 2);
        }
        CHECK(plugin.sources == static_cast<std::uint64_t>(3 - __builtin_popcount(victims)));
      }
    }
  }
  CHECK(plugin.timed_sources == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture,
                  "a source that leaves and comes back in its own callback is met once a turn") {
  Hook restless(0), neighbour;
  restless.on_prepare = [](Hook& self) {
    tau_source_remove(&self);
    self.told = self.asked;  // the answer is void
    CHECK(tau_source_add(&self) == TAU_OK);
  };
  for (int i = 1; i <= 4; ++i) {
    runtime.turn(false);
    CHECK(restless.asked == i);
    CHECK(neighbour.told == i);
  }
}

TEST_CASE_FIXTURE(RuntimeFixture, "a source whose function waits is left alone meanwhile; the others go on") {
  Alarm alarm(2ms);
  Hook first(0), outer, last;
  first.on_check = [&](Hook&) { runtime.clock.advance(1'000'000); };
  int others_told = 0, asked_inside = 0;
  const auto wait = [&](Hook& self) {
    if (others_told != 0) return;
    const int asked = self.asked, told = self.told, others = first.told + last.told;
    auto work = []() -> tau::Task<> { co_await tau::sleep(5ms); };
    CHECK(tau::block_on(work()));
    asked_inside = self.asked - asked + self.told - told;
    others_told = first.told + last.told - others;
  };
  SUBCASE("when it is asked") {
    outer.on_prepare = wait;
  }
  SUBCASE("when it is told") {
    outer.on_check = wait;
  }
  run_until([&] { return others_told != 0; });
  CHECK(asked_inside == 0);
  CHECK(others_told >= 8);
  CHECK(alarm.rang.size() == 1);
  const int told = outer.told;
  settle();
  settle();
  CHECK(outer.told >= told + 1);
}

TEST_CASE_FIXTURE(RuntimeFixture, "functions that wait end in any order") {
  Hook restless(0);
  restless.on_check = [&](Hook&) { runtime.clock.advance(1'000'000); };
  std::string order;
  const auto waits = [&](char name, int ms) {
    return [&order, name, ms, once = false](Hook& self) mutable {
      self.on_check = nullptr;
      auto work = [](int n) -> tau::Task<> { co_await tau::sleep(std::chrono::milliseconds(n)); };
      CHECK(tau::block_on(work(ms)));
      order += name;
    };
  };
  Hook slow, quick, middle;
  slow.on_check = waits('c', 30);
  quick.on_check = waits('a', 3);
  middle.on_check = waits('b', 15);
  run_until([&] { return order.size() == 3; });
  CHECK(order == "abc");
  for (const Hook* hook : {&slow, &quick, &middle}) {
    const int told = hook->told;
    settle();
    settle();
    CHECK(hook->told > told);
  }
}

TEST_CASE_FIXTURE(RuntimeFixture,
                  "a source is removed and freed, and its memory used again, while its function waits") {
  for (int variant = 0; variant < 4; ++variant) {
    const bool in_check = variant % 2 == 0, added_anew = variant / 2 == 0;
    auto source = std::make_unique<tau_source>();
    static tau_parker parker;
    static int calls;
    parker = {};
    calls = 0;
    source->owner = &plugin;
    const auto waits = [](tau_source* self) {
      if (++calls == 1) CHECK(tau_park(self->owner, &parker, UINT64_MAX) == TAU_OK);
    };
    static auto wait = waits;
    if (in_check) {
      source->check = [](tau_source* self, std::int32_t) { wait(self); };
    } else {
      source->prepare = [](tau_source* self) -> std::int64_t { return wait(self), 0; };
    }
    CHECK(tau_source_add(source.get()) == TAU_OK);
    settle();
    CHECK(calls == 1);
    CHECK(plugin.source_calls == 1);
    tau_source_remove(source.get());
    CHECK(plugin.sources == 0);
    if (added_anew) {
      CHECK(tau_source_add(source.get()) == TAU_OK);
      settle();
      CHECK(calls >= 2);  // it is another one
    } else {
      *source = {};
      source.reset();
    }
    tau_unpark(&parker);
    settle();
    CHECK(plugin.source_calls == 0);
    if (source) tau_source_remove(source.get());
    CHECK(plugin.timed_sources == 0);
  }
}

TEST_CASE_FIXTURE(TwoPlugins, "a plugin goes while a function of its source waits: the call is unwound") {
  int alive = 0;
  static tau_parker parker;
  parker = {};
  Hook first(-1);
  auto leaving = as_other([] { return std::make_unique<Hook>(0); });
  Hook last(-1);
  bool returned = false;
  const auto waits = [&](Hook&) {
    tau::test::Counted counted(alive);
    tau_park(&other, &parker, UINT64_MAX);
    returned = true;
  };
  SUBCASE("when it is asked") {
    leaving->on_prepare = waits;
  }
  SUBCASE("when it is told") {
    leaving->on_check = waits;
  }
  settle();
  CHECK(alive == 1);
  CHECK(other.source_calls == 1);
  unload_other();
  CHECK(alive == 0);
  CHECK_FALSE(returned);
  CHECK(other.source_calls == 0);
  const int told = last.told;
  settle();
  CHECK(last.told > told);
}

TEST_CASE_FIXTURE(TwoPlugins,
                  "a plugin is not unloaded under its source's function that waits in another's code") {
  static tau_parker parker;
  parker = {};
  auto leaving = as_other([] { return std::make_unique<Hook>(0); });
  bool returned = false;
  leaving->on_check = [&](Hook& self) {
    self.on_check = nullptr;
    CHECK(tau_park(&plugin, &parker, UINT64_MAX) == TAU_OK);  // as code of the first one would
    returned = true;
  };
  Hook restless(0);
  restless.on_check = [&](Hook& self) {
    // Only once the other is being unloaded.
    if (other.sources == 0 && self.told > 3) tau_unpark(&parker);
  };
  settle();
  CHECK(other.source_calls == 1);
  unload_other();
  CHECK(returned);
}

TEST_CASE_FIXTURE(RuntimeFixture, "either function may be missing, not both, and other threads are refused") {
  tau_source nothing{};
  nothing.owner = &plugin;
  CHECK(tau_source_add(&nothing) == TAU_E_INVALID);
  tau_source_remove(&nothing);  // harmless
  static int calls;
  calls = 0;
  tau_source asked{}, told{};
  asked.owner = told.owner = &plugin;
  asked.prepare = [](tau_source*) -> std::int64_t { return ++calls, -1; };
  told.check = [](tau_source*, std::int32_t timed_out) { calls += timed_out ? 1000 : 10; };
  CHECK(tau_source_add(&asked) == TAU_OK);
  CHECK(tau_source_add(&told) == TAU_OK);
  CHECK(tau_source_add(&told) == TAU_OK);  // once is enough
  CHECK(plugin.sources == 2);
  settle();
  CHECK(calls == 11);
  std::thread elsewhere([&] { CHECK(tau_source_add(&nothing) == TAU_E_THREAD); });
  elsewhere.join();
  tau_source_remove(&asked);
  tau_source_remove(&told);
  tau_source_remove(&told);
  settle();
  CHECK(calls == 11);
}

TEST_CASE_FIXTURE(TwoPlugins, "a plugin that is unloaded takes its sources along, in between two others") {
  Hook first(0);
  auto leaving = as_other([] { return std::make_unique<Hook>(0); });
  Hook last(-1);
  settle();
  CHECK(other.sources == 1);
  CHECK(leaving->told == 1);
  unload_other();
  CHECK(other.sources == 0);
  CHECK(other.timed_sources == 0);
  const int told = leaving->told, before = last.told;
  CHECK(tau_source_add(leaving.get()) == TAU_E_UNLOADING);
  settle();
  CHECK(leaving->told == told);
  CHECK(last.told == before + 1);
  CHECK(first.told == last.told);
}

TEST_CASE_FIXTURE(TwoPlugins,
                  "a plugin's source removes one of a plugin that goes, and is not told of it again") {
  Hook first(-1);
  auto guest = as_other([] { return std::make_unique<Hook>(0); });
  first.on_check = [&](Hook&) { guest.reset(); };
  settle();
  CHECK(other.sources == 0);
  unload_other();
  settle();
  CHECK(first.told >= 2);
}

TEST_CASE_FIXTURE(TwoPlugins, "reloads: each generation's sources end with it and the next one's go on") {
  Hook bystander(-1);
  int told = 0;
  for (std::uint64_t generation = 0; generation < 20; ++generation) {
    tau_plugin older, newer;
    older.phase = newer.phase = tau::host::Phase::running;
    Hook* left_behind = new Hook(0, &older);
    settle();
    // As in a reload: the new one is there before the old one goes.
    auto follower = std::make_unique<Hook>(-1, &newer);
    settle();
    unload(older);
    CHECK(older.sources + older.timed_sources == 0);
    told = left_behind->told;
    settle();
    CHECK(left_behind->told == told);
    CHECK(follower->told >= 2);
    delete left_behind;
    follower.reset();
    unload(newer);
    check_empty(older);
    check_empty(newer);
  }
  CHECK(bystander.told >= 60);
}
