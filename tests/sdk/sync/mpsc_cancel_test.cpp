// What becomes of values and room when a task goes in the middle, or a move throws.
#include <tau/spawn.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "mpsc_tasks.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::Errc;
using tau::test::RuntimeFixture;
using tau::test::send_range;

namespace {

/// Throws from the move that is chosen.
struct Explosive {
  int value;
  static inline int moves_left = -1;

  explicit Explosive(int v) : value(v) {}
  Explosive(Explosive&& other) : value(other.value) {
    if (moves_left >= 0 && moves_left-- == 0) throw std::runtime_error("move");
  }
};

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "abort a receiver in each state: no value is lost") {
  auto [tx, rx] = tau::mpsc::channel<int>(8);
  auto receiver = [&, &rx = rx](std::vector<int>* got) -> tau::Task<> {
    for (;;) {
      tau::Result<int> value = co_await rx.recv();
      if (!value) co_return;
      got->push_back(*value);
    }
  };
  std::vector<int> got;
  auto waiting = tau::spawn(receiver(&got));
  settle();
  waiting.abort();
  settle();
  CHECK(tx.try_send(1).has_value());
  CHECK(rx.len() == 1);

  // Woken, and aborted before its turn.
  auto woken = tau::spawn(receiver(&got));
  settle();
  CHECK(got == std::vector<int>{1});
  CHECK(tx.try_send(2).has_value());
  woken.abort();
  settle();
  CHECK(got == std::vector<int>{1});
  CHECK(**rx.try_recv() == 2);
}

TEST_CASE_FIXTURE(RuntimeFixture, "abort a sender in each state: the room goes to the next, the value nowhere") {
  auto [tx, rx] = tau::mpsc::channel<int>(1);
  REQUIRE(tx.try_send(0).has_value());
  int sent = 0;
  auto first = tau::spawn(send_range(tx, 10, 11, &sent));
  auto second = tau::spawn(send_range(tx, 20, 21, &sent));
  auto third = tau::spawn(send_range(tx, 30, 31, &sent));
  settle();
  first.abort();  // while it waits
  settle();
  CHECK(**rx.try_recv() == 0);
  second.abort();  // with its permit in hand, before its turn
  settle();
  CHECK(sent == 1);
  CHECK(**rx.try_recv() == 30);
  CHECK(tx.capacity() == 1);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a permit that nobody can use any more is free again") {
  auto [tx, rx] = tau::mpsc::channel<int>(1);
  REQUIRE(tx.try_send(0).has_value());
  int sent = 0;
  auto only = tau::spawn(send_range(tx, 10, 11, &sent));
  settle();
  CHECK(**rx.try_recv() == 0);
  only.abort();
  settle();
  CHECK(tx.capacity() == 1);
  CHECK(rx.is_empty());
}

TEST_CASE_FIXTURE(RuntimeFixture, "a timeout around recv takes nothing with it") {
  auto [tx, rx] = tau::mpsc::channel<int>(1);
  auto receive = [&, &rx = rx]() -> tau::Task<int> {
    tau::Result<int> value = co_await rx.recv();
    co_return *value;
  };
  bool timed_out = false;
  int value = 0;
  auto body = [&]() -> tau::Task<> {
    tau::Result<int> first = co_await tau::timeout(1ms, receive());
    timed_out = first.error() == Errc::timed_out;
    tau::Result<int> second = co_await tau::timeout(1ms, receive());
    value = *second;
  };
  tau::spawn(body).detach();
  advance(2ms);
  CHECK(timed_out);
  CHECK(tx.try_send(5).has_value());
  advance(0ms);
  CHECK(value == 5);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a sender that yields for others and is aborted then has sent nothing") {
  constexpr int many = 1'000'000;  // more than one turn of the loop gives it time for
  auto [tx, rx] = tau::mpsc::channel<int>(many);
  int sent = 0;
  auto sending = tau::spawn(send_range(tx, 0, many, &sent));
  runtime.turn(false);
  CHECK(sent < many);
  sending.abort();
  settle();
  CHECK(rx.len() == static_cast<std::size_t>(sent));
  CHECK(tx.capacity() == static_cast<std::size_t>(many - sent));
}

TEST_CASE_FIXTURE(RuntimeFixture, "a move that throws leaves the channel whole") {
  auto [tx, rx] = tau::mpsc::channel<Explosive>(2);
  Explosive value(1);
  Explosive::moves_left = 0;
  CHECK_THROWS_AS((void)tx.try_send(std::move(value)), std::runtime_error);
  CHECK(tx.capacity() == 2);
  CHECK(rx.is_empty());

  // On the way in, awaited.
  std::string caught;
  auto sending = [&, &tx = tx]() -> tau::Task<> {
    Explosive mine(2);
    Explosive::moves_left = 2;
    try {
      auto send = tx.send(std::move(mine));
      (void)co_await send;
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
  };
  tau::spawn(sending).detach();
  settle();
  CHECK(caught == "move");
  CHECK(tx.capacity() == 2);
  CHECK(rx.is_empty());

  // On the way out: it is still there.
  Explosive::moves_left = -1;
  REQUIRE(tx.try_send(Explosive(3)).has_value());
  Explosive::moves_left = 0;
  CHECK_THROWS_AS((void)rx.try_recv(), std::runtime_error);
  CHECK(rx.len() == 1);
  CHECK(tx.capacity() == 1);
  Explosive::moves_left = -1;
  CHECK((*rx.try_recv())->value == 3);

  // A permit whose value cannot be moved is given back.
  auto permit = tx.try_reserve();
  Explosive::moves_left = 0;
  CHECK_THROWS_AS(std::move(*permit).send(Explosive(4)), std::runtime_error);
  Explosive::moves_left = -1;
  CHECK(tx.capacity() == 2);
}
