// What is experimental: channels, parallel groups, operators of awaitables.
#include "../case.hpp"

#include NET_HEADER(awaitable.hpp)
#include NET_HEADER(co_spawn.hpp)
#include NET_HEADER(executor_work_guard.hpp)
#include NET_HEADER(experimental/awaitable_operators.hpp)
#include NET_HEADER(experimental/channel.hpp)
#include NET_HEADER(experimental/concurrent_channel.hpp)
#include NET_HEADER(experimental/parallel_group.hpp)
#include NET_HEADER(post.hpp)
#include NET_HEADER(steady_timer.hpp)
#include NET_HEADER(thread_pool.hpp)
#include NET_HEADER(use_awaitable.hpp)
#if NET_DEFERRED_IS_STABLE
#include NET_HEADER(deferred.hpp)
#else
#include NET_HEADER(experimental/deferred.hpp)
#endif

#include <array>
#include <functional>
#include <optional>
#include <type_traits>
#include <variant>

namespace {

using asio_cases::Driver;
using net::awaitable;
using net::use_awaitable;
using namespace std::chrono_literals;
using Channel = net::experimental::channel<void(net_error_code, int)>;
using ConcurrentChannel = net::experimental::concurrent_channel<void(net_error_code, int)>;

#if NET_DEFERRED_IS_STABLE
constexpr auto& deferred = net::deferred;
#else
constexpr auto& deferred = net::experimental::deferred;
#endif

template <class C>
awaitable<void> send(C& channel, int value) {
  co_await channel.async_send(net_error_code(), value, use_awaitable);
}

template <class C>
awaitable<void> produce(C& channel, int count) {
  for (int i = 1; i <= count; ++i) co_await send(channel, i);
  channel.close();
}

/// From another thread. Not by a concurrent_channel: of Asio 1.22, two threads at one lose a completion now and then.
awaitable<void> produce_there(net::io_context& io, Channel& channel, int count) {
  for (int i = 1; i <= count; ++i) co_await net::co_spawn(io, send(channel, i), use_awaitable);
  net::post(io, [&channel] { channel.close(); });
}

template <class C>
awaitable<void> consume(Driver& d, C& channel, int& sum, bool& closed) {
  for (;;) {
    try {
      const int value = co_await channel.async_receive(use_awaitable);
      HERE();
      sum += value;
    } catch (const net_system_error& e) {
      closed = e.code() == net::experimental::error::channel_closed;
      co_return;
    }
  }
}

template <class C>
void hand_over(Driver& d) {
  for (const std::size_t room : {0, 1, 16}) {
    net::io_context io;
    C channel(io, room);
    int sum = 0;
    bool closed = false;
    net::co_spawn(io, produce(channel, 100), asio_cases::rethrow);
    net::co_spawn(io, consume(d, channel, sum, closed), asio_cases::rethrow);
    d.drive(io);
    WANT(sum == 5050);
    WANT(closed);
  }
}

awaitable<void> pause(std::chrono::microseconds time) {
  net::steady_timer timer(co_await net::this_coro::executor, time);
  co_await timer.async_wait(use_awaitable);
}

awaitable<int> value_after(std::chrono::microseconds time, int value) {
  co_await pause(time);
  co_return value;
}

awaitable<void> both_and_either(Driver& d, int& done) {
  using namespace net::experimental::awaitable_operators;
  auto two = value_after(2ms, 2);
  auto three = value_after(1ms, 3);
  const auto [a, b] = co_await (std::move(two) && std::move(three));
  HERE();
  WANT(a == 2 && b == 3);
  auto slow = value_after(1h, 7);
  auto fast = pause(1ms);
  const auto first = co_await (std::move(slow) || std::move(fast));
  HERE();
  WANT(first.index() == 1);
  ++done;
}

}  // namespace

NET_CASE("a channel hands values from one coroutine to another, with and without room") {
  hand_over<Channel>(d);
  hand_over<ConcurrentChannel>(d);
}

NET_CASE("a channel between a pool and the context loses nothing") {
  net::io_context io;
  net::thread_pool pool(1);
  Channel channel(io, 4);
  int sum = 0;
  bool closed = false;
  net::co_spawn(pool, produce_there(io, channel, 500), asio_cases::rethrow);
  net::co_spawn(io, consume(d, channel, sum, closed), asio_cases::rethrow);
  std::optional guard(net::make_work_guard(io));
  net::steady_timer timer(io);
  std::function<void(net_error_code)> look = [&](net_error_code) {
    if (closed) return guard.reset();
    timer.expires_after(500us);
    timer.async_wait(look);
  };
  look({});
  d.drive(io);
  pool.join();
  WANT(sum == 125'250);
}

NET_CASE("a group of operations waits for all, or for one and cancels the rest") {
  net::io_context io;
  net::steady_timer soon(io, 1ms), later(io, 3ms), hour(io, 1h);
  int all = 0, one = 0;
  using namespace net::experimental;
  make_parallel_group([&](auto token) { return soon.async_wait(token); },
                      [&](auto token) { return later.async_wait(token); })
      .async_wait(wait_for_all(), [&](std::array<std::size_t, 2> order, net_error_code a, net_error_code b) {
        HERE();
        WANT(order[0] == 0 && order[1] == 1);
        WANT(!a && !b);
        ++all;
        soon.expires_after(1ms);
        make_parallel_group([&](auto token) { return hour.async_wait(token); },
                            [&](auto token) { return soon.async_wait(token); })
            .async_wait(wait_for_one(), [&](std::array<std::size_t, 2> order, net_error_code a, net_error_code b) {
              HERE();
              WANT(order[0] == 1);
              WANT(a == net::error::operation_aborted && !b);
              ++one;
            });
      });
  d.drive(io);
  WANT(all == 1);
  WANT(one == 1);
}

NET_CASE("awaitables are awaited both at once, or whichever comes first") {
  net::io_context io;
  int done = 0;
  for (int i = 0; i < 5; ++i) net::co_spawn(io, both_and_either(d, done), asio_cases::rethrow);
  d.drive(io);
  WANT(done == 5);
}

NET_CASE("a chain of deferred operations runs in its order") {
  net::io_context io;
  net::steady_timer first(io, 1ms), second(io, 2ms);
  int ended = 0;
  auto chain = first.async_wait(deferred([&](net_error_code error) {
    HERE();
    WANT(!error);
    ++ended;
    return second.async_wait(deferred);
  }));
  std::move(chain)([&](net_error_code error) {
    HERE();
    WANT(!error);
    WANT(ended == 1);
    ++ended;
  });
  d.drive(io);
  WANT(ended == 2);
}
