// context() and run(): contexts that the host runs.
#include "support.hpp"

#include NET_HEADER(awaitable.hpp)
#include NET_HEADER(co_spawn.hpp)
#include NET_HEADER(detached.hpp)
#include NET_HEADER(post.hpp)
#include NET_HEADER(steady_timer.hpp)
#include NET_HEADER(use_awaitable.hpp)
#include NET_HEADER(use_future.hpp)

#include <atomic>
#include <future>
#include <optional>
#include <stdexcept>
#include <thread>

namespace {

using namespace asio_cases;
using bridge::use_task;
using namespace std::chrono_literals;

// What context() opens lasts as long as the plugin; cases begin when it is there.
const AtBegin there([] {
  net::steady_timer timer(bridge::context(), 1ms);
  timer.async_wait(net::use_future).get();
});

bool has(const std::string& text, const char* part) { return text.find(part) != text.npos; }

}  // namespace

BRIDGE_CASE("the plugin's context runs what any thread posts, on the loop's thread") {
  std::atomic<int> ran{0}, elsewhere{0};
  const auto work = [&] {
    for (int i = 0; i < 100; ++i) {
      net::post(bridge::context(), [&] {
        ++ran;
        elsewhere += !tau_on_loop_thread();
      });
    }
  };
  work();
  std::thread(work).join();
  while (ran < 200) co_await nap();
  WANT(elsewhere == 0);
}

BRIDGE_CASE("what a handler of the plugin's context throws is told as the plugin's, and the next one runs") {
  (void)d.run().said(d.run().runner);
  int ran = 0;
  net::post(bridge::context(), [] { throw std::runtime_error("bad luck"); });
  net::post(bridge::context(), [&] { ++ran; });
  net::post(bridge::context(), [] { throw 7; });
  net::post(bridge::context(), [&] { ++ran; });
  for (int i = 0; i < 100 && ran < 2; ++i) co_await nap();
  WANT(ran == 2);
  const std::string said = d.run().said(d.run().runner);
  WANT(has(said, "_bridge] a handler threw: bad luck\n"));
  WANT(has(said, "_bridge] a handler threw what is no std::exception\n"));
}

BRIDGE_CASE("a coroutine that nobody awaits may throw, too") {
  (void)d.run().said(d.run().runner);
  auto throws = []() -> net::awaitable<void> {
    throw std::runtime_error("nobody listens");
    co_return;
  };
  net::co_spawn(bridge::context(), throws(), rethrow);
  std::string said;
  for (int i = 0; i < 100 && said.empty(); ++i) {
    co_await nap();
    said = d.run().said(d.run().runner);
  }
  WANT(has(said, "a handler threw: nobody listens"));
}

BRIDGE_CASE("a context is run until it is out of work, and again until it is stopped") {
  net::io_context io;
  int ended = 0;
  net::steady_timer timer(io, 1ms);
  timer.async_wait([&](net_error_code) { ++ended; });
  co_await bridge::run(io);
  WANT(ended == 1);
  WANT(io.stopped());
  io.restart();
  timer.expires_after(1h);
  timer.async_wait([&](net_error_code error) { ended += !!error; });
  auto running = tau::spawn(bridge::run(io));
  co_await nap();
  WANT(ended == 1);
  io.stop();
  WANT((co_await running).has_value());
  WANT(ended == 1);
}

BRIDGE_CASE("ten contexts are run at once and end in the order in which they are stopped") {
  std::vector<std::unique_ptr<net::io_context>> contexts;
  std::vector<std::unique_ptr<net::steady_timer>> hours;
  std::vector<tau::JoinHandle<void>> all;
  std::string order;
  auto one = [](net::io_context& io, std::string& order, char name) -> tau::Task<void> {
    co_await bridge::run(io);
    order += name;
  };
  for (int i = 0; i < 10; ++i) {
    contexts.push_back(std::make_unique<net::io_context>());
    hours.push_back(std::make_unique<net::steady_timer>(*contexts.back(), 1h));
    hours.back()->async_wait([](net_error_code) {});
    all.push_back(tau::spawn(one(*contexts.back(), order, static_cast<char>('0' + i))));
  }
  co_await nap();
  for (const int i : {5, 0, 9, 4, 6, 1, 8, 3, 7, 2}) {
    contexts[static_cast<std::size_t>(i)]->stop();
    WANT((co_await all[static_cast<std::size_t>(i)]).has_value());
  }
  WANT(order == "5094618372");
}

BRIDGE_CASE("a handler that throws does not end run()") {
  (void)d.run().said(d.run().runner);
  net::io_context io;
  int ran = 0;
  for (int i = 0; i < 5; ++i) {
    net::post(io, [&] {
      ++ran;
      throw std::runtime_error("each time");
    });
  }
  co_await bridge::run(io);
  WANT(ran == 5);
  WANT(has(d.run().said(d.run().runner), "a handler threw: each time"));
}

BRIDGE_CASE("what a handler throws comes out of a run() that one calls oneself") {
  net::io_context io;
  net::post(io, [] { throw std::runtime_error("out of run()"); });
  std::string text;
  try {
    io.run();
  } catch (const std::runtime_error& e) {
    text = e.what();
  }
  WANT(text == "out of run()");
  co_return;
}

BRIDGE_CASE("an aborted task leaves run(), also out of a handler that waits, and says nothing") {
  (void)d.run().said(d.run().runner);
  for (const bool in_handler : {false, true}) {
    net::io_context io;
    net::steady_timer timer(io, 1h);
    timer.async_wait([alive = Alive(d.run())](net_error_code) {});
    if (in_handler) {
      net::post(io, [&] {
        const Alive alive(d.run());
        std::this_thread::sleep_for(1h);
      });
    }
    auto running = tau::spawn(bridge::run(io));
    co_await nap();
    WANT(d.run().alive == (in_handler ? 2 : 1));
    running.abort();
    WANT((co_await running).error() == tau::Errc::canceled);
    WANT(d.run().alive == 1);
    // What is left may be run by somebody else.
    timer.cancel();
    io.restart();
    WANT(io.poll() == 1);
  }
  WANT(d.run().alive == 0);
  WANT(d.run().said(d.run().runner) == "");
}

NET_CASE("the plugin's context is refused to a thread that is the first to ask for it", on_request) {
  std::string text;
  std::thread([&] {
    try {
      bridge::context();
    } catch (const std::logic_error& e) {
      text = e.what();
    }
  }).join();
  WANT(has(text, "context(): "));
  // Asked for here, it is everybody's.
  bool ran = false;
  bridge::context();
  std::thread([&] { net::post(bridge::context(), net::use_future([&] { ran = true; })).get(); }).join();
  WANT(ran);
}

BRIDGE_CASE("the plugin's context can be stopped, which ends it", on_request) {
  bool ran = false;
  net::steady_timer timer(bridge::context(), 1ms);
  co_await timer.async_wait(use_task);
  bridge::context().stop();
  co_await nap();
  net::post(bridge::context(), [&, alive = Alive(d.run())] { ran = true; });
  co_await nap();
  WANT(!ran);
}
