// A channel's receiver as a stream, also between two plugins with one unloaded in the middle.
#include <tau/event.hpp>
#include <tau/select.hpp>
#include <tau/stream/adaptors.hpp>
#include <tau/stream/sources.hpp>
#include <tau/stream/stream.hpp>
#include <tau/sync/broadcast.hpp>
#include <tau/sync/mpsc.hpp>
#include <tau/sync/notify.hpp>

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

#include "support/counted.hpp"
#include "support/seed.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::Errc;
using tau::Result;
using tau::Stream;
using tau::Task;
using tau::mpsc::Receiver;
using tau::mpsc::Sender;
using tau::test::Counted;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

namespace {

Task<> send_numbers(Sender<int> end, int count) {
  for (int i = 0; i < count; ++i) {
    const Result<void> sent = co_await end.send(i);
    if (!sent) co_return;
  }
}

Task<> collect(Stream<int> stream, std::vector<int>* seen, bool* ended) {
  for (;;) {
    std::optional<int> item = co_await stream.next();
    if (!item) break;
    seen->push_back(*item);
  }
  *ended = true;
}

std::vector<int> numbers(int first, int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), first);
  return all;
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "a channel's receiver is a stream until its senders are gone") {
  std::vector<int> seen;
  bool ended = false;
  auto [tx, rx] = tau::mpsc::channel<int>(4);
  auto increment = [](int n) { return n + 1; };
  tau::spawn(send_numbers(std::move(tx), 10)).detach();
  tau::spawn(collect(tau::stream::receive(std::move(rx)).map(increment), &seen, &ended)).detach();
  settle();
  CHECK(seen == numbers(1, 10));
  CHECK(ended);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a stream of a channel that is dropped in the middle of a wait closes the channel") {
  std::vector<int> seen;
  bool ended = false;
  auto [tx, rx] = tau::mpsc::channel<int>(4);
  auto task = tau::spawn(collect(tau::stream::receive(std::move(rx)), &seen, &ended));
  settle();
  CHECK(tx.try_send(1).has_value());
  settle();
  task.abort();
  settle();
  CHECK(seen == numbers(1, 1));
  CHECK_FALSE(ended);
  CHECK(tx.is_closed());
}

TEST_CASE_FIXTURE(RuntimeFixture, "try_receive tells of values that were missed, and goes on") {
  auto [tx, rx] = tau::broadcast::channel<int>(2);
  std::vector<Result<int>> seen;
  for (int i = 0; i < 5; ++i) CHECK(tx.send(i).has_value());
  { auto gone = std::move(tx); }
  auto body = [&](tau::broadcast::Receiver<int> end) -> Task<> {
    Stream<Result<int>> stream = tau::stream::try_receive(std::move(end));
    for (;;) {
      std::optional<Result<int>> item = co_await stream.next();
      if (!item) break;
      seen.push_back(*item);
    }
  };
  tau::spawn(body(std::move(rx))).detach();
  settle();
  REQUIRE(seen.size() == 3);
  CHECK(seen[0].error() == Errc::lagged);
  CHECK(*seen[1] == 3);
  CHECK(*seen[2] == 4);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a recv that loses a race at random loses no value, and keeps their order") {
  TAU_SEEDED_RANDOM(random);
  std::vector<int> seen;
  auto [tx, rx] = tau::mpsc::channel<int>(3);
  auto sends = [&](Sender<int> end) -> Task<> {
    for (int i = 0; i < 500; ++i) {
      if (random() % 3 == 0) co_await tau::sleep(std::chrono::microseconds(random() % 300));
      const Result<void> sent = co_await end.send(i);
      CHECK(sent.has_value());
    }
    auto last = std::move(end);  // a parameter lives until the task was joined
  };
  auto receives = [&](Receiver<int> end) -> Task<> {
    for (;;) {
      const auto patience = std::chrono::microseconds(random() % 200);
      std::variant<Result<int>, std::monostate> first = co_await tau::select(end.recv(), tau::sleep(patience));
      if (first.index() == 1) continue;
      Result<int>& received = std::get<0>(first);
      if (!received) co_return;
      seen.push_back(*received);
    }
  };
  auto sending = tau::spawn(sends(std::move(tx)));
  auto receiving = tau::spawn(receives(std::move(rx)));
  advance(1s);
  CHECK(sending.is_finished());
  CHECK(receiving.is_finished());
  CHECK(seen == numbers(0, 500));
}

