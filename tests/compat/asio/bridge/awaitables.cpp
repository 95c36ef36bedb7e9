// await() and async_run(): coroutines of Asio's in tau's tasks, and tasks as operations of Asio's.
#include "support.hpp"

#include NET_HEADER(awaitable.hpp)
#include NET_HEADER(bind_cancellation_slot.hpp)
#include NET_HEADER(bind_executor.hpp)
#include NET_HEADER(co_spawn.hpp)
#include NET_HEADER(detached.hpp)
#include NET_HEADER(executor_work_guard.hpp)
#include NET_HEADER(experimental/awaitable_operators.hpp)
#include NET_HEADER(post.hpp)
#include NET_HEADER(steady_timer.hpp)
#include NET_HEADER(strand.hpp)
#include NET_HEADER(use_awaitable.hpp)
#include NET_HEADER(use_future.hpp)
#if NET_DEFERRED_IS_STABLE
#include NET_HEADER(deferred.hpp)
#else
#include NET_HEADER(experimental/deferred.hpp)
#endif

#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>

namespace {

using namespace asio_cases;
using bridge::async_run;
using bridge::use_task;
using net::awaitable;
using net::use_awaitable;
using namespace std::chrono_literals;

#if NET_DEFERRED_IS_STABLE
constexpr auto& deferred = net::deferred;
#else
constexpr auto& deferred = net::experimental::deferred;
#endif

struct Named {
  std::string name;
  int number = 0;
};

awaitable<Named> named(std::string name) {
  net::steady_timer timer(co_await net::this_coro::executor, 1ms);
  co_await timer.async_wait(use_awaitable);
  Named result;
  result.name = std::move(name);
  result.number = tau_on_loop_thread();
  co_return result;
}

awaitable<void> throws() {
  net::steady_timer timer(co_await net::this_coro::executor, 1ms);
  co_await timer.async_wait(use_awaitable);
  throw std::runtime_error("thrown over there");
}

awaitable<void> for_an_hour(Run& run) {
  const Alive alive(run);
  net::steady_timer timer(co_await net::this_coro::executor, 1h);
  co_await timer.async_wait(use_awaitable);
}

tau::Task<int> number(int value) {
  co_await tau::sleep(1ms);
  co_return value;
}
tau::Task<void> nothing() { co_await tau::sleep(1ms); }
tau::Task<int> fails() {
  co_await tau::sleep(1ms);
  throw std::runtime_error("thrown in a task");
}
tau::Task<std::unique_ptr<int>> pointer() { co_return std::make_unique<int>(5); }
tau::Task<Named> named_task() {
  Named result;
  result.name = "a name that is longer than a short string";
  co_return result;
}
tau::Task<int> hour(Run& run) {
  const Alive alive(run);
  co_await tau::sleep(1h);
  co_return 1;
}

template <class Awaitable>
tau::Task<std::string> text_of(Awaitable awaitable) {
  try {
    (void)co_await std::move(awaitable);
  } catch (const std::exception& e) {
    co_return e.what();
  }
  co_return std::string();
}

tau::Task<void> until_gone(Run& run) {
  for (int i = 0; i < 1000 && run.alive != 0; ++i) co_await nap();
}

auto counted(Run& run) {
  return [alive = Alive(run)](std::exception_ptr, int) {};
}

// From either world into the other, `depth` times.
awaitable<int> down(int depth);
tau::Task<int> down_task(int depth) {
  if (depth == 0) {
    net::steady_timer timer(bridge::context(), 1ms);
    co_await timer.async_wait(use_task);
    co_return 1;
  }
  const int below = co_await bridge::await(down(depth - 1));
  co_return below + 1;
}
awaitable<int> down(int depth) {
  const int below = co_await async_run(down_task(depth), use_awaitable);
  co_return below + 1;
}

}  // namespace

BRIDGE_CASE("an awaitable gives its value, nothing, or throws") {
  const Named first = co_await bridge::await(named("a"));
  WANT(first.name == "a");
  WANT(first.number == 1);
  WANT(co_await text_of(bridge::await(throws())) == "thrown over there");

  net::io_context io;
  auto running = tau::spawn([&]() -> tau::Task<void> {
    net::executor_work_guard guard = net::make_work_guard(io);
    co_await bridge::run(io);
  });
  const Named second = co_await bridge::await(named("b"), net::any_io_executor(io.get_executor()));
  WANT(second.name == "b");
  io.stop();
  WANT((co_await running).has_value());
}

