// block_on and fibers: calls that wait end in the order in which what they wait for happens.
#include <tau/fiber.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include "support/runtime_fixture.hpp"

using namespace std::chrono_literals;
using tau::Task;
using tau::test::RuntimeFixture;

namespace {

Task<int> later(std::chrono::nanoseconds delay, int value) {
  co_await tau::sleep(delay);
  co_return value;
}

Task<> block(std::chrono::nanoseconds delay, int value, std::vector<int>& order) {
  auto result = tau::block_on(later(delay, value));
  order.push_back(result.value());
  co_return;
}

}  // namespace

TEST_CASE("two tasks that block end each when its own wait is over, the later one first if it is shorter") {
  RuntimeFixture f;
  std::vector<int> order;
  auto slow = tau::spawn(block(400ms, 400, order));
  auto fast = tau::spawn(block(50ms, 50, order));
  f.settle();
  CHECK(f.plugin.fibers == 2);
  f.advance(51ms);
  CHECK(order == std::vector{50});
  CHECK(fast.is_finished());
  CHECK_FALSE(slow.is_finished());
  f.advance(350ms);
  CHECK(order == std::vector{50, 400});
}

TEST_CASE("other tasks and timers go on while a hundred calls are suspended") {
  RuntimeFixture f;
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) (void)tau::spawn(block(std::chrono::milliseconds(100 + i), i, order));
  int ticks = 0;
  auto tick = [](int& ticks) -> Task<> {
    for (;;) {
      co_await tau::sleep(1ms);
      ++ticks;
    }
  };
  auto ticking = tau::spawn(tick(ticks));
  f.advance(99ms);
  CHECK(ticks >= 95);
  CHECK(f.plugin.fibers == 100);
  f.advance(110ms);
  CHECK(f.plugin.fibers == 0);
  REQUIRE(order.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
  // The stacks are kept for later, not made anew.
  CHECK(f.runtime.fibers.idle() <= 101);
}

TEST_CASE("block_on inside block_on returns from the innermost outwards") {
  RuntimeFixture f;
  std::string order;
  auto inner = [](std::string& order) -> Task<int> {
    co_await tau::sleep(1ms);
    order += 'i';
    co_return 1;
  };
  auto middle = [&](std::string& order) -> Task<int> {
    int one = tau::block_on(inner(order)).value();
    order += 'm';
    co_return one + 1;
  };
  auto outer = [&](std::string& order) -> Task<> {
    CHECK(tau::block_on(middle(order)).value() == 2);
    order += 'o';
    co_return;
  };
  (void)tau::spawn(outer(order));
  f.advance(2ms);
  CHECK(order == "imo");
}

TEST_CASE("the current task is each stack's own") {
  RuntimeFixture f;
  bool checked = false;
  auto body = [](bool& checked) -> Task<> {
    const auto me = tau_task_current();
    auto inside = [](tau_task_id outer) -> Task<> {
      CHECK(tau_task_current() != outer);
      co_await tau::sleep(1ms);
      CHECK(tau_task_current() != outer);
    };
    CHECK(me != 0);
    CHECK(tau::block_on(inside(me)));
    CHECK(tau_task_current() == me);
    checked = true;
    co_return;
  };
  (void)tau::spawn(body(checked));
  f.advance(5ms);
  CHECK(checked);
}

TEST_CASE("an exception in flight and errno stay with the stack that has them") {
  RuntimeFixture f;
  int caught = 0;
  auto body = [](int number, int& caught) -> Task<> {
    try {
      throw number;
    } catch (int) {
      errno = number;
      CHECK(tau::block_on(later(1ms * number, 0)));
      CHECK(errno == number);
      try {
        throw;  // the one this handler has
      } catch (int again) {
        if (again == number) ++caught;
      }
    }
    co_return;
  };
  for (int i = 1; i <= 8; ++i) (void)tau::spawn(body(9 - i, caught));
  f.advance(20ms);
  CHECK(caught == 8);
}

TEST_CASE("rounding mode and callee-saved registers survive a suspension") {
  RuntimeFixture f;
  double sums[4] = {};
  auto body = [](int n, double& sum) -> Task<> {
    double a = n, b = n * 2, c = n * 3, d = n * 4;
    for (int i = 0; i < 10; ++i) {
      CHECK(tau::block_on(later(1ms * n, 0)));
      a += 1, b += a, c += b, d += c;
    }
    sum = a + b + c + d;
    co_return;
  };
  for (int n = 0; n < 4; ++n) (void)tau::spawn(body(n + 1, sums[n]));
  f.advance(100ms);
  for (int n = 1; n <= 4; ++n) {
    double a = n, b = n * 2, c = n * 3, d = n * 4;
    for (int i = 0; i < 10; ++i) a += 1, b += a, c += b, d += c;
    CHECK(sums[n - 1] == a + b + c + d);
  }
}

TEST_CASE("a fiber is a task: it is joined for its value, its exception or nothing") {
  RuntimeFixture f;
  auto good = tau::fiber::spawn([] { return tau::block_on(later(5ms, 7)).value() * 6; });
  auto bad = tau::fiber::spawn([]() -> int {
    tau::block_on(later(1ms, 0)).value();
    throw std::runtime_error("the fiber says no");
  });
  auto quick = tau::fiber::spawn([] {});
  int value = 0;
  bool done = false;
  std::string text;
  auto join = [&]() -> Task<> {
    CHECK((co_await quick));
    auto result = co_await good;
    value = result.value();
    auto failed = co_await bad;
    CHECK(failed.error() == tau::Errc::threw);
    done = true;
  };
  (void)tau::spawn(join());
  f.advance(10ms);
  CHECK(done);
  CHECK(value == 42);
}

TEST_CASE("a fiber may use nearly all of the stack it asked for") {
  RuntimeFixture f;
  struct Deep {
    static int down(int levels) {
      volatile char block[1024];
      block[0] = static_cast<char>(levels);
      if (levels == 0) {
        tau::block_on(later(1ms, 0)).value();
        return 0;
      }
      return down(levels - 1) + 1 + (block[0] - static_cast<char>(levels));
    }
  };
  auto deep = tau::fiber::spawn([] { return Deep::down(3000); }, std::size_t{8} << 20);
  f.advance(2ms);
  REQUIRE(deep.is_finished());
}

TEST_CASE("block_on on the thread's own stack, outside of all tasks, turns the loop") {
  RuntimeFixture f(false);
  CHECK(tau::block_on(later(1ms, 3)).value() == 3);
}

TEST_CASE("a task that is aborted while another waits for it by block_on reads canceled") {
  RuntimeFixture f;
  tau::TaskId inner = 0;
  bool told = false;
  auto wait = [&]() -> Task<> {
    auto forever = [](tau::TaskId& id) -> Task<> {
      id = tau_task_current();
      co_await tau::sleep(1h);
    };
    auto result = tau::block_on(forever(inner));
    CHECK(result.error() == tau::Errc::canceled);
    told = true;
    co_return;
  };
  (void)tau::spawn(wait());
  f.settle();
  REQUIRE(inner != 0);
  tau_abort(inner);
  f.settle();
  CHECK(told);
}
