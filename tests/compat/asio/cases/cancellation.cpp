// Cancelling one operation by its slot, and coroutines that are told to stop.
#include "../case.hpp"

#include NET_HEADER(awaitable.hpp)
#include NET_HEADER(bind_cancellation_slot.hpp)
#include NET_HEADER(buffer.hpp)
#include NET_HEADER(cancellation_signal.hpp)
#include NET_HEADER(co_spawn.hpp)
#include NET_HEADER(local/connect_pair.hpp)
#include NET_HEADER(local/stream_protocol.hpp)
#include NET_HEADER(read.hpp)
#include NET_HEADER(steady_timer.hpp)
#include NET_HEADER(use_awaitable.hpp)
#include NET_HEADER(write.hpp)

#include <memory>
#include <vector>

namespace {

using asio_cases::Driver;
using net::awaitable;
using net::use_awaitable;
using namespace std::chrono_literals;

struct Counted {
  explicit Counted(int& alive) : alive(alive) { ++alive; }
  ~Counted() { --alive; }
  int& alive;
};

awaitable<void> sleep_for_an_hour(int& alive) {
  const Counted counted(alive);
  net::steady_timer timer(co_await net::this_coro::executor, 1h);
  co_await timer.async_wait(use_awaitable);
}

awaitable<void> deep(int depth, int& alive) {
  const Counted counted(alive);
  if (depth == 0) {
    co_await sleep_for_an_hour(alive);
  } else {
    co_await deep(depth - 1, alive);
  }
}

}  // namespace

NET_CASE("one of two reads is cancelled by its slot, the other is not") {
  net::io_context io;
  net::local::stream_protocol::socket left(io), right(io);
  net::local::connect_pair(left, right);
  net::cancellation_signal signal;
  net::steady_timer timer(io, 1ms), hour(io, 1h);
  int aborted = 0, read = 0;
  char byte = 0;
  hour.async_wait(net::bind_cancellation_slot(signal.slot(), [&](net_error_code error) {
    HERE();
    aborted += error == net::error::operation_aborted;
    left.send(net::buffer("x", 1));
  }));
  right.async_read_some(net::buffer(&byte, 1), [&](net_error_code error, std::size_t) {
    HERE();
    read += !error;
  });
  timer.async_wait([&](net_error_code) { signal.emit(net::cancellation_type::total); });
  d.drive(io);
  WANT(aborted == 1);
  WANT(read == 1);
}

NET_CASE("a composed read is cancelled, and its descriptor reads on") {
  net::io_context io;
  net::local::stream_protocol::socket left(io), right(io);
  net::local::connect_pair(left, right);
  net::cancellation_signal signal;
  char bytes[8] = {};
  std::size_t read = 0;
  bool aborted = false;
  net::async_read(right, net::buffer(bytes),
                  net::bind_cancellation_slot(signal.slot(), [&](net_error_code error, std::size_t n) {
                    HERE();
                    aborted = error == net::error::operation_aborted;
                    read = n;
                    net::async_read(right, net::buffer(bytes, 2), [&](net_error_code error, std::size_t n) {
                      HERE();
                      WANT(!error);
                      read += n;
                    });
                    left.send(net::buffer("de", 2));
                  }));
  left.send(net::buffer("abc", 3));
  net::steady_timer timer(io, 2ms);
  timer.async_wait([&](net_error_code) { signal.emit(net::cancellation_type::partial); });
  d.drive(io);
  WANT(aborted);
  WANT(read == 5);
}

NET_CASE("a spawned coroutine ten deep is cancelled by its slot") {
  net::io_context io;
  net::cancellation_signal signal;
  int alive = 0;
  bool told = false;
  net::co_spawn(io, deep(10, alive), net::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr thrown) {
                  HERE();
                  try {
                    if (thrown) std::rethrow_exception(thrown);
                  } catch (const net_system_error& e) {
                    told = e.code() == net::error::operation_aborted;
                  }
                }));
  net::steady_timer timer(io, 1ms);
  timer.async_wait([&](net_error_code) {
    WANT(alive == 12);
    signal.emit(net::cancellation_type::all);
  });
  d.drive(io);
  WANT(told);
  WANT(alive == 0);
}

NET_CASE("a hundred coroutines that wait for an hour are destroyed with their context") {
  int alive = 0;
  {
    net::io_context io;
    for (int i = 0; i < 100; ++i) net::co_spawn(io, deep(3, alive), asio_cases::rethrow);
    net::steady_timer timer(io, 1ms);
    timer.async_wait([&](net_error_code) { io.stop(); });
    d.drive(io);
    WANT(alive == 500);
  }
  WANT(alive == 0);
}
