// Calls that block on the loop's thread for another plugin's sake, which is unloaded in the middle.
#include <tau/fiber.hpp>
#include <tau/sync/mpsc.hpp>
#include <tau/sync/notify.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::Errc;
using tau::JoinHandle;
using tau::Result;
using tau::Task;
using tau::test::TwoPlugins;

TEST_CASE_FIXTURE(TwoPlugins, "a call that blocks for an unloaded plugin's task returns canceled") {
  auto sleeps = []() -> Task<int> {
    co_await tau::sleep(1h);
    co_return 1;
  };
  JoinHandle<int> theirs = spawn_other(sleeps);
  std::optional<tau::Error> error;
  auto waits = [&]() -> Task<Result<int>> {
    Result<int> value = co_await theirs;
    co_return value;
  };
  auto blocks = [&]() -> Task<> {
    Result<Result<int>> value = tau::block_on(waits());
    CHECK(value.has_value());
    error = value->error();
    co_return;
  };
  tau::spawn(blocks()).detach();
  settle();
  CHECK(plugin.fibers == 1);
  unload_other();
  settle();
  CHECK(plugin.fibers == 0);
  CHECK(error == Errc::canceled);
}

TEST_CASE_FIXTURE(TwoPlugins, "a call that blocks for what an unloaded plugin would have sent reads the end") {
  auto [tx, rx] = tau::mpsc::channel<int>(1);
  std::string heard;
  auto sends = [](tau::mpsc::Sender<int> end) -> Task<> {
    Result<void> sent = co_await end.send(1);
    CHECK(sent.has_value());
    co_await tau::sleep(1h);
  };
  auto receives = [](tau::mpsc::Receiver<int>* end) -> Task<Result<int>> {
    Result<int> value = co_await end->recv();
    co_return value;
  };
  tau::mpsc::Receiver<int> own = std::move(rx);
  auto call = [&] {
    for (;;) {
      Result<Result<int>> value = tau::block_on(receives(&own));
      REQUIRE(value.has_value());
      heard += *value ? "value " : "end";
      if (!*value) return;
    }
  };
  spawn_other(sends, std::move(tx)).detach();
  auto fiber = tau::fiber::spawn(call);
  settle();
  CHECK(heard == "value ");
  unload_other();
  settle();
  CHECK(heard == "value end");
  CHECK(fiber.is_finished());
}

TEST_CASE_FIXTURE(TwoPlugins, "what an unloaded plugin's call was given while it blocked goes to the next") {
  tau::Notify notify;
  int told = 0, theirs = 0;
  auto waits = [&](int* count) -> Task<> {
    co_await notify.notified();
    ++*count;
  };
  auto call = [&] {
    (void)tau::block_on(waits(&theirs));
    ++theirs;
  };
  JoinHandle<void> fiber;
  as_other([&] {
    fiber = tau::fiber::spawn(call);
    settle();
  });
  CHECK(other.fibers == 1);
  tau::spawn(waits(&told)).detach();
  settle();
  SUBCASE("it waits") {}
  SUBCASE("it was notified, and had no turn yet") { notify.notify_one(); }
  unload_other();
  settle();
  if (told == 0) notify.notify_one();
  settle();
  CHECK(told == 1);
  CHECK(theirs == 0);
}
