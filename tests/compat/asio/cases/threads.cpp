// Threads of Asio's own, and futures that the loop's thread waits for.
#include "../case.hpp"

#include NET_HEADER(executor_work_guard.hpp)
#include NET_HEADER(ip/udp.hpp)
#include NET_HEADER(local/connect_pair.hpp)
#include NET_HEADER(local/stream_protocol.hpp)
#include NET_HEADER(post.hpp)
#include NET_HEADER(steady_timer.hpp)
#include NET_HEADER(strand.hpp)
#include NET_HEADER(system_context.hpp)
#include NET_HEADER(system_executor.hpp)
#include NET_HEADER(thread_pool.hpp)
#include NET_HEADER(use_future.hpp)

#include <tau/rt/task.h>

#include <atomic>
#include <future>
#include <optional>
#include <random>
#include <thread>

using namespace std::chrono_literals;

NET_CASE("a thread_pool runs what is posted to it, and join() suspends only its caller") {
  net::thread_pool pool(3);
  std::atomic<int> ran{0}, on_loop{0};
  for (int i = 0; i < 300; ++i) {
    net::post(pool, [&] {
      ++ran;
      on_loop += tau_on_loop_thread();
      if (ran % 100 == 0) std::this_thread::sleep_for(2ms);
    });
  }
  d.run().tick(d.run().runner);
  net::post(pool, [] { std::this_thread::sleep_for(15ms); });
  pool.join();
  WANT(ran == 300);
  WANT(on_loop == 0);
  WANT(d.run().longest_gap_ns(d.run().runner) < 10'000'000);
}

NET_CASE("work goes from the context to a pool and back again") {
  net::io_context io;
  net::thread_pool pool(2);
  std::optional guard(net::make_work_guard(io));
  int back = 0;
  for (int i = 0; i < 100; ++i) {
    net::post(pool, [&, i] {
      d.want(!tau_on_loop_thread(), "the pool's thread", __FILE__, __LINE__);
      net::post(io, [&, i] {
        HERE();
        back += i;
        if (back == 4950) guard.reset();
      });
    });
  }
  d.drive(io);
  pool.join();
  WANT(back == 4950);
}

NET_CASE("timers and sockets of a pool work while the loop does something else") {
  net::thread_pool pool(2);
  net::steady_timer timer(pool, 2ms);
  net::ip::udp::socket left(pool, {net::ip::address_v4::loopback(), 0}), right(pool, left.local_endpoint().protocol());
  std::atomic<int> done{0};
  char byte = 0;
  left.async_receive(net::buffer(&byte, 1), [&](net_error_code error, std::size_t) { done += !error; });
  timer.async_wait([&](net_error_code error) {
    done += !error;
    right.send_to(net::buffer("x", 1), left.local_endpoint());
  });
  net::io_context io;
  net::steady_timer meanwhile(io, 1ms);
  meanwhile.async_wait([&](net_error_code) { HERE(); });
  d.drive(io);
  pool.join();
  WANT(done == 2);
}

NET_CASE("a future is waited for on the loop's thread while another thread runs the context") {
  net::io_context io;
  std::optional guard(net::make_work_guard(io));
  std::thread runner([&] { io.run(); });
  d.run().tick(d.run().runner);
  net::steady_timer timer(io, 15ms);
  std::future<void> expired = timer.async_wait(net::use_future);
  expired.get();
  std::future<int> value = net::post(io, net::use_future([] { return 42; }));
  WANT(value.get() == 42);
  std::future<void> never = [&] {
    timer.expires_after(1h);
    return timer.async_wait(net::use_future);
  }();
  WANT(never.wait_for(2ms) == std::future_status::timeout);
  net::post(io, [&] { timer.cancel(); });
  bool threw = false;
  try {
    never.get();
  } catch (const net_system_error& e) {
    threw = e.code() == net::error::operation_aborted;
  }
  WANT(threw);
  WANT(d.run().longest_gap_ns(d.run().runner) < 10'000'000);
  guard.reset();
  runner.join();
}

NET_CASE("a future of the context is waited for on another thread") {
  net::io_context io;
  net::steady_timer timer(io, 2ms);
  std::future<void> expired = timer.async_wait(net::use_future);
  std::thread waiter([&] { expired.get(); });
  d.drive(io);
  waiter.join();
  WANT(!expired.valid());
}

NET_CASE("the system's executor runs what is posted to it, on its own threads", lasting) {
  std::promise<bool> promise;
  std::future<bool> elsewhere = promise.get_future();
  net::post(net::system_executor(), [&] { promise.set_value(!tau_on_loop_thread()); });
  WANT(elsewhere.get());
  // Its threads end with the program, or when they are asked to.
  asio_cases::at_destroy([] {
    net::system_context& context = net::query(net::system_executor(), net::execution::context);
    context.stop();
    context.join();
  });
}

NET_CASE("a thread runs a context a random while later, and the loop's thread runs none of its handlers", on_request) {
  std::minstd_rand random(d.run().seed);
  for (long i = 0; i < d.run().argument; ++i) {
    net::io_context io;
    net::local::stream_protocol::socket left(io), right(io);
    net::local::connect_pair(left, right);
    net::steady_timer timer(io, std::chrono::microseconds(random() % 500));
    std::atomic<int> ran{0}, on_loop{0};
    const auto seen = [&] {
      ++ran;
      on_loop += tau_on_loop_thread();
    };
    char byte = 0;
    right.async_read_some(net::buffer(&byte, 1), [&](net_error_code, std::size_t) {
      seen();
      net::post(io, seen);
    });
    timer.async_wait([&](net_error_code) { seen(); });
    net::post(io, seen);
    std::optional guard(net::make_work_guard(io));
    const std::chrono::microseconds delay(random() % 3 == 0 ? 0 : random() % 1500);
    std::thread thread([&io, delay] {
      if (delay.count() != 0) std::this_thread::sleep_for(delay);
      io.run();
    });
    // Meanwhile the loop has the descriptors, is told of events, and has another context to run.
    left.send(net::buffer("x", 1));
    net::io_context other;
    net::steady_timer soon(other, std::chrono::microseconds(random() % 1000));
    soon.async_wait([&](net_error_code) { d.want(tau_on_loop_thread(), "the loop's thread", __FILE__, __LINE__); });
    net::post(net::make_strand(io), seen);
    other.run();
    guard.reset();
    thread.join();
    WANT(ran == 5);
    WANT(on_loop == 0);
  }
}
