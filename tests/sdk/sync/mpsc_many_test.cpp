// Many values at once: recv_many, and what it leaves when it is given up or a move throws.
#include <tau/spawn.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "mpsc_tasks.hpp"
#include "support/counted.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::Errc;
using tau::test::Counted;
using tau::test::RuntimeFixture;
using tau::test::send_range;
using tau::test::TwoPlugins;

namespace {

/// Appends what comes, `limit` at once, and how many came each time.
template <class T>
tau::Task<> receive_many(tau::mpsc::Receiver<T>* rx, std::size_t limit, std::vector<T>* values,
                         std::vector<std::size_t>* counts, Errc* end) {
  for (;;) {
    const tau::Result<std::size_t> n = co_await rx->recv_many(*values, limit);
    if (!n) {
      *end = static_cast<Errc>(n.error().status());
      co_return;
    }
    counts->push_back(*n);
  }
}

struct Fragile {
  std::unique_ptr<Counted> counted;
  int value;
  static inline int breaks_at = -1;

  Fragile(int& alive, int v) : counted(new Counted(alive)), value(v) {}
  Fragile(Fragile&& other) : value(other.value) {
    if (value == breaks_at) throw std::runtime_error("move");
    counted = std::move(other.counted);
  }
};

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "what waits comes at once, no more than asked for, in its order") {
  auto [tx, rx] = tau::mpsc::unbounded_channel<int>();
  std::vector<int> values{-1}, expected{-1};
  std::vector<std::size_t> counts;
  Errc end = Errc::invalid;
  for (int i = 0; i < 250; ++i) {
    REQUIRE(tx.send(i).has_value());
    expected.push_back(i);
  }
  tau::spawn(receive_many(&rx, 100, &values, &counts, &end)).detach();
  settle();
  CHECK(counts == std::vector<std::size_t>{100, 100, 50});
  CHECK(values == expected);
  // It waits now, for one.
  REQUIRE(tx.send(250).has_value());
  settle();
  CHECK(counts.back() == 1);
  CHECK(end == Errc::invalid);
  { auto gone = std::move(tx); }
  settle();
  CHECK(end == Errc::closed);
}

