// What an mpsc channel carries, and who waits for whom.
#include <tau/spawn.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "mpsc_tasks.hpp"
#include "support/two_plugins.hpp"

using tau::Errc;
using tau::test::RuntimeFixture;
using tau::test::receive_all;
using tau::test::send_range;

TEST_CASE_FIXTURE(RuntimeFixture, "values come in the order in which they were sent, then the end") {
  auto [tx, rx] = tau::mpsc::channel<int>(4);
  std::vector<int> got;
  bool ended = false;
  int sent = 0;
  tau::spawn(receive_all(&rx, &got, &ended)).detach();
  tau::spawn(send_range(std::move(tx), 0, 1000, &sent)).detach();
  settle();
  CHECK(sent == 1000);
  REQUIRE(got.size() == 1000);
  for (int i = 0; i < 1000; ++i) CHECK(got[static_cast<std::size_t>(i)] == i);
  CHECK(ended);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a bounded channel makes senders wait, and lets them go one for one") {
  auto [tx, rx] = tau::mpsc::channel<int>(3);
  int sent = 0;
  tau::spawn(send_range(tx, 0, 10, &sent)).detach();
  settle();
  CHECK(sent == 3);
  CHECK(rx.len() == 3);
  CHECK(tx.capacity() == 0);
  CHECK(tx.max_capacity() == 3);
  CHECK(tx.try_send(99).error() == Errc::would_block);
  for (int i = 0; i < 4; ++i) {
    CHECK(**rx.try_recv() == i);
    settle();
    CHECK(sent == 4 + i);
  }
  CHECK(rx.len() == 3);
}

TEST_CASE_FIXTURE(RuntimeFixture, "an unbounded channel never makes its sender wait") {
  auto [tx, rx] = tau::mpsc::unbounded_channel<int>();
  for (int i = 0; i < 10'000; ++i) REQUIRE(tx.send(i).has_value());
  CHECK(rx.len() == 10'000);
  for (int i = 0; i < 10'000; ++i) REQUIRE(**rx.try_recv() == i);
  CHECK_FALSE(rx.try_recv().has_value());
  { auto gone = std::move(tx); }
  CHECK(rx.try_recv()->error() == Errc::closed);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a capacity of nothing is one") {
  auto [tx, rx] = tau::mpsc::channel<int>(0);
  CHECK(tx.max_capacity() == 1);
  CHECK(tx.try_send(1).has_value());
  CHECK(tx.try_send(2).error() == Errc::would_block);
  CHECK(**rx.try_recv() == 1);
}

TEST_CASE_FIXTURE(RuntimeFixture, "waiting senders are served in their order, across tasks") {
  auto [tx, rx] = tau::mpsc::channel<int>(1);
  int sent = 0;
  for (int i = 0; i < 5; ++i) tau::spawn(send_range(tx, i * 10, i * 10 + 1, &sent)).detach();
  settle();
  std::vector<int> got;
  for (int i = 0; i < 5; ++i) {
    got.push_back(**rx.try_recv());
    settle();
  }
  CHECK(got == std::vector<int>{0, 10, 20, 30, 40});
}

TEST_CASE_FIXTURE(RuntimeFixture, "values of all sizes, and some that only move") {
  struct Large {
    char bytes[5000];
    int value;
  };
  auto [tx, rx] = tau::mpsc::unbounded_channel<Large>();
  auto [txp, rxp] = tau::mpsc::unbounded_channel<std::unique_ptr<int>>();
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 50; ++i) {
      Large large{};
      large.value = i;
      REQUIRE(tx.send(large).has_value());
      REQUIRE(txp.send(std::make_unique<int>(i)).has_value());
    }
    for (int i = 0; i < 50; ++i) {
      CHECK((*rx.try_recv())->value == i);
      CHECK(***rxp.try_recv() == i);
    }
  }
}

TEST_CASE_FIXTURE(RuntimeFixture, "a second recv is refused while one waits") {
  auto [tx, rx] = tau::mpsc::channel<int>(1);
  std::vector<int> got;
  bool ended = false, busy = false;
  tau::spawn(receive_all(&rx, &got, &ended)).detach();
  settle();
  auto second = [&, &rx = rx]() -> tau::Task<> {
    tau::Result<int> value = co_await rx.recv();
    busy = value.error() == Errc::busy;
  };
  tau::spawn(second).detach();
  settle();
  CHECK(busy);
  CHECK(tx.try_send(1).has_value());
  settle();
  CHECK(got == std::vector<int>{1});
}

TEST_CASE_FIXTURE(RuntimeFixture, "a chain of ready sends and receives yields to others") {
  auto [tx, rx] = tau::mpsc::channel<int>(100'000);
  int sent = 0, turns = 0;
  auto sending = tau::spawn(send_range(tx, 0, 10'000, &sent));
  auto other = [&]() -> tau::Task<> {
    while (!sending.is_finished()) {
      ++turns;
      co_await tau::yield_now();
    }
  };
  tau::spawn(other).detach();
  settle();
  CHECK(sent == 10'000);
  CHECK(turns > 50);
  std::vector<int> got;
  bool ended = false;
  { auto gone = std::move(tx); }
  tau::spawn(receive_all(&rx, &got, &ended)).detach();
  settle();
  CHECK(got.size() == 10'000);
}

TEST_CASE_FIXTURE(RuntimeFixture, "an awaiter that nobody awaits does nothing") {
  auto [tx, rx] = tau::mpsc::channel<int>(1);
  {
    auto send = tx.send(1);
    auto recv = rx.recv();
    auto reserve = tx.reserve();
    auto closed = tx.closed();
    (void)send, (void)recv, (void)reserve, (void)closed;
  }
  CHECK(rx.is_empty());
  CHECK(tx.capacity() == 1);
}

TEST_CASE_FIXTURE(RuntimeFixture, "blocking calls are refused on the loop's thread") {
  auto [tx, rx] = tau::mpsc::channel<int>(1);
  CHECK(tx.blocking_send(1).error() == Errc::wrong_thread);
  CHECK(tx.blocking_reserve().error() == Errc::wrong_thread);
  CHECK(rx.blocking_recv().error() == Errc::wrong_thread);
}
