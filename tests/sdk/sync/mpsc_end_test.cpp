// How an mpsc channel ends: by its senders, by its receiver, with either plugin.
#include <tau/spawn.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <utility>
#include <vector>

#include "mpsc_tasks.hpp"
#include "support/counted.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::Errc;
using tau::test::Counted;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;
using tau::test::receive_all;
using tau::test::send_range;

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

TEST_CASE_FIXTURE(TwoPlugins, "unload the sender's plugin: the receiver gets what was sent, then the end") {
  auto [tx, rx] = tau::mpsc::channel<int>(2);
  std::vector<int> got;
  bool ended = false;
  int sent = 0;
  as_other([&, &tx = tx] { tau::spawn(send_range(std::move(tx), 0, 1000, &sent)).detach(); });
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
  as_other([&, &rx = rx] { tau::spawn(body(std::move(rx))).detach(); });
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

TEST_CASE_FIXTURE(RuntimeFixture, "a weak sender keeps nothing open, and is a sender again while there is one") {
  auto [tx, rx] = tau::mpsc::channel<int>(2);
  auto weak = tx.downgrade();
  auto copy = weak;
  CHECK(tx.strong_count() == 1);
  CHECK(tx.weak_count() == 2);
  CHECK(rx.sender_strong_count() == 1);
  CHECK(rx.sender_weak_count() == 2);
  {
    auto again = weak.upgrade();
    REQUIRE(again.has_value());
    CHECK(again->same_channel(tx));
    CHECK(weak.strong_count() == 2);
    CHECK(again->try_send(1).has_value());
    { auto gone = std::move(tx); }
    CHECK_FALSE(rx.is_closed());
  }
  CHECK(rx.is_closed());
  CHECK(weak.strong_count() == 0);
  CHECK(weak.upgrade().error() == Errc::closed);
  CHECK(**rx.try_recv() == 1);
  CHECK(rx.try_recv()->error() == Errc::closed);
  { auto gone = std::move(copy); }
  CHECK(weak.weak_count() == 1);
  { auto gone = std::move(rx); }
  CHECK(weak.upgrade().error() == Errc::closed);  // the state is its own to let go of
}

TEST_CASE_FIXTURE(RuntimeFixture, "a weak sender of a closed channel is a sender that sees it closed") {
  auto [tx, rx] = tau::mpsc::unbounded_channel<int>();
  const tau::mpsc::WeakUnboundedSender<int> weak = tx.downgrade();
  rx.close();
  auto again = weak.upgrade();
  REQUIRE(again.has_value());
  CHECK(again->send(1).error() == Errc::closed);
}

TEST_CASE_FIXTURE(TwoPlugins, "a weak sender outlives the plugin of the last sender, which the receiver sees go") {
  auto [tx, rx] = tau::mpsc::channel<int>(2);
  auto weak = tx.downgrade();
  auto holds = [](tau::mpsc::Sender<int> mine) -> tau::Task<> { co_await mine.closed(); };
  as_other([&, &tx = tx] { tau::spawn(holds(std::move(tx))).detach(); });
  std::vector<int> got;
  bool ended = false;
  tau::spawn(receive_all(&rx, &got, &ended)).detach();
  settle();
  REQUIRE(weak.upgrade().has_value());
  CHECK_FALSE(ended);
  unload_other();
  settle();
  CHECK(ended);
  CHECK(weak.upgrade().error() == Errc::closed);
}

TEST_CASE_FIXTURE(RuntimeFixture, "ends are assigned over others, which end, and over themselves, which changes nothing") {
  auto [tx, rx] = tau::mpsc::channel<int>(2);
  auto [other_tx, other_rx] = tau::mpsc::channel<int>(2);
  auto& same_tx = tx;
  tx = same_tx;
  CHECK(tx.strong_count() == 1);
  auto& same_rx = rx;
  rx = std::move(same_rx);
  CHECK_FALSE(tx.is_closed());
  tx = other_tx;
  CHECK(rx.is_closed());
  rx = std::move(other_rx);
  CHECK_FALSE(tx.is_closed());
  CHECK(tx.try_send(1).has_value());
  CHECK(**rx.try_recv() == 1);
}
