#include <tau/stream/sources.hpp>
#include <tau/stream/stream.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <numeric>
#include <string>
#include <vector>

#include "sdk/structured/gate.hpp"
#include "support/counted.hpp"
#include "support/runtime_fixture.hpp"
#include "support/seed.hpp"

using namespace std::chrono_literals;
using tau::Stream;
using tau::test::Counted;
using tau::test::Gate;
using tau::test::RuntimeFixture;
using Numbers = std::vector<int>;

namespace {

Stream<int> numbers(int count) {
  for (int i = 0; i < count; ++i) co_yield i;
}
Stream<int> ticking(int first, int count, std::chrono::milliseconds period) {
  for (int i = 0; i < count; ++i) {
    co_await tau::sleep(period);
    co_yield first + i;
  }
}
Stream<tau::Result<int>> failing_at(int bad, int count) {
  for (int i = 0; i < count; ++i) co_yield i == bad ? tau::Result<int>(tau::Errc::closed) : tau::Result<int>(i);
}
bool is_even(int number) { return number % 2 == 0; }

class AdaptorFixture : public RuntimeFixture {
 public:
  /// Runs a task to its end on the test's clock.
  template <class T>
  T run(tau::Task<T> task) {
    auto handle = tau::spawn(std::move(task));
    for (int i = 0; i < 1000 && !handle.is_finished(); ++i) advance(1ms);
    auto result = handle.try_join();
    REQUIRE(result.has_value());
    return std::move(*result).value();
  }
};

}  // namespace

TEST_CASE_FIXTURE(AdaptorFixture, "map, filter and filter_map") {
  CHECK(run(numbers(5).map([](int n) { return n * n; }).collect()) == Numbers{0, 1, 4, 9, 16});
  CHECK(run(numbers(6).filter(is_even).collect()) == Numbers{0, 2, 4});
  auto halves = [](int n) { return is_even(n) ? std::optional<std::string>(std::to_string(n / 2)) : std::nullopt; };
  CHECK(run(numbers(5).filter_map(halves).collect()) == std::vector<std::string>{"0", "1", "2"});
}

TEST_CASE_FIXTURE(AdaptorFixture, "a callable that owns something is given by its name") {
  std::string suffix = "a suffix that is too long to be kept inside the string";
  auto append = [suffix](int n) { return std::to_string(n) + suffix; };
  static_assert(!tau::detail::StreamCallable<decltype(append)>);
  auto body = [&]() -> tau::Task<std::string> {
    auto all = co_await numbers(2).map(append).collect();
    co_return all[1];
  };
  CHECK(run(body()) == "1" + suffix);
}

TEST_CASE_FIXTURE(AdaptorFixture, "take, take_while, skip and skip_while; take asks for no more than it gives") {
  CHECK(run(numbers(9).take(3).collect()) == Numbers{0, 1, 2});
  CHECK(run(numbers(2).take(3).collect()) == Numbers{0, 1});
  CHECK(run(numbers(9).take_while([](int n) { return n < 2; }).collect()) == Numbers{0, 1});
  CHECK(run(numbers(5).skip(3).collect()) == Numbers{3, 4});
  CHECK(run(numbers(2).skip(3).collect()).empty());
  CHECK(run(numbers(5).skip_while([](int n) { return n != 3; }).collect()) == Numbers{3, 4});
  int made = 0;
  auto counting = [&]() -> Stream<int> {
    for (;;) co_yield ++made;
  };
  CHECK(run(counting().take(2).collect()) == Numbers{1, 2});
  CHECK(made == 2);
  CHECK(run(counting().take(0).collect()).empty());
  CHECK(made == 2);
}

TEST_CASE_FIXTURE(AdaptorFixture, "then awaits what its callable returns, one item after the other") {
  int running = 0;
  auto slowly = [&](int n) -> tau::Task<int> {
    CHECK(++running == 1);
    co_await tau::sleep(1ms);
    --running;
    co_return n + 1;
  };
  CHECK(run(numbers(3).then(slowly).collect()) == Numbers{1, 2, 3});
}

