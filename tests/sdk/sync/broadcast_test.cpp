#include <tau/spawn.hpp>
#include <tau/sync/broadcast.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <algorithm>
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

/// Minus the number for what it missed.
tau::Task<> receive_all(tau::broadcast::Receiver<int> rx, std::vector<int>* got, bool* ended) {
  for (;;) {
    tau::Result<int> value = co_await rx.recv();
    if (value) {
      got->push_back(*value);
    } else if (value.error() == Errc::lagged) {
      got->push_back(-static_cast<int>(rx.lagged()));
    } else {
      *ended = true;
      co_return;
    }
  }
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "each receiver gets each value that is sent after it came") {
  auto [tx, rx] = tau::broadcast::channel<int>(4);
  std::vector<int> first, second;
  bool ended = false, also = false;
  CHECK(*tx.send(1) == 1);
  tau::spawn(receive_all(tx.subscribe(), &second, &also)).detach();
  tau::spawn(receive_all(std::move(rx), &first, &ended)).detach();
  settle();
  CHECK(*tx.send(2) == 2);
  CHECK(*tx.send(3) == 2);
  settle();
  CHECK(first == std::vector<int>{1, 2, 3});
  CHECK(second == std::vector<int>{2, 3});
  CHECK_FALSE(ended);
  { auto gone = std::move(tx); }
  settle();
  CHECK(ended);
  CHECK(also);
}

TEST_CASE_FIXTURE(RuntimeFixture, "who falls behind is told how many it missed, once, and goes on with the oldest") {
  auto [tx, rx] = tau::broadcast::channel<int>(3);  // four, in fact
  for (int i = 0; i < 10; ++i) CHECK(tx.send(i).has_value());
  CHECK(rx.len() == 10);
  CHECK(rx.try_recv()->error() == Errc::lagged);
  CHECK(rx.lagged() == 6);
  for (int i = 6; i < 10; ++i) CHECK(**rx.try_recv() == i);
  CHECK_FALSE(rx.try_recv().has_value());
  CHECK(rx.is_empty());

  std::vector<int> got;
  bool ended = false;
  for (int i = 10; i < 17; ++i) CHECK(tx.send(i).has_value());
  tau::spawn(receive_all(std::move(rx), &got, &ended)).detach();
  settle();
  CHECK(got == std::vector<int>{-3, 13, 14, 15, 16});
}

TEST_CASE_FIXTURE(RuntimeFixture, "without receivers nothing is sent, and later ones may come") {
  auto [tx, rx] = tau::broadcast::channel<int>(2);
  bool told = false;
  auto body = [&, &tx = tx]() -> tau::Task<> {
    co_await tx.closed();
    told = true;
  };
  tau::spawn(body).detach();
  settle();
  { auto gone = std::move(rx); }
  settle();
  CHECK(told);
  CHECK(tx.send(1).error() == Errc::closed);
  auto late = tx.subscribe();
  CHECK(tx.receiver_count() == 1);
  CHECK(*tx.send(2) == 1);
  auto later = late.resubscribe();
  CHECK(*tx.send(3) == 2);
  CHECK(**late.try_recv() == 2);
  CHECK(**later.try_recv() == 3);
  CHECK(late.blocking_recv().error() == Errc::wrong_thread);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a value is let go of when the last who wants it has got it, or goes") {
  int alive = 0;
  auto [tx, rx] = tau::broadcast::channel<std::shared_ptr<Counted>>(8);
  auto other = tx.subscribe();
  for (int i = 0; i < 3; ++i) CHECK(tx.send(std::make_shared<Counted>(alive)).has_value());
  CHECK(alive == 3);
  (void)rx.try_recv();
  CHECK(alive == 3);
  (void)other.try_recv();
  CHECK(alive == 2);
  { auto gone = std::move(other); }
  CHECK(alive == 2);
  { auto gone = std::move(rx); }
  CHECK(alive == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "abort a receiver before and after it was woken: the others are not disturbed") {
  auto [tx, rx] = tau::broadcast::channel<int>(4);
  std::vector<int> got, others;
  bool ended = false, also = false;
  auto aborted = tau::spawn(receive_all(tx.subscribe(), &others, &also));
  tau::spawn(receive_all(tx.subscribe(), &got, &ended)).detach();
  settle();
  CHECK(tx.send(1).has_value());
  aborted.abort();
  settle();
  CHECK(got == std::vector<int>{1});
  CHECK(others.empty());
  CHECK(**rx.try_recv() == 1);

  auto body = [&rx = rx]() -> tau::Task<> { (void)co_await rx.recv(); };
  auto woken = tau::spawn(body);
  settle();
  CHECK(tx.send(2).has_value());
  woken.abort();
  settle();
  CHECK(**rx.try_recv() == 2);
}

TEST_CASE_FIXTURE(RuntimeFixture, "threads send, a thread and a task receive") {
  auto [tx, rx] = tau::broadcast::channel<int>(65536);
  std::vector<int> got;
  bool ended = false;
  int count = 0;
  tau::spawn(receive_all(tx.subscribe(), &got, &ended)).detach();
  std::thread receiver([&count, rx = std::move(rx)]() mutable {
    while (rx.blocking_recv()) ++count;
  });
  std::vector<std::thread> senders;
  for (int t = 0; t < 2; ++t) {
    senders.emplace_back([tx = tx]() mutable {
      for (int i = 0; i < 2000; ++i) CHECK(tx.send(i).has_value());
    });
  }
  { auto gone = std::move(tx); }
  run_until([&] { return ended; });
  for (auto& sender : senders) sender.join();
  receiver.join();
  CHECK(got.size() == 4000);
  CHECK(std::count(got.begin(), got.end(), 1999) == 2);
  CHECK(count == 4000);
}

TEST_CASE_FIXTURE(TwoPlugins, "unload a receiver's plugin: the other goes on; unload the sender's: it ends") {
  auto [tx, rx] = tau::broadcast::channel<int>(4);
  std::vector<int> theirs, ours;
  bool ended = false, also = false;
  SUBCASE("a receiver's") {
    as_other([&, &tx = tx] { tau::spawn(receive_all(tx.subscribe(), &theirs, &also)).detach(); });
    tau::spawn(receive_all(std::move(rx), &ours, &ended)).detach();
    settle();
    CHECK(*tx.send(1) == 2);
    unload_other();
    CHECK(*tx.send(2) == 1);
    settle();
    CHECK(theirs.empty());
    CHECK(ours == std::vector<int>{1, 2});
  }
  SUBCASE("the sender's") {
    auto body = [](tau::broadcast::Sender<int> mine) -> tau::Task<> {
      (void)mine.send(1);
      co_await tau::sleep(24h);
    };
    as_other([&, &tx = tx] { tau::spawn(body(std::move(tx))).detach(); });
    settle();
    unload_other();
    tau::spawn(receive_all(std::move(rx), &ours, &ended)).detach();
    settle();
    CHECK(ours == std::vector<int>{1});
    CHECK(ended);
  }
}
