#include <tau/spawn.hpp>
#include <tau/sync/notify.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <vector>

#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

namespace {

tau::Task<> wait_for(tau::Notify notify, int name, std::vector<int>* order) {
  co_await notify.notified();
  order->push_back(name);
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "notify_one wakes one, who came first") {
  tau::Notify notify;
  std::vector<int> order;
  for (int i = 1; i <= 3; ++i) tau::spawn(wait_for(notify, i, &order)).detach();
  settle();
  CHECK(order.empty());
  notify.notify_one();
  settle();
  CHECK(order == std::vector<int>{1});
  notify.notify_one();
  notify.notify_one();
  settle();
  CHECK(order == std::vector<int>{1, 2, 3});
}

TEST_CASE_FIXTURE(RuntimeFixture, "with nobody waiting one permit is kept, and no more") {
  tau::Notify notify;
  std::vector<int> order;
  notify.notify_one();
  notify.notify_one();
  tau::spawn(wait_for(notify, 1, &order)).detach();
  tau::spawn(wait_for(notify, 2, &order)).detach();
  settle();
  CHECK(order == std::vector<int>{1});
  notify.notify_one();
  settle();
  CHECK(order == std::vector<int>{1, 2});
}

TEST_CASE_FIXTURE(RuntimeFixture, "notify_waiters wakes all who wait and leaves nothing") {
  tau::Notify notify;
  std::vector<int> order;
  notify.notify_waiters();
  for (int i = 1; i <= 3; ++i) tau::spawn(wait_for(notify, i, &order)).detach();
  settle();
  CHECK(order.empty());
  notify.notify_waiters();
  tau::spawn(wait_for(notify, 4, &order)).detach();
  settle();
  CHECK(order == std::vector<int>{1, 2, 3});
  notify.notify_one();
  settle();
  CHECK(order == std::vector<int>{1, 2, 3, 4});
}

TEST_CASE_FIXTURE(RuntimeFixture, "notified() is reached by the notify_waiters() after it, awaited or not") {
  tau::Notify notify;
  bool done = false;
  auto body = [&]() -> tau::Task<> {
    auto early = notify.notified();
    notify.notify_waiters();
    co_await early;
    done = true;
  };
  tau::spawn(body).detach();
  settle();
  CHECK(done);
}

TEST_CASE_FIXTURE(RuntimeFixture, "enable() takes a place in the queue before it is awaited") {
  tau::Notify notify;
  std::vector<int> order;
  auto body = [&]() -> tau::Task<> {
    auto mine = notify.notified();
    CHECK_FALSE(mine.enable());
    CHECK_FALSE(mine.enable());
    tau::spawn(wait_for(notify, 2, &order)).detach();
    co_await tau::sleep(1ms);
    notify.notify_one();
    CHECK(mine.enable());
    co_await mine;
    order.push_back(1);
  };
  tau::spawn(body).detach();
  advance(2ms);
  CHECK(order == std::vector<int>{1});
  notify.notify_one();
  settle();
  CHECK(order == std::vector<int>{1, 2});

  // Enabled, notified and dropped: the next gets it.
  {
    auto dropped = notify.notified();
    CHECK_FALSE(dropped.enable());
    notify.notify_one();
  }
  tau::spawn(wait_for(notify, 3, &order)).detach();
  settle();
  CHECK(order == std::vector<int>{1, 2, 3});
}

TEST_CASE_FIXTURE(RuntimeFixture, "who was notified and is aborted before its turn passes it on") {
  tau::Notify notify;
  std::vector<int> order;
  auto first = tau::spawn(wait_for(notify, 1, &order));
  tau::spawn(wait_for(notify, 2, &order)).detach();
  settle();
  notify.notify_one();
  first.abort();
  settle();
  CHECK(order == std::vector<int>{2});

  // With nobody left it becomes the permit.
  auto last = tau::spawn(wait_for(notify, 3, &order));
  settle();
  notify.notify_one();
  last.abort();
  settle();
  tau::spawn(wait_for(notify, 4, &order)).detach();
  settle();
  CHECK(order == std::vector<int>{2, 4});
}

TEST_CASE_FIXTURE(RuntimeFixture, "what notify_waiters gave is not passed on") {
  tau::Notify notify;
  std::vector<int> order;
  auto first = tau::spawn(wait_for(notify, 1, &order));
  settle();
  notify.notify_waiters();
  first.abort();
  settle();
  tau::spawn(wait_for(notify, 2, &order)).detach();
  settle();
  CHECK(order.empty());
  notify.notify_one();
  settle();
  CHECK(order == std::vector<int>{2});
}

TEST_CASE_FIXTURE(TwoPlugins, "unload a plugin that waits and one that was notified: nothing is lost") {
  tau::Notify notify;
  std::vector<int> order;
  as_other([&] {
    tau::spawn(wait_for(notify, 1, &order)).detach();
    tau::spawn(wait_for(notify, 2, &order)).detach();
  });
  settle();
  tau::spawn(wait_for(notify, 3, &order)).detach();
  settle();
  notify.notify_one();  // the first task of the other plugin, which will not get a turn
  unload_other();
  settle();
  CHECK(order == std::vector<int>{3});
}
