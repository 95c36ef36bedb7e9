#include <tau/spawn.hpp>
#include <tau/sync/mpsc.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/counted.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::Errc;
using tau::test::Counted;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

namespace {

tau::Task<> receive_all(tau::mpsc::Receiver<int>* rx, std::vector<int>* got, bool* ended) {
  while (tau::Result<int> value = co_await rx->recv()) got->push_back(*value);
  *ended = true;
}

tau::Task<> send_range(tau::mpsc::Sender<int> tx, int from, int to, int* sent) {
  for (int i = from; i < to; ++i) {
    const tau::Result<void> done = co_await tx.send(i);
    if (!done) co_return;
    ++*sent;
  }
}

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

TEST_CASE_FIXTURE(RuntimeFixture, "the receiver's end is seen by senders, waiting or not") {
  auto [tx, rx] = tau::mpsc::channel<int>(1);
  REQUIRE(tx.try_send(1).has_value());
  Errc seen = Errc::invalid;
  bool told = false;
  auto sender = [&](tau::mpsc::Sender<int> mine) -> tau::Task<> {
    const tau::Result<void> sent = co_await mine.send(2);
    if (!sent) seen = static_cast<Errc>(sent.error().status());
  };
  auto watcher = [&](tau::mpsc::Sender<int> mine) -> tau::Task<> {
    co_await mine.closed();
    co_await mine.closed();
    told = true;
  };
  tau::spawn(sender(tx)).detach();
  tau::spawn(watcher(tx)).detach();
  settle();
  CHECK_FALSE(told);
  CHECK_FALSE(tx.is_closed());
  { auto gone = std::move(rx); }
  settle();
  CHECK(told);
  CHECK(seen == Errc::closed);
  CHECK(tx.is_closed());
  CHECK(tx.try_send(3).error() == Errc::closed);
  CHECK(tx.try_reserve().error() == Errc::closed);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a closed receiver still gets what was sent, and what has a permit") {
  auto [tx, rx] = tau::mpsc::channel<int>(4);
  REQUIRE(tx.try_send(1).has_value());
  auto late = tx.try_reserve();
  auto unused = tx.try_reserve();
  REQUIRE(late.has_value());
  REQUIRE(unused.has_value());
  rx.close();
  CHECK(rx.is_closed());
  CHECK(tx.try_send(9).error() == Errc::closed);
  std::vector<int> got;
  bool ended = false;
  tau::spawn(receive_all(&rx, &got, &ended)).detach();
  settle();
  CHECK(got == std::vector<int>{1});
  CHECK_FALSE(ended);
  std::move(*late).send(2);
  settle();
  CHECK(got == std::vector<int>{1, 2});
  CHECK_FALSE(ended);
  { auto dropped = std::move(*unused); }
  settle();
  CHECK(ended);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a permit keeps the channel open after its sender, and room while it lives") {
  auto [tx, rx] = tau::mpsc::channel<int>(1);
  auto permit = tx.try_reserve();
  REQUIRE(permit.has_value());
  CHECK(tx.try_send(1).error() == Errc::would_block);
  { auto gone = std::move(tx); }
  CHECK_FALSE(rx.try_recv().has_value());
  std::move(*permit).send(7);
  CHECK(**rx.try_recv() == 7);
  CHECK(rx.try_recv()->error() == Errc::closed);
}

TEST_CASE_FIXTURE(RuntimeFixture, "reserve waits for room, and then sending needs no waiting") {
  auto [tx, rx] = tau::mpsc::channel<int>(1);
  REQUIRE(tx.try_send(1).has_value());
  bool sent = false;
  auto body = [&]() -> tau::Task<> {
    auto permit = co_await tx.reserve();
    std::move(*permit).send(2);
    sent = true;
  };
  tau::spawn(body).detach();
  settle();
  CHECK_FALSE(sent);
  CHECK(**rx.try_recv() == 1);
  settle();
  CHECK(sent);
  CHECK(**rx.try_recv() == 2);
}

TEST_CASE_FIXTURE(RuntimeFixture, "dropping the receiver drops what was not received, outside the lock") {
  struct Reentrant {
    std::unique_ptr<Counted> counted;
    tau::mpsc::UnboundedSender<int>* other;
    Reentrant(int& alive, tau::mpsc::UnboundedSender<int>* o) : counted(new Counted(alive)), other(o) {}
    Reentrant(Reentrant&&) = default;
    ~Reentrant() {
      if (counted) (void)other->send(1);
    }
  };
  int alive = 0;
  auto [log, logged] = tau::mpsc::unbounded_channel<int>();
  auto [tx, rx] = tau::mpsc::unbounded_channel<Reentrant>();
  for (int i = 0; i < 300; ++i) REQUIRE(tx.send(Reentrant(alive, &log)).has_value());
  CHECK(alive == 300);
  { auto gone = std::move(rx); }
  CHECK(alive == 0);
  CHECK(logged.len() == 300);
  CHECK(tx.send(Reentrant(alive, &log)).error() == Errc::closed);
  CHECK(alive == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a value may hold a sender of its own channel") {
  struct Cycle {
    std::vector<tau::mpsc::UnboundedSender<Cycle>> held;
  };
  auto [tx, rx] = tau::mpsc::unbounded_channel<Cycle>();
  for (int i = 0; i < 10; ++i) {
    Cycle cycle;
    cycle.held.push_back(tx);
    REQUIRE(tx.send(std::move(cycle)).has_value());
  }
  { auto gone = std::move(rx); }
  CHECK(tx.is_closed());
}

TEST_CASE_FIXTURE(RuntimeFixture, "abort a receiver in each state: no value is lost") {
  auto [tx, rx] = tau::mpsc::channel<int>(8);
  auto receiver = [&](std::vector<int>* got) -> tau::Task<> {
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
  auto receive = [&]() -> tau::Task<int> {
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

TEST_CASE_FIXTURE(RuntimeFixture, "a second recv is refused while one waits") {
  auto [tx, rx] = tau::mpsc::channel<int>(1);
  std::vector<int> got;
  bool ended = false, busy = false;
  tau::spawn(receive_all(&rx, &got, &ended)).detach();
  settle();
  auto second = [&]() -> tau::Task<> {
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
  auto sending = [&]() -> tau::Task<> {
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

TEST_CASE_FIXTURE(RuntimeFixture, "copies count: the channel ends with the last sender") {
  auto [tx, rx] = tau::mpsc::channel<int>(2);
  auto copy = tx;
  CHECK(copy.same_channel(tx));
  { auto gone = std::move(tx); }
  CHECK_FALSE(rx.is_closed());
  tx = copy;
  { auto gone = std::move(copy); }
  CHECK_FALSE(rx.is_closed());
  CHECK(tx.try_send(1).has_value());
  { auto gone = std::move(tx); }
  CHECK(rx.is_closed());
  CHECK(**rx.try_recv() == 1);
  CHECK(rx.try_recv()->error() == Errc::closed);
}

TEST_CASE_FIXTURE(TwoPlugins, "unload the sender's plugin: the receiver gets what was sent, then the end") {
  auto [tx, rx] = tau::mpsc::channel<int>(2);
  std::vector<int> got;
  bool ended = false;
  int sent = 0;
  as_other([&] { tau::spawn(send_range(std::move(tx), 0, 1000, &sent)).detach(); });
  runtime.turn(false);
  CHECK(sent == 2);
  unload_other();
  CHECK(other.tasks == 0);
  tau::spawn(receive_all(&rx, &got, &ended)).detach();
  settle();
  CHECK(got == std::vector<int>{0, 1});
  CHECK(ended);
}

TEST_CASE_FIXTURE(TwoPlugins, "unload the receiver's plugin: the senders see it closed") {
  auto [tx, rx] = tau::mpsc::channel<int>(2);
  std::vector<int> got;
  int sent = 0;
  bool told = false;
  auto body = [&](tau::mpsc::Receiver<int> mine) -> tau::Task<> {
    for (;;) {
      tau::Result<int> value = co_await mine.recv();
      got.push_back(*value);
      co_await tau::sleep(1ms);
    }
  };
  auto watch = [&](tau::mpsc::Sender<int> mine) -> tau::Task<> {
    co_await mine.closed();
    told = true;
  };
  as_other([&] { tau::spawn(body(std::move(rx))).detach(); });
  tau::spawn(watch(tx)).detach();
  auto sending = tau::spawn(send_range(tx, 0, 1000, &sent));
  advance(10ms);
  CHECK(got.size() > 5);
  CHECK_FALSE(sending.is_finished());
  unload_other();
  settle();
  CHECK(told);
  CHECK(sending.is_finished());
  CHECK(tx.is_closed());
}

TEST_CASE_FIXTURE(TwoPlugins, "an end that goes before the task that awaits it leaves the task unharmed") {
  // What happens when plugin_destroy destroys a member that a task of the plugin is using.
  auto rx_member = std::make_unique<std::pair<tau::mpsc::Sender<int>, tau::mpsc::Receiver<int>>>(
      tau::mpsc::channel<int>(1));
  bool resumed = false;
  auto body = [&]() -> tau::Task<> {
    tau::Result<int> value = co_await rx_member->second.recv();
    resumed = !value;
  };
  auto full = [&]() -> tau::Task<> {
    (void)co_await rx_member->first.send(1);
    (void)co_await rx_member->first.send(2);
    (void)co_await rx_member->first.send(3);
  };
  SUBCASE("the receiver") {
    as_other([&] { tau::spawn(body).detach(); });
  }
  SUBCASE("the sender") {
    as_other([&] { tau::spawn(full).detach(); });
  }
  settle();
  rx_member.reset();
  unload_other();
  CHECK_FALSE(resumed);
}
