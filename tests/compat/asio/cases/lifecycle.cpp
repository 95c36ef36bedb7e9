// A context's life: stopping, throwing, being run within a handler, working without pause.
#include "../case.hpp"

#include NET_HEADER(executor_work_guard.hpp)
#include NET_HEADER(local/connect_pair.hpp)
#include NET_HEADER(local/stream_protocol.hpp)
#include NET_HEADER(post.hpp)
#include NET_HEADER(read.hpp)
#include NET_HEADER(steady_timer.hpp)

#include <tau/fiber.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using Clock = std::chrono::steady_clock;
using asio_cases::Way;
using namespace std::chrono_literals;

NET_CASE("what a handler throws comes out of run(), and the next run() goes on behind it") {
  net::io_context io;
  net::steady_timer timer(io, 1ms);
  std::string order;
  net::post(io, [&] { order += "a"; });
  net::post(io, [&] {
    HERE();
    throw std::runtime_error("thrown");
  });
  net::post(io, [&] { order += "b"; });
  timer.async_wait([&](net_error_code) {
    order += "t";
    throw 7;
  });
  int caught = 0;
  for (int i = 0; i < 2; ++i) {
    try {
      d.drive(io);
    } catch (const std::runtime_error& e) {
      caught += std::string(e.what()) == "thrown";
    } catch (int number) {
      caught += number;
    }
    if (i == 0) WANT(!io.stopped());
  }
  WANT(caught == 8);
  WANT(io.stopped());  // that was the last work there was
  d.drive(io);
  WANT(order == "abt");
}

NET_CASE("a stopped context keeps what is left for after restart()") {
  net::io_context io;
  net::steady_timer timer(io, 2ms);
  std::string order;
  net::post(io, [&] {
    HERE();
    order += "1";
    io.stop();
  });
  net::post(io, [&] { order += "2"; });
  timer.async_wait([&](net_error_code error) { order += error ? "x" : "t"; });
  d.drive(io);
  WANT(order == "1");
  WANT(io.stopped());
  d.drive(io);
  WANT(order == "1");
  io.restart();
  d.drive(io);
  WANT(order == "12t");
}

NET_CASE("another thread stops a context that has an hour to wait") {
  net::io_context io;
  net::steady_timer hour(io, 1h);
  hour.async_wait([&](net_error_code) {});
  std::thread other([&] {
    std::this_thread::sleep_for(3ms);
    io.stop();
  });
  d.drive(io);
  other.join();
  WANT(io.stopped());
}

NET_CASE("run_for() returns early when nothing is left, and late enough when something is") {
  net::io_context io;
  net::steady_timer timer(io, 2ms);
  timer.async_wait([&](net_error_code) { HERE(); });
  const auto begin = Clock::now();
  d.drive(io);
  if (d.way() == Way::thread) return;  // this stack is the loop's
  io.restart();
  timer.expires_after(1ms);
  timer.async_wait([&](net_error_code) {});
  WANT(io.run_for(1h) == 1);
  WANT(Clock::now() - begin < 10min);
  io.restart();
  timer.expires_after(1h);
  timer.async_wait([&](net_error_code) {});
  const auto again = Clock::now();
  WANT(io.run_for(5ms) == 0);
  WANT(Clock::now() - again >= 5ms);
  WANT(!io.stopped());
  WANT(io.run_one_for(2ms) == 0);
  timer.cancel();
  WANT(io.run() == 1);
}

NET_CASE("a context that a handler runs does not re-enter the outer one, and a sibling goes on") {
  net::io_context outer;
  int outer_handlers = 0, inner_handlers = 0;
  bool inside = false;
  std::atomic<int> sibling_handlers = 0;  // on the loop's thread, which need not be the driver's
  std::atomic<bool> over = false, sibling_ended = false;
  tau::fiber::spawn([&] {
    net::io_context io;
    net::steady_timer timer(io);
    std::function<void(net_error_code)> tick = [&](net_error_code) {
      if (++sibling_handlers >= 5 && over) return;
      timer.expires_after(1ms);
      timer.async_wait(tick);
    };
    tick({});
    io.run();
    sibling_ended = true;
  }).detach();
  const bool sibling_goes_on = d.way() != Way::thread;  // there the handler holds up a thread, and the loop is free
  net::steady_timer in_outer(outer, 1ms);
  in_outer.async_wait([&](net_error_code) {
    WANT(!inside);
    ++outer_handlers;
  });
  net::post(outer, [&] {
    HERE();
    inside = true;
    const int before = sibling_handlers;
    net::io_context inner;
    net::steady_timer timer(inner, 20ms);
    int looks = 0;
    // A loop that was kept from its processor has both due at once.
    std::function<void(net_error_code)> look = [&](net_error_code error) {
      WANT(!error);
      if (!sibling_goes_on || sibling_handlers > before || ++looks == 100) {
        ++inner_handlers;
        return;
      }
      timer.expires_after(20ms);
      timer.async_wait(look);
    };
    timer.async_wait(look);
    inner.run();
    if (sibling_goes_on) WANT(sibling_handlers > before);
    inside = false;
    ++outer_handlers;
  });
  net::post(outer, [&] {
    WANT(!inside);
    ++outer_handlers;
  });
  d.drive(outer);
  WANT(outer_handlers == 3);
  WANT(inner_handlers == 1);
  over = true;
  while (!sibling_ended) std::this_thread::sleep_for(1ms);
}

