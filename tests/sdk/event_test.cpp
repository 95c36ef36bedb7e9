#include <tau/event.hpp>
#include <tau/spawn.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/two_plugins.hpp"

namespace event = tau::event;
using namespace std::chrono_literals;
using tau::Errc;
using tau::Result;
using tau::Task;
using tau::test::TwoPlugins;

namespace {

template <class T>
event::Subscription<T> subscribed(std::string_view name, std::size_t capacity = 64) {
  auto subscription = event::subscribe<T>(name, capacity);
  REQUIRE(subscription);
  return std::move(subscription).value();
}

/// Receives until the subscription is closed; a lag is written down as minus the number.
Task<void> receive(event::Subscription<int>& from, std::vector<int>& into) {
  for (;;) {
    Result<int> next = co_await from.next();
    if (next) {
      into.push_back(*next);
    } else if (next.error() == Errc::lagged) {
      into.push_back(-static_cast<int>(from.lagged()));
    } else {
      co_return;
    }
  }
}

}  // namespace

TEST_CASE_FIXTURE(TwoPlugins, "each subscriber, in whichever plugin, gets each event in order") {
  auto mine = subscribed<std::string>("news");
  auto theirs = as_other([] { return subscribed<std::string>("news"); });
  CHECK(*event::publish<std::string>("news", "one") == 2);
  CHECK(*as_other([] { return event::publish<std::string>("news", "two"); }) == 2);
  for (auto* subscription : {&mine, &theirs}) {
    CHECK(subscription->size() == 2);
    CHECK(**subscription->try_next() == "one");
    CHECK(**subscription->try_next() == "two");
    CHECK_FALSE(subscription->try_next().has_value());
  }
}

