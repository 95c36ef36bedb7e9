#include <tau/spawn.hpp>
#include <tau/sync/semaphore.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <vector>

#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::Errc;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

namespace {

tau::Task<> take(tau::Semaphore semaphore, std::size_t n, int name, std::vector<int>* order,
                 std::optional<tau::SemaphorePermit>* out) {
  tau::Result<tau::SemaphorePermit> permit = co_await semaphore.acquire_many(n);
  if (!permit) {
    order->push_back(-name);
    co_return;
  }
  order->push_back(name);
  if (out) *out = std::move(*permit);
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "permits go to who waits longest, and nobody passes who wants less") {
  tau::Semaphore semaphore(3);
  std::vector<int> order;
  auto three = semaphore.try_acquire(3);
  REQUIRE(three.has_value());
  CHECK(semaphore.try_acquire().error() == Errc::would_block);
  std::optional<tau::SemaphorePermit> first, second, third;
  tau::spawn(take(semaphore, 2, 1, &order, &first)).detach();
  tau::spawn(take(semaphore, 3, 2, &order, &second)).detach();
  tau::spawn(take(semaphore, 1, 3, &order, &third)).detach();
  settle();
  CHECK(order.empty());
  { auto gone = std::move(*three); }
  settle();
  CHECK(order == std::vector<int>{1});
  CHECK(semaphore.available_permits() == 0);  // one is set aside for the second
  CHECK(semaphore.try_acquire().error() == Errc::would_block);
  first.reset();
  settle();
  CHECK(order == std::vector<int>{1, 2});
  second.reset();
  settle();
  CHECK(order == std::vector<int>{1, 2, 3});
  third.reset();
  CHECK(semaphore.available_permits() == 3);
}

TEST_CASE_FIXTURE(RuntimeFixture, "abort in each state: what was got goes to the next") {
  tau::Semaphore semaphore(2);
  std::vector<int> order;
  auto both = semaphore.try_acquire(2);
  std::optional<tau::SemaphorePermit> got;
  auto partly = tau::spawn(take(semaphore, 2, 1, &order, nullptr));
  auto next = tau::spawn(take(semaphore, 1, 2, &order, &got));
  settle();
  auto one = both->split(1);
  { auto gone = std::move(*one); }  // half of what the first wants
  settle();
  CHECK(order.empty());
  partly.abort();
  settle();
  CHECK(order == std::vector<int>{2});
  got.reset();

  // Granted, and aborted before its turn.
  auto held = semaphore.try_acquire(1);
  REQUIRE(held.has_value());
  auto waiting = tau::spawn(take(semaphore, 1, 3, &order, nullptr));
  auto after = tau::spawn(take(semaphore, 1, 4, &order, &got));
  settle();
  { auto gone = std::move(*held); }
  waiting.abort();
  settle();
  CHECK(order == std::vector<int>{2, 4});
  got.reset();
  { auto gone = std::move(*both); }
  CHECK(semaphore.available_permits() == 2);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a closed semaphore refuses who waits and who comes, and keeps what is out") {
  tau::Semaphore semaphore(1);
  std::vector<int> order;
  auto held = semaphore.try_acquire();
  tau::spawn(take(semaphore, 1, 1, &order, nullptr)).detach();
  settle();
  semaphore.close();
  settle();
  CHECK(order == std::vector<int>{-1});
  CHECK(semaphore.is_closed());
  CHECK(semaphore.try_acquire().error() == Errc::closed);
  tau::spawn(take(semaphore, 0, 2, &order, nullptr)).detach();
  settle();
  CHECK(order == std::vector<int>{-1, -2});
  { auto gone = std::move(*held); }
  CHECK(semaphore.available_permits() == 1);
}

TEST_CASE_FIXTURE(RuntimeFixture, "permits are added, forgotten, split and merged") {
  tau::Semaphore semaphore(1), another(1);
  std::vector<int> order;
  std::optional<tau::SemaphorePermit> got;
  tau::spawn(take(semaphore, 3, 1, &order, &got)).detach();
  settle();
  semaphore.add_permits(2);
  settle();
  REQUIRE(got.has_value());
  CHECK(got->num_permits() == 3);
  CHECK(got->split(4).error() == Errc::invalid);
  auto two = got->split(2);
  CHECK(got->num_permits() == 1);
  auto foreign = another.try_acquire();
  CHECK_FALSE(got->merge(std::move(*foreign)));
  CHECK(got->merge(std::move(*two)));
  CHECK(got->num_permits() == 3);
  got.reset();
  CHECK(semaphore.available_permits() == 3);
  CHECK(semaphore.forget_permits(2) == 2);
  auto last = semaphore.try_acquire();
  last->forget();
  CHECK(semaphore.available_permits() == 0);
  CHECK(semaphore.forget_permits(1) == 0);
  CHECK(semaphore.blocking_acquire().error() == Errc::wrong_thread);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a permit outlives the semaphore that it is of") {
  std::vector<tau::SemaphorePermit> got;
  {
    tau::Semaphore semaphore(1);
    auto permit = semaphore.try_acquire();
    got.push_back(std::move(*permit));
  }
  CHECK(got[0].num_permits() == 1);
  got.clear();
}

TEST_CASE_FIXTURE(TwoPlugins, "unload who holds permits and who waits for them: they go to the other plugin") {
  tau::Semaphore semaphore(1);
  std::vector<int> order;
  auto hold = [](tau::Semaphore mine) -> tau::Task<> {
    tau::Result<tau::SemaphorePermit> permit = co_await mine.acquire();
    co_await tau::sleep(24h);
  };
  as_other([&] {
    tau::spawn(hold(semaphore)).detach();
    tau::spawn(hold(semaphore)).detach();
  });
  settle();
  std::optional<tau::SemaphorePermit> got;
  tau::spawn(take(semaphore, 1, 1, &order, &got)).detach();
  settle();
  CHECK(order.empty());
  unload_other();
  settle();
  CHECK(order == std::vector<int>{1});
  got.reset();
  CHECK(semaphore.available_permits() == 1);
}
