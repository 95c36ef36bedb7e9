// Post, dispatch, defer and strands: what runs when, and never two at once.
#include "../case.hpp"

#include NET_HEADER(bind_executor.hpp)
#include NET_HEADER(defer.hpp)
#include NET_HEADER(dispatch.hpp)
#include NET_HEADER(executor_work_guard.hpp)
#include NET_HEADER(io_context.hpp)
#include NET_HEADER(post.hpp)
#include NET_HEADER(steady_timer.hpp)
#include NET_HEADER(strand.hpp)

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

NET_CASE("dispatch runs within a handler, post and defer after it, in order") {
  net::io_context io;
  std::string order;
  net::post(io, [&] {
    HERE();
    net::post(io, [&] { order += "p"; });
    net::defer(io, [&] { order += "d"; });
    net::dispatch(io, [&] { order += "n"; });
    net::post(io, [&] { order += "q"; });
    order += "e";
  });
  d.drive(io);
  WANT(order == "nepdq" || order == "nepqd");  // a deferred one may wait in the thread's own queue
  io.restart();
  order.clear();
  net::dispatch(io, [&] { order += "later"; });  // outside of run() it is posted
  WANT(order.empty());
  d.drive(io);
  WANT(order == "later");
}

NET_CASE("a strand keeps the order of what is posted to it") {
  net::io_context io;
  auto strand = net::make_strand(io);
  std::vector<int> order;
  for (int i = 0; i < 1000; ++i) {
    net::post(strand, [&, i] {
      HERE();
      WANT(strand.running_in_this_thread());
      order.push_back(i);
    });
  }
  d.drive(io);
  WANT(order.size() == 1000);
  WANT(std::is_sorted(order.begin(), order.end()));
  WANT(!strand.running_in_this_thread());
}

NET_CASE("two strands of one context take turns and know themselves apart") {
  net::io_context io;
  auto a = net::make_strand(io), b = net::make_strand(io);
  int wrong = 0, ran = 0;
  for (int i = 0; i < 100; ++i) {
    net::post(a, [&] {
      HERE();
      wrong += !a.running_in_this_thread() + b.running_in_this_thread();
      net::dispatch(b, [&] {
        wrong += !b.running_in_this_thread();
        ++ran;
      });
    });
  }
  d.drive(io);
  WANT(ran == 100);
  WANT(wrong == 0);
}

NET_CASE("a strand that four threads feed runs one handler at a time and loses none") {
  net::io_context io;
  auto strand = net::make_strand(io);
  constexpr int each = 500;
  int ran = 0, inside = 0, overlaps = 0, disorder = 0;
  int last[4] = {-1, -1, -1, -1};
  std::optional guard(net::make_work_guard(io));
  std::atomic<int> feeding{4};
  std::vector<std::thread> feeders;
  for (int t = 0; t < 4; ++t) {
    feeders.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        net::post(strand, [&, t, i] {
          HERE();
          if (inside++ != 0) ++overlaps;
          if (last[t] >= i) ++disorder;
          last[t] = i;
          ++ran;
          --inside;
        });
        if (i % 100 == 99) std::this_thread::sleep_for(100us);
      }
      if (--feeding == 0) net::post(io, [&] { guard.reset(); });
    });
  }
  d.drive(io);
  for (std::thread& feeder : feeders) feeder.join();
  WANT(ran == 4 * each);
  WANT(overlaps == 0);
  WANT(disorder == 0);
}

NET_CASE("a context that waits for work from another thread, with no reactor yet, gets it") {
  net::io_context io;
  std::optional guard(net::make_work_guard(io));
  bool ran = false;
  std::thread other([&] {
    std::this_thread::sleep_for(3ms);
    net::post(io, [&] {
      HERE();
      ran = true;
      guard.reset();
    });
  });
  d.drive(io);
  other.join();
  WANT(ran);
}

NET_CASE("handlers that are bound to a strand run there") {
  net::io_context io;
  auto strand = net::make_strand(io);
  net::steady_timer a(io, 1ms), b(io, 1ms);
  int ran = 0;
  for (net::steady_timer* timer : {&a, &b}) {
    timer->async_wait(net::bind_executor(strand, [&](net_error_code error) {
      HERE();
      WANT(!error);
      WANT(strand.running_in_this_thread());
      ++ran;
    }));
  }
  d.drive(io);
  WANT(ran == 2);
}

NET_CASE("a context run by two threads at once runs every handler once") {
  net::io_context io;
  std::atomic<int> ran{0};
  for (int i = 0; i < 2000; ++i) net::post(io, [&] { ++ran; });
  net::steady_timer timer(io, 2ms);
  timer.async_wait([&](net_error_code) { ++ran; });
  std::thread other([&] { io.run(); });
  d.drive(io);
  other.join();
  WANT(ran == 2001);
}