TEST_CASE_FIXTURE(AdaptorFixture, "enumerate, chain, chunks and zip") {
  auto numbered = run(tau::stream::iter(std::vector<std::string>{"a", "b"}).enumerate().collect());
  CHECK(numbered == std::vector<std::pair<std::size_t, std::string>>{{0, "a"}, {1, "b"}});
  CHECK(run(numbers(2).chain(numbers(2)).collect()) == Numbers{0, 1, 0, 1});
  CHECK(run(numbers(5).chunks(2).collect()) == std::vector<Numbers>{{0, 1}, {2, 3}, {4}});
  CHECK(run(numbers(4).chunks(2).collect()).size() == 2);
  auto pairs = run(numbers(3).zip(ticking(10, 2, 1ms)).collect());
  CHECK(pairs == std::vector<std::pair<int, int>>{{0, 10}, {1, 11}});
}

TEST_CASE_FIXTURE(AdaptorFixture, "merge takes items as they come and loses none of either side") {
  auto merged = run(ticking(0, 4, 2ms).merge(ticking(100, 3, 3ms)).collect());
  CHECK(merged.size() == 7);
  Numbers left, right;
  for (int n : merged) (n < 100 ? left : right).push_back(n);
  CHECK(left == Numbers{0, 1, 2, 3});
  CHECK(right == Numbers{100, 101, 102});
  CHECK(run(numbers(1000).merge(numbers(1000)).fold(0, [](int sum, int n) { return sum + n; })) == 999'000);
}

TEST_CASE_FIXTURE(AdaptorFixture, "merge is fair to both sides when both are always ready") {
  auto counted = [&]() -> tau::Task<int> {
    auto stream = numbers(1000).map([](int) { return 0; }).merge(numbers(1000).map([](int) { return 1; }));
    int ones = 0;
    for (int i = 0; i < 1000; ++i) ones += *(co_await stream.next());
    co_return ones;
  };
  int ones = run(counted());
  CHECK(ones > 300);
  CHECK(ones < 700);
}

TEST_CASE_FIXTURE(AdaptorFixture, "throttle lets one item through in a period") {
  tau::TimePoint started = tau::Clock::now();
  CHECK(run(numbers(4).throttle(10ms).collect()) == Numbers{0, 1, 2, 3});
  CHECK(tau::Clock::now() - started >= 30ms);
  CHECK(tau::Clock::now() - started < 35ms);
}

TEST_CASE_FIXTURE(AdaptorFixture, "timeout puts an error where an item is late, and the item after it") {
  auto outcomes = run(ticking(0, 2, 5ms).timeout(3ms).collect());
  REQUIRE(outcomes.size() == 4);
  CHECK(outcomes[0].error() == tau::Errc::timed_out);
  CHECK(*outcomes[1] == 0);
  CHECK(outcomes[2].error() == tau::Errc::timed_out);
  CHECK(*outcomes[3] == 1);
}

TEST_CASE_FIXTURE(AdaptorFixture, "buffered runs some tasks at once, and keeps their order or the order of their ends") {
  for (bool in_order : {true, false}) {
    int running = 0, most = 0;
    auto work = [&](int n) -> tau::Task<int> {
      most = std::max(most, ++running);
      co_await tau::sleep(std::chrono::milliseconds(n % 2 ? 1 : 5));
      --running;
      co_return n;
    };
    auto tasks = numbers(20).map(work);
    auto all = run(in_order ? std::move(tasks).buffered(4).collect() : std::move(tasks).buffer_unordered(4).collect());
    CHECK(most == 4);
    CHECK(running == 0);
    Numbers ordered(20);
    std::iota(ordered.begin(), ordered.end(), 0);
    CHECK((all == ordered) == in_order);
    std::sort(all.begin(), all.end());
    CHECK(all == ordered);
  }
}

TEST_CASE_FIXTURE(AdaptorFixture, "buffered: what ends while nobody asks is there when somebody does, exceptions too") {
  int alive = 0;
  auto work = [&](int n) -> tau::Task<int> {
    Counted counted(alive);
    co_await tau::sleep(1ms);
    if (n == 2) throw std::runtime_error("two");
    co_return n;
  };
  std::string what;
  Numbers seen;
  auto body = [&]() -> tau::Task<int> {
    auto stream = numbers(10).map(work).buffer_unordered(5);
    CHECK_FALSE((co_await tau::timeout(-1ms, stream.next())).has_value());
    co_await tau::sleep(10ms);
    CHECK(alive == 5);
    try {
      while (auto item = co_await stream.next()) seen.push_back(*item);
    } catch (const std::runtime_error& error) {
      what = error.what();
    }
    co_return 0;
  };
  run(body());
  CHECK(what == "two");
  CHECK(seen == Numbers{0, 1});
  CHECK(alive == 0);
}

TEST_CASE_FIXTURE(AdaptorFixture, "endings: for_each, fold, count, any and all") {
  int sum = 0;
  auto add = [&](int n) { sum += n; };
  auto add_later = [&](int n) -> tau::Task<> {
    co_await tau::yield_now();
    sum += n;
  };
  auto body = [&]() -> tau::Task<int> {
    co_await numbers(4).for_each(add);
    co_await numbers(4).for_each(add_later);
    co_return sum;
  };
  CHECK(run(body()) == 12);
  CHECK(run(numbers(4).fold(std::string(), [](std::string text, int n) { return text + std::to_string(n); })) == "0123");
  CHECK(run(numbers(7).count()) == 7);
  CHECK(run(numbers(7).any([](int n) { return n == 3; })));
  CHECK_FALSE(run(numbers(3).any([](int n) { return n == 3; })));
  CHECK(run(numbers(3).all([](int n) { return n < 3; })));
  CHECK_FALSE(run(numbers(4).all([](int n) { return n < 3; })));
}

TEST_CASE_FIXTURE(AdaptorFixture, "streams of results: errors pass adaptors and end the try_ forms") {
  CHECK(run(failing_at(9, 3).try_collect()).value() == Numbers{0, 1, 2});
  CHECK(run(failing_at(1, 3).try_collect()).error() == tau::Errc::closed);
  auto doubled = run(failing_at(1, 4).map_ok([](int n) { return 2 * n; }).try_filter([](int n) { return n != 4; }).collect());
  REQUIRE(doubled.size() == 3);
  CHECK(*doubled[0] == 0);
  CHECK(doubled[1].error() == tau::Errc::closed);
  CHECK(*doubled[2] == 6);
  int seen = 0;
  auto until_two = [&](int n) -> tau::Result<void> {
    ++seen;
    if (n == 2) return tau::Errc::busy;
    return {};
  };
  CHECK(run(numbers(9).try_for_each(until_two)).error() == tau::Errc::busy);
  CHECK(seen == 3);
  CHECK(run(failing_at(1, 9).try_for_each(until_two)).error() == tau::Errc::closed);
  auto add = [](int sum, int n) -> tau::Result<int> {
    if (n == 5) return tau::Errc::busy;
    return sum + n;
  };
  CHECK(run(numbers(4).try_fold(0, add)).value() == 6);
  CHECK(run(numbers(9).try_fold(0, add)).error() == tau::Errc::busy);
  CHECK(run(failing_at(2, 9).try_fold(0, add)).error() == tau::Errc::closed);
}

TEST_CASE_FIXTURE(AdaptorFixture, "pipelines whose next is dropped at random still give every item, once and in order") {
  TAU_SEEDED_RANDOM(random);
  for (int round = 0; round < 20; ++round) {
    auto body = [&]() -> tau::Task<Numbers> {
      auto source = [](std::uint64_t seed) -> Stream<int> {
        std::mt19937_64 delays(seed);
        for (int i = 0; i < 200; ++i) {
          if (delays() % 3 == 0) co_await tau::sleep(std::chrono::microseconds(delays() % 3000));
          co_yield i;
        }
      };
      auto slow = [](int n) -> tau::Task<int> {
        if (n % 4 == 0) co_await tau::sleep(std::chrono::microseconds(100 + n * 10));
        co_return n;
      };
      auto stream = source(random()).map([](int n) { return n + 1; }).then(slow).map(slow).buffered(3).chunks(3);
      Numbers all;
      for (;;) {
        auto chunk = co_await tau::timeout(std::chrono::microseconds(random() % 2000), stream.next());
        if (!chunk) continue;
        if (!*chunk) co_return all;
        all.insert(all.end(), (*chunk)->begin(), (*chunk)->end());
      }
    };
    Numbers expected(200);
    std::iota(expected.begin(), expected.end(), 1);
    CHECK(run(body()) == expected);
  }
}