TEST_CASE_FIXTURE(TwoPlugins, "nobody hears what was published before, or after the subscription is gone") {
  CHECK(*event::publish("numbers", 1) == 0);
  {
    auto numbers = subscribed<int>("numbers");
    CHECK_FALSE(numbers.try_next().has_value());
    CHECK(plugin.subscriptions == 1);
  }
  CHECK(plugin.subscriptions == 0);
  CHECK(*event::publish("numbers", 2) == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "a waiting task is woken by each event") {
  auto numbers = subscribed<int>("numbers");
  std::vector<int> got;
  tau::spawn(receive(numbers, got)).detach();
  settle();
  CHECK(got.empty());
  (void)event::publish("numbers", 1);
  (void)event::publish("numbers", 2);
  settle();
  CHECK(got == std::vector{1, 2});
  (void)event::publish("numbers", 3);
  settle();
  CHECK(got == std::vector{1, 2, 3});
}

TEST_CASE_FIXTURE(TwoPlugins, "a full queue drops the oldest, and tells so once, where they are missing") {
  auto numbers = subscribed<int>("numbers", 3);
  for (int i = 1; i <= 5; ++i) (void)event::publish("numbers", i);
  CHECK(numbers.size() == 3);
  std::vector<int> got;
  tau::spawn(receive(numbers, got)).detach();
  settle();
  CHECK(got == std::vector{-2, 3, 4, 5});
  CHECK(numbers.lagged() == 2);
  for (int i = 6; i <= 8; ++i) (void)event::publish("numbers", i);
  settle();
  CHECK(got == std::vector{-2, 3, 4, 5, 6, 7, 8});
}

TEST_CASE_FIXTURE(TwoPlugins, "a slow subscriber costs the others nothing") {
  auto slow = subscribed<int>("numbers", 1);
  auto fast = subscribed<int>("numbers", 10);
  for (int i = 1; i <= 4; ++i) (void)event::publish("numbers", i);
  CHECK(slow.try_next()->error() == Errc::lagged);
  CHECK(slow.lagged() == 3);
  CHECK(**slow.try_next() == 4);
  CHECK(fast.size() == 4);
  CHECK(**fast.try_next() == 1);
}

TEST_CASE_FIXTURE(TwoPlugins, "a wait that is canceled loses no event") {
  auto numbers = subscribed<int>("numbers");
  std::vector<int> got;
  SUBCASE("while it waits") {
    auto handle = tau::spawn(receive(numbers, got));
    settle();
    handle.abort();
    settle();
    (void)event::publish("numbers", 1);
  }
  SUBCASE("when it was woken already") {
    auto handle = tau::spawn(receive(numbers, got));
    settle();
    (void)event::publish("numbers", 1);
    handle.abort();
    settle();
  }
  SUBCASE("by a timeout") {
    auto body = [&]() -> Task<void> {
      auto result = co_await tau::timeout(1ms, receive(numbers, got));
      CHECK(result.error() == Errc::timed_out);
    };
    tau::spawn(body).detach();
    advance(2ms);
    (void)event::publish("numbers", 1);
  }
  CHECK(got.empty());
  REQUIRE(numbers.size() == 1);
  CHECK(**numbers.try_next() == 1);
}

TEST_CASE_FIXTURE(TwoPlugins, "a subscription that goes away ends the wait on it") {
  std::optional numbers = subscribed<int>("numbers");
  std::optional<tau::Error> ended;
  auto body = [&]() -> Task<void> {
    Result<int> next = co_await numbers->next();
    ended = next.error();
  };
  tau::spawn(body).detach();
  settle();
  numbers.reset();
  settle();
  REQUIRE(ended.has_value());
  CHECK(*ended == Errc::closed);
}

TEST_CASE_FIXTURE(TwoPlugins, "a subscription may move while it is waited on; the one moved from is closed") {
  auto first = subscribed<int>("numbers");
  std::vector<int> got;
  auto wait = [&]() -> Task<void> {
    Result<int> next = co_await first.next();
    if (next) got.push_back(*next);
  };
  tau::spawn(wait).detach();
  settle();
  auto second = std::move(first);
  (void)event::publish("numbers", 1);
  settle();
  CHECK(got == std::vector{1});
  CHECK(first.try_next()->error() == Errc::closed);
  CHECK(second.size() == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "one task waits at a time") {
  auto numbers = subscribed<int>("numbers");
  std::vector<int> got;
  auto handle = tau::spawn(receive(numbers, got));
  settle();
  std::optional<tau::Error> second;
  auto body = [&]() -> Task<void> {
    Result<int> next = co_await numbers.next();
    second = next.error();
  };
  tau::spawn(body).detach();
  settle();
  REQUIRE(second.has_value());
  CHECK(*second == Errc::busy);
  CHECK(numbers.try_next()->error() == Errc::busy);
  handle.abort();
  settle();
  CHECK_FALSE(numbers.try_next().has_value());
}

TEST_CASE_FIXTURE(TwoPlugins, "a name carries one type, and needs to be one") {
  auto numbers = subscribed<int>("numbers");
  CHECK(event::publish<std::string>("numbers", "text").error() == Errc::type_mismatch);
  CHECK(event::subscribe<std::string>("numbers").error() == Errc::type_mismatch);
  CHECK(event::subscribe<int>("").error() == Errc::invalid);
  CHECK(event::subscribe<int>("other numbers", 0).error() == Errc::invalid);
}

TEST_CASE_FIXTURE(TwoPlugins, "events stay with their subscriber when their publisher is unloaded") {
  auto news = subscribed<std::string>("news");
  CHECK(*as_other([] { return event::publish<std::string>("news", "a text too long for the small buffer"); }) == 1);
  unload_other();
  CHECK(**news.try_next() == "a text too long for the small buffer");
  CHECK(as_other([] { return event::publish<std::string>("news", "late"); }).error() == Errc::unloading);
}

TEST_CASE_FIXTURE(TwoPlugins, "a subscriber that is unloaded hears nothing more and disturbs nobody") {
  auto mine = subscribed<int>("numbers");
  std::optional theirs = as_other([] { return subscribed<int>("numbers"); });
  unload_other();
  CHECK(other.subscriptions == 0);
  CHECK(*event::publish("numbers", 1) == 1);
  CHECK(theirs->size() == 0);
  CHECK(mine.size() == 1);
  theirs.reset();  // its memory may go later than its registration
  CHECK(*event::publish("numbers", 2) == 1);
  CHECK(as_other([] { return event::subscribe<int>("numbers"); }).error() == Errc::unloading);
}

TEST_CASE_FIXTURE(TwoPlugins, "a task that finds event after event lets others run in between") {
  auto numbers = subscribed<int>("numbers", 4 * TAU_TASK_BUDGET);
  for (int i = 0; i < 4 * TAU_TASK_BUDGET; ++i) (void)event::publish("numbers", i);
  std::vector<int> got;
  tau::spawn(receive(numbers, got)).detach();
  std::size_t seen_by_other = 0;
  auto body = [&]() -> Task<void> {
    seen_by_other = got.size();
    co_return;
  };
  tau::spawn(body).detach();
  settle();
  CHECK(seen_by_other <= TAU_TASK_BUDGET);
  CHECK(got.size() == 4 * TAU_TASK_BUDGET);
}
