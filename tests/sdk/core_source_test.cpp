// Sources as a module sees them: what they are told and when, in virtual time.
#include <tau/rt/io.h>
#include <tau/spawn.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "source_hooks.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::test::Alarm;
using tau::test::Hook;
using tau::test::RuntimeFixture;

namespace {

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
