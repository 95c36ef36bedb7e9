#include <tau/select.hpp>
#include <tau/stream/sources.hpp>
#include <tau/stream/stream.hpp>
#include <tau/sync/mpsc.hpp>
#include <tau/timeout.hpp>

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

#include "support/runtime_fixture.hpp"
#include "support/seed.hpp"

using namespace std::chrono_literals;
using tau::test::RuntimeFixture;

TEST_CASE_FIXTURE(RuntimeFixture, "a channel's receiver is a stream until its senders are gone") {
  std::vector<int> seen;
  auto [tx, rx] = tau::mpsc::channel<int>(4);
  auto sender = [tx = std::move(tx)]() mutable -> tau::Task<> {
    for (int i = 0; i < 10; ++i) CHECK((co_await tx.send(i)).has_value());
    auto last = std::move(tx);
  };
  auto body = [&seen](auto receiver) -> tau::Task<> {
    seen = co_await tau::stream::receive(std::move(receiver)).map([](int n) { return n + 1; }).collect();
  };
  auto sending = tau::spawn(std::move(sender));
  auto receiving = tau::spawn(body(std::move(rx)));
  settle();
  sending.detach();
  CHECK(receiving.is_finished());
  std::vector<int> expected(10);
  std::iota(expected.begin(), expected.end(), 1);
  CHECK(seen == expected);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a recv that loses a race at random loses no value, and keeps their order") {
  TAU_SEEDED_RANDOM(random);
  std::vector<int> seen;
  auto [tx, rx] = tau::mpsc::channel<int>(3);
  auto sender = [&](auto channel) -> tau::Task<> {
    for (int i = 0; i < 500; ++i) {
      if (random() % 3 == 0) co_await tau::sleep(std::chrono::microseconds(random() % 300));
      CHECK((co_await channel.send(i)).has_value());
    }
  };
  auto body = [&](auto channel) -> tau::Task<> {
    for (;;) {
      auto first = co_await tau::select(channel.recv(), tau::sleep(std::chrono::microseconds(random() % 200)));
      if (first.index() == 1) continue;
      auto& received = std::get<0>(first);
      if (!received) co_return;
      seen.push_back(*received);
    }
  };
  auto sending = tau::spawn(sender(std::move(tx)));
  auto receiving = tau::spawn(body(std::move(rx)));
  advance(1s);
  CHECK(sending.is_finished());
  CHECK(receiving.is_finished());
  std::vector<int> expected(500);
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(seen == expected);
}