TEST_CASE_FIXTURE(RuntimeFixture, "receiving many makes room for as many senders") {
  auto [tx, rx] = tau::mpsc::channel<int>(3);
  int sent = 0;
  for (int i = 0; i < 6; ++i) tau::spawn(send_range(tx, i, i + 1, &sent)).detach();
  settle();
  CHECK(sent == 3);
  std::vector<int> values;
  auto body = [&, &rx = rx]() -> tau::Task<> {
    const auto none = co_await rx.recv_many(values, 0);
    CHECK(*none == 0);
    const auto some = co_await rx.recv_many(values, 1000);
    CHECK(*some == 3);
  };
  tau::spawn(body).detach();
  settle();
  CHECK(sent == 6);
  CHECK(values == std::vector<int>{0, 1, 2});
  CHECK(rx.len() == 3);
  CHECK(tx.capacity() == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "one that is given up has taken nothing: waiting, or told and not yet resumed") {
  auto [tx, rx] = tau::mpsc::channel<int>(8);
  std::vector<int> values;
  std::vector<std::size_t> counts;
  Errc end = Errc::invalid;
  auto waiting = tau::spawn(receive_many(&rx, 8, &values, &counts, &end));
  settle();
  waiting.abort();
  settle();
  auto told = tau::spawn(receive_many(&rx, 8, &values, &counts, &end));
  settle();
  REQUIRE(tx.try_send(1).has_value());
  REQUIRE(tx.try_send(2).has_value());
  told.abort();
  settle();
  CHECK(values.empty());
  CHECK(rx.len() == 2);
  auto in_time = [&, &rx = rx]() -> tau::Task<> {
    const auto n = co_await tau::timeout(1ms, rx.recv_many(values, 8));
    CHECK(n->value() == 2);
    const auto late = co_await tau::timeout(1ms, rx.recv_many(values, 8));
    CHECK(late.error() == Errc::timed_out);
  };
  auto handle = tau::spawn(in_time);
  advance(2ms);
  CHECK(handle.is_finished());
  CHECK(values == std::vector<int>{1, 2});
}

TEST_CASE_FIXTURE(RuntimeFixture, "a second receiver of either kind is refused while one waits") {
  auto [tx, rx] = tau::mpsc::channel<int>(1);
  std::vector<int> values;
  std::vector<std::size_t> counts;
  Errc end = Errc::invalid, second = Errc::invalid;
  tau::spawn(receive_many(&rx, 8, &values, &counts, &end)).detach();
  settle();
  tau::spawn(receive_many(&rx, 8, &values, &counts, &second)).detach();
  auto single = [&, &rx = rx]() -> tau::Task<> {
    const auto value = co_await rx.recv();
    CHECK(value.error() == Errc::busy);
  };
  auto refused = tau::spawn(single);
  settle();
  CHECK(refused.is_finished());
  CHECK(second == Errc::busy);
  REQUIRE(tx.try_send(1).has_value());
  settle();
  CHECK(values == std::vector<int>{1});
}

TEST_CASE_FIXTURE(RuntimeFixture, "a move that throws leaves those before it with the caller, the rest in the channel") {
  int alive = 0;
  {
    auto [tx, rx] = tau::mpsc::channel<Fragile>(8);
    for (int i = 0; i < 6; ++i) REQUIRE(tx.try_send(Fragile(alive, i)).has_value());
    std::vector<Fragile> values;
    values.reserve(8);
    std::string caught;
    auto body = [&, &rx = rx]() -> tau::Task<> {
      try {
        const auto n = co_await rx.recv_many(values, 8);
        FAIL("received " << *n);
      } catch (const std::runtime_error& error) {
        caught = error.what();
      }
    };
    Fragile::breaks_at = 2;
    tau::spawn(body).detach();
    settle();
    Fragile::breaks_at = -1;
    CHECK(caught == "move");
    CHECK(values.size() == 2);
    CHECK(rx.len() == 4);
    CHECK(tx.capacity() == 4);
    CHECK((*rx.try_recv())->value == 2);
    CHECK(alive == 5);
  }
  CHECK(alive == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a task that receives many without waiting yields to others") {
  auto [tx, rx] = tau::mpsc::unbounded_channel<int>();
  for (int i = 0; i < 10'000; ++i) REQUIRE(tx.send(i).has_value());
  std::vector<int> values;
  std::vector<std::size_t> counts;
  Errc end = Errc::invalid;
  auto receiving = tau::spawn(receive_many(&rx, 1, &values, &counts, &end));
  int turns = 0;
  auto other = [&]() -> tau::Task<> {
    while (values.size() != 10'000) {
      ++turns;
      co_await tau::yield_now();
    }
  };
  tau::spawn(other).detach();
  settle();
  CHECK(values.size() == 10'000);
  CHECK(turns > 50);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a thread receives many, and waits for the first") {
  auto [tx, rx] = tau::mpsc::channel<int>(16);
  std::vector<int> unused;
  CHECK(rx.blocking_recv_many(unused, 1).error() == Errc::wrong_thread);
  std::vector<int> values;
  std::thread thread([&, rx = std::move(rx)]() mutable {
    CHECK(*rx.blocking_recv_many(values, 0) == 0);
    for (;;) {
      const auto n = rx.blocking_recv_many(values, 7);
      if (!n) {
        CHECK(n.error() == Errc::closed);
        return;
      }
      CHECK(*n >= 1);
      CHECK(*n <= 7);
    }
  });
  int sent = 0;
  auto sending = tau::spawn(send_range(std::move(tx), 0, 5000, &sent));
  run_until([&] { return sending.is_finished(); });
  { auto done = std::move(sending); }
  thread.join();
  REQUIRE(values.size() == 5000);
  for (int i = 0; i < 5000; ++i) CHECK(values[static_cast<std::size_t>(i)] == i);
}

TEST_CASE_FIXTURE(TwoPlugins, "the sender's plugin goes: what it sent comes at once, then the end") {
  auto [tx, rx] = tau::mpsc::channel<int>(4);
  int sent = 0;
  as_other([&, &tx = tx] { tau::spawn(send_range(std::move(tx), 0, 100, &sent)).detach(); });
  runtime.turn(false);
  unload_other();
  std::vector<int> values;
  std::vector<std::size_t> counts;
  Errc end = Errc::invalid;
  tau::spawn(receive_many(&rx, 8, &values, &counts, &end)).detach();
  settle();
  CHECK(values == std::vector<int>{0, 1, 2, 3});
  CHECK(end == Errc::closed);
}

TEST_CASE_FIXTURE(TwoPlugins, "the receiver's plugin goes while it waits for many: the sender sees it closed") {
  auto [tx, rx] = tau::mpsc::channel<int>(4);
  std::vector<int> values;
  std::vector<std::size_t> counts;
  Errc end = Errc::invalid;
  auto body = [&](tau::mpsc::Receiver<int> mine) -> tau::Task<> {
    co_await receive_many(&mine, 8, &values, &counts, &end);
  };
  as_other([&, &rx = rx] { tau::spawn(body(std::move(rx))).detach(); });
  settle();
  CHECK_FALSE(tx.is_closed());
  unload_other();
  CHECK(tx.is_closed());
  CHECK(tx.try_send(1).error() == Errc::closed);
}