TEST_CASE_FIXTURE(TwoPlugins, "a stream that another plugin feeds ends with what it sent when that one is unloaded") {
  std::vector<int> seen;
  bool ended = false;
  auto [tx, rx] = tau::mpsc::channel<int>(4);
  auto feed = [](Sender<int> end) -> Task<> {
    for (int i = 0;; ++i) {
      const Result<void> sent = co_await end.send(i);
      CHECK(sent.has_value());
      co_await tau::sleep(1ms);
    }
  };
  spawn_other(feed, std::move(tx)).detach();
  tau::spawn(collect(tau::stream::receive(std::move(rx)), &seen, &ended)).detach();
  advance(4ms);
  CHECK(seen.size() >= 4);
  CHECK_FALSE(ended);
  unload_other();
  settle();
  CHECK(ended);
  CHECK(seen == numbers(0, static_cast<int>(seen.size())));
}

TEST_CASE_FIXTURE(TwoPlugins, "a channel whose stream goes with its plugin is closed; the stream beside it goes on") {
  std::vector<int> seen, theirs;
  bool ended = false, theirs_ended = false;
  auto [tx, rx] = tau::mpsc::channel<int>(4);
  auto [tx2, rx2] = tau::mpsc::channel<int>(4);
  auto takes = [&](Receiver<int> end) -> Task<> {
    return collect(tau::stream::receive(std::move(end)).merge(tau::stream::empty<int>()), &theirs, &theirs_ended);
  };
  spawn_other(takes, std::move(rx)).detach();
  tau::spawn(collect(tau::stream::receive(std::move(rx2)), &seen, &ended)).detach();
  CHECK(tx.try_send(1).has_value());
  CHECK(tx2.try_send(1).has_value());
  settle();
  unload_other();
  CHECK(tx.try_send(2).error() == Errc::closed);
  CHECK(tx2.try_send(2).has_value());
  { auto gone = std::move(tx2); }
  settle();
  CHECK(theirs == numbers(1, 1));
  CHECK_FALSE(theirs_ended);
  CHECK(seen == numbers(1, 2));
  CHECK(ended);
}

TEST_CASE_FIXTURE(TwoPlugins, "a stream of events goes on when a plugin that published, and one that listened, is unloaded") {
  std::vector<int> seen, theirs;
  bool ended = false, theirs_ended = false;
  auto subscribed = tau::event::subscribe<int>("numbers");
  REQUIRE(subscribed.has_value());
  tau::spawn(collect(tau::stream::receive(std::move(*subscribed)), &seen, &ended)).detach();
  auto listens = [&]() -> Task<> {
    auto own = tau::event::subscribe<int>("numbers");
    return collect(tau::stream::receive(std::move(*own)), &theirs, &theirs_ended);
  };
  spawn_other(listens).detach();
  settle();
  CHECK(as_other([] { return tau::event::publish("numbers", 1); }).value() == 2);
  settle();
  unload_other();
  CHECK(tau::event::publish("numbers", 2).value() == 1);
  settle();
  CHECK(seen == numbers(1, 2));
  CHECK(theirs == numbers(1, 1));
  CHECK_FALSE(ended);
}

TEST_CASE_FIXTURE(TwoPlugins, "a stream that runs tasks ahead takes them along when its plugin is unloaded") {
  int alive = 0;
  tau::Notify notify;
  auto work = [&](int n) -> Task<int> {
    Counted counted(alive);
    co_await notify.notified();
    co_return n;
  };
  auto body = [&]() -> Task<> {
    std::vector<int> all = numbers(0, 20);
    Stream<int> stream = tau::stream::iter(std::move(all)).map(work).buffered(4);
    std::optional<int> first = co_await stream.next();
    FAIL("went on: " << first.has_value());
  };
  spawn_other(body).detach();
  settle();
  CHECK(alive == 4);
  unload_other();
  CHECK(alive == 0);
}