BRIDGE_CASE("an awaitable that a thread's context runs is awaited on the loop's thread") {
  net::io_context io;
  std::optional guard(net::make_work_guard(io));
  std::thread thread([&] { io.run(); });
  for (int i = 0; i < 20; ++i) {
    const Named there = co_await bridge::await(named("there"), net::any_io_executor(io.get_executor()));
    WANT(there.number == 0);
    WANT(tau_on_loop_thread());
  }
  guard.reset();
  thread.join();
}

BRIDGE_CASE("an aborted task ends the awaitable that it awaits") {
  auto waits = tau::spawn([&]() -> tau::Task<void> {
    co_await bridge::await(for_an_hour(d.run()));
    WANT(!"an hour is over");
  });
  co_await nap();
  co_await nap();
  WANT(d.run().alive == 1);
  waits.abort();
  WANT((co_await waits).error() == tau::Errc::canceled);
  co_await until_gone(d.run());
  WANT(d.run().alive == 0);
}

BRIDGE_CASE("an awaitable whose context is destroyed ends as aborted") {
  std::optional<net::io_context> io(std::in_place);
  net_error_code error;
  auto waits = tau::spawn([&]() -> tau::Task<void> {
    error = co_await error_of(bridge::await(for_an_hour(d.run()), net::any_io_executor(io->get_executor())));
  });
  co_await nap();
  io->poll();
  WANT(d.run().alive == 1);
  io.reset();
  WANT((co_await waits).has_value());
  WANT(error == net::error::operation_aborted);
  WANT(d.run().alive == 0);
}

BRIDGE_CASE("a task is awaited by a coroutine of Asio's: values, nothing, exceptions") {
  auto all = [](Driver& d) -> awaitable<void> {
    WANT(co_await async_run(number(6), use_awaitable) == 6);
    co_await async_run(nothing(), use_awaitable);
    const auto moved = co_await async_run(pointer(), use_awaitable);
    WANT(*moved == 5);
    const Named aggregate = co_await async_run(named_task(), use_awaitable);
    WANT(aggregate.name == "a name that is longer than a short string");
    std::string text;
    try {
      (void)co_await async_run(fails(), use_awaitable);
    } catch (const std::runtime_error& e) {
      text = e.what();
    }
    WANT(text == "thrown in a task");
  };
  co_await bridge::await(all(d));
}

BRIDGE_CASE("a task is told of to a callback, a future and a deferred operation") {
  std::string order;
  std::exception_ptr thrown;
  auto first = [&](std::exception_ptr error, int value) {
    WANT(!error);
    WANT(tau_on_loop_thread());
    order += static_cast<char>('0' + value);
  };
  async_run(number(4), first);
  WANT(order.empty());
  std::future<int> value = async_run(number(8), net::use_future);
  std::future<int> failed = async_run(fails(), net::use_future);
  WANT(value.get() == 8);
  std::string text;
  try {
    failed.get();
  } catch (const std::runtime_error& e) {
    text = e.what();
  }
  WANT(text == "thrown in a task");
  auto later = async_run(number(9), deferred);
  auto last = [&](std::exception_ptr, int value) { order += static_cast<char>('0' + value); };
  std::move(later)(last);
  while (order.size() < 2) co_await nap();
  WANT(order == "49");
}

BRIDGE_CASE("a deferred operation that is never started destroys its task") {
  { auto never = async_run(hour(d.run()), deferred); }
  WANT(d.run().alive == 0);
  co_return;
}

BRIDGE_CASE("a task's end is told on the executor of its handler") {
  net::io_context io;
  std::optional guard(net::make_work_guard(io));
  std::thread thread([&] { io.run(); });
  std::atomic<int> ended{0}, on_loop{0};
  for (int i = 0; i < 100; ++i) {
    auto told = [&](std::exception_ptr, int) {
      on_loop += tau_on_loop_thread();
      ++ended;
    };
    async_run(number(1), net::bind_executor(net::make_strand(io), told));
  }
  while (ended < 100) co_await nap();
  WANT(on_loop == 0);
  guard.reset();
  thread.join();
}

