#include <tau/spawn.hpp>
#include <tau/sync/watch.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/counted.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::Errc;
using tau::test::Counted;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

namespace {

tau::Task<> watch_all(tau::watch::Receiver<int> rx, std::vector<int>* seen, bool* ended) {
  while (const tau::Result<void> changed = co_await rx.changed()) seen->push_back(*rx.borrow());
  *ended = true;
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "a watcher sees the last value, not all") {
  auto [tx, rx] = tau::watch::channel(0);
  std::vector<int> seen;
  bool ended = false;
  CHECK(*rx.borrow() == 0);
  CHECK_FALSE(*rx.has_changed());
  tau::spawn(watch_all(rx, &seen, &ended)).detach();
  settle();
  CHECK(seen.empty());
  for (int i = 1; i <= 3; ++i) CHECK(tx.send(i).has_value());
  settle();
  CHECK(seen == std::vector<int>{3});
  CHECK(tx.send(4).has_value());
  settle();
  CHECK(seen == std::vector<int>{3, 4});
  CHECK_FALSE(ended);
  { auto gone = std::move(tx); }
  settle();
  CHECK(ended);
}

TEST_CASE_FIXTURE(RuntimeFixture, "the very last value is seen after the senders are gone") {
  auto [tx, rx] = tau::watch::channel(0);
  CHECK(tx.send(7).has_value());
  { auto gone = std::move(tx); }
  std::vector<int> seen;
  bool ended = false;
  CHECK(*rx.has_changed());
  tau::spawn(watch_all(rx, &seen, &ended)).detach();
  settle();
  CHECK(seen == std::vector<int>{7});
  CHECK(ended);
  CHECK(*rx.borrow_and_update() == 7);
  CHECK(rx.has_changed().error() == Errc::closed);
}

TEST_CASE_FIXTURE(RuntimeFixture, "seen and unseen: borrow, update, mark, copies and subscribers") {
  auto [tx, rx] = tau::watch::channel(0);
  CHECK(tx.send(1).has_value());
  CHECK(*rx.borrow() == 1);
  CHECK(*rx.has_changed());
  auto copy = rx;
  auto fresh = tx.subscribe();
  CHECK(tx.receiver_count() == 3);
  CHECK(*copy.has_changed());
  CHECK_FALSE(*fresh.has_changed());
  CHECK(*rx.borrow_and_update() == 1);
  CHECK_FALSE(*rx.has_changed());
  CHECK(*copy.has_changed());
  copy.mark_unchanged();
  CHECK_FALSE(*copy.has_changed());
  copy.mark_changed();
  CHECK(*copy.has_changed());
  CHECK(rx.same_channel(copy));
}

TEST_CASE_FIXTURE(RuntimeFixture, "a sender learns that nobody watches") {
  auto [tx, rx] = tau::watch::channel(std::string("a"));
  bool told = false;
  auto body = [&, &tx = tx]() -> tau::Task<> {
    co_await tx.closed();
    told = true;
  };
  tau::spawn(body).detach();
  settle();
  CHECK_FALSE(told);
  { auto gone = std::move(rx); }
  settle();
  CHECK(told);
  CHECK(tx.is_closed());
  CHECK(tx.send("b").error() == Errc::closed);
  CHECK(*tx.borrow() == "a");
  CHECK(*tx.send_replace("c") == "a");
  auto again = tx.subscribe();
  CHECK(*again.borrow() == "c");
  CHECK(tx.send("d").has_value());
}

TEST_CASE_FIXTURE(RuntimeFixture, "a value is changed in place of a copy, and only if need be") {
  auto [tx, rx] = tau::watch::channel(std::string("a"));
  tx.send_modify([](std::string& value) { value += "b"; });
  CHECK(*rx.borrow_and_update() == "ab");
  CHECK_FALSE(tx.send_if_modified([](std::string&) { return false; }));
  CHECK_FALSE(*rx.has_changed());
}

TEST_CASE_FIXTURE(RuntimeFixture, "wait_for looks at the present value first, then at each change") {
  auto [tx, rx] = tau::watch::channel(0);
  std::vector<int> got;
  auto body = [&, &rx = rx](int least) -> tau::Task<> {
    auto mine = rx;
    auto enough = [least](const int& value) { return value >= least; };
    tau::Result<tau::watch::Ref<int>> value = co_await mine.wait_for(enough);
    got.push_back(value ? **value : -1);
  };
  tau::spawn(body(0)).detach();
  tau::spawn(body(3)).detach();
  tau::spawn(body(9)).detach();
  settle();
  CHECK(got == std::vector<int>{0});
  CHECK(tx.send(2).has_value());
  settle();
  CHECK(tx.send(5).has_value());
  settle();
  CHECK(got == std::vector<int>{0, 5});
  { auto gone = std::move(tx); }
  settle();
  CHECK(got == std::vector<int>{0, 5, -1});
}

TEST_CASE_FIXTURE(RuntimeFixture, "a borrowed value stays as it was and holds nobody up") {
  int alive = 0;
  auto [tx, rx] = tau::watch::channel(std::make_shared<Counted>(alive));
  {
    auto ref = rx.borrow();
    CHECK(tx.send(std::make_shared<Counted>(alive)).has_value());
    CHECK(alive == 2);
    CHECK(*ref != *rx.borrow());
  }
  CHECK(alive == 1);
  { auto gone = std::move(rx); }
  { auto gone = std::move(tx); }
  CHECK(alive == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "abort a watcher before and after it was woken: the value stays unseen") {
  auto [tx, rx] = tau::watch::channel(0);
  auto body = [&rx = rx]() -> tau::Task<> { (void)co_await rx.changed(); };
  auto waiting = tau::spawn(body);
  settle();
  waiting.abort();
  settle();
  auto woken = tau::spawn(body);
  settle();
  CHECK(tx.send(1).has_value());
  woken.abort();
  settle();
  CHECK(*rx.has_changed());
}

TEST_CASE_FIXTURE(RuntimeFixture, "threads send and modify, a task sees the last") {
  auto [tx, rx] = tau::watch::channel(0);
  std::vector<int> seen;
  bool ended = false;
  tau::spawn(watch_all(std::move(rx), &seen, &ended)).detach();
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([tx = tx]() mutable {
      for (int i = 0; i < 1000; ++i) tx.send_modify([](int& value) { ++value; });
    });
  }
  { auto gone = std::move(tx); }
  run_until([&] { return ended; });
  for (auto& thread : threads) thread.join();
  REQUIRE_FALSE(seen.empty());
  CHECK(seen.back() == 2000);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
}

TEST_CASE_FIXTURE(TwoPlugins, "unload the sender's plugin: watchers get the last value, then the end") {
  auto [tx, rx] = tau::watch::channel(0);
  auto body = [](tau::watch::Sender<int> mine) -> tau::Task<> {
    (void)mine.send(5);
    co_await tau::sleep(24h);
  };
  as_other([&, &tx = tx] { tau::spawn(body(std::move(tx))).detach(); });
  settle();
  unload_other();
  std::vector<int> seen;
  bool ended = false;
  tau::spawn(watch_all(rx, &seen, &ended)).detach();
  settle();
  CHECK(seen == std::vector<int>{5});
  CHECK(ended);
}

TEST_CASE_FIXTURE(TwoPlugins, "unload the watcher's plugin: the sender sees it closed") {
  auto [tx, rx] = tau::watch::channel(0);
  std::vector<int> seen;
  bool ended = false;
  as_other([&, &rx = rx] { tau::spawn(watch_all(std::move(rx), &seen, &ended)).detach(); });
  settle();
  CHECK_FALSE(tx.is_closed());
  unload_other();
  CHECK(tx.is_closed());
  CHECK_FALSE(ended);
}
