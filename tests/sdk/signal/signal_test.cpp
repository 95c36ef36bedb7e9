#include <tau/signal.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>
#include <unistd.h>

#include <vector>

#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::signal::SignalKind;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

namespace {

bool is_default(int number) {
  struct sigaction now {};
  sigaction(number, nullptr, &now);
  return (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_DFL;
}

tau::Task<> counts(SignalKind kind, int* count) {
  auto signal = tau::signal::on(kind);
  REQUIRE(signal);
  while (co_await signal->recv()) ++*count;
}

// The test framework catches these two itself, and would take them for a crash.
struct Quiet {
  Quiet() {
    for (int number : {SIGINT, SIGTERM}) ::signal(number, SIG_DFL);
  }
};
struct Signals : Quiet, RuntimeFixture {};

}  // namespace

TEST_CASE_FIXTURE(Signals, "each signal that a plugin may want is delivered to it") {
  const SignalKind kinds[] = {SignalKind::alarm(),         SignalKind::child(),     SignalKind::hangup(),
                              SignalKind::interrupt(),     SignalKind::io(),        SignalKind::pipe(),
                              SignalKind::quit(),          SignalKind::terminate(), SignalKind::user_defined1(),
                              SignalKind::user_defined2(), SignalKind::window_change(),
                              SignalKind::from_raw(SIGRTMIN + 3)};
  std::vector<int> counts_of(std::size(kinds));
  for (std::size_t i = 0; i < std::size(kinds); ++i) tau::spawn(counts(kinds[i], &counts_of[i])).detach();
  settle();
  for (SignalKind kind : kinds) raise(kind.raw());
  settle();
  for (std::size_t i = 0; i < std::size(kinds); ++i) {
    CAPTURE(kinds[i].raw());
    CHECK(counts_of[i] == 1);
  }
}

TEST_CASE_FIXTURE(Signals, "ctrl_c waits for SIGINT and is no subscriber before or after") {
  auto task = tau::signal::ctrl_c();
  CHECK(is_default(SIGINT));
  auto handle = tau::spawn(std::move(task));
  settle();
  CHECK_FALSE(is_default(SIGINT));
  kill(getpid(), SIGINT);
  run_until([&] { return handle.is_finished(); });
  auto result = handle.try_join();
  REQUIRE(result);
  REQUIRE(*result);
  CHECK((**result).has_value());
  CHECK(is_default(SIGINT));
}

TEST_CASE_FIXTURE(Signals, "an arrival that nobody waits for is kept, several are one") {
  auto signal = tau::signal::on(SignalKind::user_defined1());
  REQUIRE(signal);
  raise(SIGUSR1);
  settle();
  raise(SIGUSR1);
  settle();
  int received = 0;
  auto receive = [&]() -> tau::Task<> {
    while (co_await signal->recv()) ++received;
  };
  auto handle = tau::spawn(receive);
  settle();
  CHECK(received == 1);
  raise(SIGUSR1);
  settle();
  CHECK(received == 2);
  handle.abort();
  settle();
}

TEST_CASE_FIXTURE(Signals, "a wait that is cancelled loses no signal") {
  auto signal = tau::signal::on(SignalKind::user_defined1());
  REQUIRE(signal);
  auto once = [&]() -> tau::Task<> { (void)co_await signal->recv(); };
  auto handle = tau::spawn(once);
  settle();
  raise(SIGUSR1);
  handle.abort();  // woken and aborted in the same turn
  settle();
  CHECK(handle.is_finished());
  auto again = tau::spawn(once);
  settle();
  CHECK(again.is_finished());
}

TEST_CASE_FIXTURE(Signals, "a timeout ends a wait, and the subscription goes on") {
  auto signal = tau::signal::on(SignalKind::user_defined1());
  REQUIRE(signal);
  int timed_out = 0, received = 0;
  auto wait = [&]() -> tau::Task<tau::Result<void>> { co_return co_await signal->recv(); };
  auto both = [&]() -> tau::Task<> {
    auto first = co_await tau::timeout(10ms, wait());
    timed_out += !first && first.error() == tau::Errc::timed_out;
    auto second = co_await tau::timeout(10ms, wait());
    received += second.has_value();
  };
  auto handle = tau::spawn(both);
  advance(11ms);
  CHECK(timed_out == 1);
  raise(SIGUSR1);
  settle();
  CHECK(received == 1);
  CHECK(handle.is_finished());
}

TEST_CASE_FIXTURE(Signals, "a second wait on one subscription is told so, a dropped subscription ends the wait") {
  auto signal = tau::signal::on(SignalKind::user_defined1());
  REQUIRE(signal);
  std::vector<tau::Result<void>> results;
  auto wait = [&]() -> tau::Task<> {
    auto result = co_await signal->recv();
    results.push_back(result);
  };
  tau::spawn(wait).detach();
  settle();
  tau::spawn(wait).detach();
  settle();
  REQUIRE(results.size() == 1);
  CHECK(results[0].error() == tau::Errc::busy);
  { tau::signal::Signal gone = std::move(*signal); }
  settle();
  REQUIRE(results.size() == 2);
  CHECK(results[1].error() == tau::Errc::closed);
  CHECK(is_default(SIGUSR1));
  tau::spawn(wait).detach();  // moved from
  settle();
  CHECK(results.at(2).error() == tau::Errc::closed);
}

TEST_CASE_FIXTURE(Signals, "what cannot be subscribed to says so") {
  for (int number : {SIGKILL, SIGSTOP, SIGSEGV, SIGFPE, SIGILL, SIGBUS, SIGABRT}) {
    CHECK(tau::signal::on(SignalKind::from_raw(number)).error() == tau::Errc::unsupported);
  }
  CHECK(tau::signal::on(SignalKind::from_raw(0)).error() == tau::Errc::invalid);
  CHECK(plugin.signals == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "a plugin that is unloaded takes its subscriptions along and leaves the other's") {
  int mine = 0, theirs = 0;
  tau::spawn(counts(SignalKind::user_defined1(), &mine)).detach();
  settle();
  as_other([&] {
    for (int i = 0; i < 20; ++i) tau::spawn(counts(SignalKind::user_defined1(), &theirs)).detach();
    tau::spawn(counts(SignalKind::user_defined2(), &theirs)).detach();
    settle();
  });
  raise(SIGUSR1);
  settle();
  CHECK(mine == 1);
  CHECK(theirs == 20);
  CHECK(other.signals == 21);
  raise(SIGUSR1);  // on its way when the other goes
  unload_other();
  CHECK(is_default(SIGUSR2));
  CHECK_FALSE(is_default(SIGUSR1));
  settle();
  CHECK(mine == 2);
  CHECK(theirs == 20);
  raise(SIGUSR1);
  settle();
  CHECK(mine == 3);
}

TEST_CASE_FIXTURE(TwoPlugins, "the last subscription of all puts back what was there") {
  int theirs = 0;
  as_other([&] {
    tau::spawn(counts(SignalKind::hangup(), &theirs)).detach();
    settle();
  });
  CHECK_FALSE(is_default(SIGHUP));
  unload_other();
  CHECK(is_default(SIGHUP));
}