BRIDGE_CASE("a cancellation slot aborts the task, and is harmless afterwards") {
  net::cancellation_signal signal;
  int told = 0;
  std::exception_ptr thrown;
  auto handler = [&](std::exception_ptr error, int) {
    ++told;
    thrown = error;
  };
  async_run(hour(d.run()), net::bind_cancellation_slot(signal.slot(), handler));
  co_await nap();
  WANT(d.run().alive == 1);
  signal.emit(net::cancellation_type::terminal);
  while (told == 0) co_await nap();
  WANT(error_in(thrown) == net::error::operation_aborted);
  WANT(d.run().alive == 0);
  signal.emit(net::cancellation_type::terminal);
  WANT(told == 1);

  async_run(number(1), net::bind_cancellation_slot(signal.slot(), handler));
  while (told == 1) co_await nap();
  WANT(!thrown);
  signal.emit(net::cancellation_type::all);
  co_await nap();
  WANT(told == 2);
}

BRIDGE_CASE("the task that loses a race of awaitables is aborted") {
  auto race = [](Driver& d) -> awaitable<std::size_t> {
    using namespace net::experimental::awaitable_operators;
    net::steady_timer timer(co_await net::this_coro::executor, 2ms);
    const auto winner = co_await (async_run(hour(d.run()), use_awaitable) || timer.async_wait(use_awaitable));
    co_return winner.index();
  };
  const std::size_t index = co_await bridge::await(race(d));
  WANT(index == 1);
  WANT(d.run().alive == 0);
}

BRIDGE_CASE("a task is aborted when the context of its handler is destroyed") {
  for (const bool strand : {false, true}) {
    std::optional<net::io_context> io(std::in_place);
    if (strand) {
      async_run(hour(d.run()), net::bind_executor(net::make_strand(*io), counted(d.run())));
    } else {
      async_run(hour(d.run()), net::bind_executor(io->get_executor(), counted(d.run())));
    }
    co_await nap();
    io.reset();
    co_await until_gone(d.run());
    WANT(d.run().alive == 0);
  }
}

BRIDGE_CASE("a context that a thread destroys aborts the tasks whose handlers it had") {
  for (int i = 0; i < 50; ++i) {
    auto io = std::make_unique<net::io_context>();
    std::atomic<int> told{0};
    for (int k = 0; k < 20; ++k) {
      // They end while the context is destroyed.
      auto task = [](Run& run, int us) -> tau::Task<int> {
        const Alive alive(run);
        co_await tau::sleep(std::chrono::microseconds(us));
        co_return 1;
      };
      auto handler = [&told, alive = Alive(d.run())](std::exception_ptr, int) { ++told; };
      async_run(task(d.run(), k * 50), net::bind_executor(net::make_strand(*io), std::move(handler)));
    }
    std::thread thread([&io, i] {
      std::this_thread::sleep_for(std::chrono::microseconds(i * 20));
      io.reset();
    });
    while (d.run().alive != 0) co_await nap();
    thread.join();
    WANT(told == 0);
  }
}

BRIDGE_CASE("a task is not taken from another thread, and its handler is told so") {
  net::io_context io;
  std::string text;
  std::thread([&] {
    auto told = [&](std::exception_ptr error, int) {
      try {
        std::rethrow_exception(error);
      } catch (const std::logic_error& e) {
        text = e.what();
      }
    };
    async_run(hour(d.run()), net::bind_executor(io, told));
    io.run();
  }).join();
  WANT(text.find("async_run: ") == 0);
  WANT(d.run().alive == 0);
  // Where no executor is named it is told on the plugin's context.
  std::atomic<int> here{0};
  std::thread([&] {
    async_run(hour(d.run()), [&](std::exception_ptr error, int) { here = error && tau_on_loop_thread() ? 1 : 2; });
  }).join();
  while (here == 0) co_await nap();
  WANT(here == 1);
}

BRIDGE_CASE("from one world to the other and back, twenty deep") {
  const int sum = co_await down_task(20);
  WANT(sum == 41);
}