NET_CASE("five contexts on stacks of their own end when each one's time is over") {
  std::vector<int> ended;
  int running = 5;
  for (const int ms : {20, 8, 12, 2, 5}) {
    tau::fiber::spawn([&, ms] {
      net::io_context io;
      net::steady_timer timer(io, std::chrono::milliseconds(ms));
      timer.async_wait([&](net_error_code) { ended.push_back(ms); });
      io.run();
      --running;
    }).detach();
  }
  net::io_context io;
  net::steady_timer timer(io);
  std::function<void(net_error_code)> look = [&](net_error_code) {
    if (running == 0) return;
    timer.expires_after(1ms);
    timer.async_wait(look);
  };
  look({});
  if (d.way() == Way::thread) {
    while (running != 0) std::this_thread::sleep_for(1ms);  // the counter is this thread's
  }
  d.drive(io);
  WANT(ended.size() == 5);
}

/// Of the loop's work: 5 ms, a millisecond for the timer, and what this build adds. What the system does on the thread's
/// account counts as well, so once out of three is enough.
static void want_nobody_starved(asio_cases::Driver& d, const std::function<void()>& play) {
  std::uint64_t gap_ns = 0;
  for (int attempt = 0; attempt < 3; ++attempt) {
    play();
    gap_ns = d.run().longest_gap_ns(d.run().runner);
    if (gap_ns < 8'000'000) break;
  }
  WANT(gap_ns < 8'000'000);
}

NET_CASE("a handler that posts itself, with a descriptor watched, starves nobody") {
  if (d.way() == Way::thread) return;
  want_nobody_starved(d, [&] {
    net::io_context io;
    net::local::stream_protocol::socket left(io), right(io);
    net::local::connect_pair(left, right);
    char byte = 0;
    right.async_read_some(net::buffer(&byte, 1), [&](net_error_code, std::size_t) {});
    const auto end = Clock::now() + 100ms;
    long posted = 0;
    std::function<void()> again = [&] {
      ++posted;
      if (Clock::now() < end) return net::post(io, again);
      right.close();
    };
    net::post(io, again);
    d.run().tick(d.run().runner);
    d.drive(io);
    WANT(posted > 100);
  });
}

// Not played: such a context makes no call at all that could be suspended, as long as it has neither a timer nor a
// descriptor and its handlers never end. It holds up the loop as a task does that never awaits; so it does in a thread.
NET_CASE("a handler that posts itself, with nothing watched, starves nobody", on_request) {
  net::io_context io;
  const auto end = Clock::now() + 100ms;
  std::function<void()> again = [&] {
    if (Clock::now() < end) net::post(io, again);
  };
  net::post(io, again);
  d.run().tick(d.run().runner);
  d.drive(io);
  WANT(d.run().longest_gap_ns(d.run().runner) < 8'000'000);
}

NET_CASE("a handler of a context that a thread has run before posts itself on the loop's thread, and starves nobody") {
  if (d.way() == Way::thread) return;
  want_nobody_starved(d, [&] {
    net::io_context io;
    net::steady_timer hour(io, 1h), soon(io, 1ms);
    hour.async_wait([](net_error_code) {});
    soon.async_wait([&](net_error_code) { io.stop(); });
    std::thread([&] { io.run(); }).join();
    io.restart();
    const auto end = Clock::now() + 50ms;
    std::function<void()> again = [&] {
      if (Clock::now() < end) return net::post(io, again);
      hour.cancel();
    };
    net::post(io, again);
    d.run().tick(d.run().runner);
    d.drive(io);
  });
}

NET_CASE("a context that a thread has run before is run on the loop's thread, and the other way round") {
  if (d.way() == Way::thread) return;
  net::io_context io;
  net::local::stream_protocol::socket left(io), right(io);
  net::local::connect_pair(left, right);
  int read = 0;
  char byte = 0;
  for (int i = 0; i < 6; ++i) {
    right.async_read_some(net::buffer(&byte, 1), [&](net_error_code error, std::size_t) { read += !error; });
    net::steady_timer timer(io, 1ms);
    timer.async_wait([&](net_error_code) { left.send(net::buffer("x", 1)); });
    if (i % 2 == 0) {
      std::thread([&] { io.run(); }).join();
    } else {
      d.drive(io);
    }
    io.restart();
  }
  WANT(read == 6);
}

NET_CASE("a context is destroyed with everything still waiting in it") {
  auto alive = std::make_shared<int>();
  {
    net::io_context io;
    std::vector<std::unique_ptr<net::local::stream_protocol::socket>> sockets;
    std::vector<std::unique_ptr<net::steady_timer>> timers;
    static char bytes[200];
    for (int i = 0; i < 100; ++i) {
      auto left = std::make_unique<net::local::stream_protocol::socket>(io);
      auto right = std::make_unique<net::local::stream_protocol::socket>(io);
      net::local::connect_pair(*left, *right);
      left->async_read_some(net::buffer(&bytes[i], 1), [alive](net_error_code, std::size_t) {});
      sockets.push_back(std::move(left));
      sockets.push_back(std::move(right));
      timers.push_back(std::make_unique<net::steady_timer>(io, 1h));
      timers.back()->async_wait([alive](net_error_code) {});
      net::post(io, [alive] {});
    }
    net::steady_timer timer(io, 1ms);
    timer.async_wait([&](net_error_code) { io.stop(); });
    d.drive(io);
    net::post(io, [alive] {});
  }
  WANT(alive.use_count() == 1);
}
