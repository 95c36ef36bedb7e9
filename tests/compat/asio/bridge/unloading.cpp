// What is unloaded in the middle: everything that the bridge has, suspended.
#include "support.hpp"

#include NET_HEADER(awaitable.hpp)
#include NET_HEADER(bind_executor.hpp)
#include NET_HEADER(co_spawn.hpp)
#include NET_HEADER(detached.hpp)
#include NET_HEADER(executor_work_guard.hpp)
#include NET_HEADER(ip/tcp.hpp)
#include NET_HEADER(local/connect_pair.hpp)
#include NET_HEADER(local/stream_protocol.hpp)
#include NET_HEADER(post.hpp)
#include NET_HEADER(signal_set.hpp)
#include NET_HEADER(steady_timer.hpp)
#include NET_HEADER(strand.hpp)
#include NET_HEADER(use_awaitable.hpp)
#include NET_HEADER(use_future.hpp)

#include <signal.h>

#include <future>
#include <optional>
#include <thread>

namespace {

using namespace asio_cases;
using bridge::use_task;
using net::awaitable;
using net::use_awaitable;
using net::local::stream_protocol;
using namespace std::chrono_literals;

template <class Executor>
tau::Task<void> operation(Run& run, Executor executor) {
  const Alive alive(run);
  net::steady_timer timer(executor, 1h);
  co_await timer.async_wait(use_task);
}

tau::Task<void> reads(Run& run) {
  const Alive alive(run);
  stream_protocol::socket left(bridge::context()), right(bridge::context());
  net::local::connect_pair(left, right);
  char byte = 0;
  co_await left.async_read_some(net::buffer(&byte, 1), use_task);
}

tau::Task<void> signal(Run& run) {
  const Alive alive(run);
  net::signal_set signals(bridge::context(), SIGUSR1);
  (void)co_await signals.async_wait(use_task);
}

awaitable<void> for_an_hour(Run& run) {
  const Alive alive(run);
  net::steady_timer timer(co_await net::this_coro::executor, 1h);
  co_await timer.async_wait(use_awaitable);
}

tau::Task<void> awaits(Run& run) {
  const Alive alive(run);
  co_await bridge::await(for_an_hour(run));
}

tau::Task<int> hour(Run& run) {
  const Alive alive(run);
  co_await tau::sleep(1h);
  co_return 1;
}

awaitable<void> runs_a_task(Run& run) {
  const Alive alive(run);
  (void)co_await bridge::async_run(hour(run), use_awaitable);
}

tau::Task<void> context_of_its_own(Run& run) {
  net::io_context io;
  net::steady_timer timer(io, 1h);
  timer.async_wait([alive = Alive(run)](net_error_code) {});
  co_await bridge::run(io);
}

tau::Task<void> future(Run& run) {
  const Alive alive(run);
  (void)bridge::async_run(hour(run), net::use_future).get();
  co_return;
}

void suspend_everything(Run& run) {
  auto& io = bridge::context();
  for (int i = 0; i < 20; ++i) {
    tau::spawn(operation(run, io.get_executor())).detach();
    tau::spawn(operation(run, net::make_strand(io))).detach();
    tau::spawn(reads(run)).detach();
    tau::spawn(awaits(run)).detach();
    net::co_spawn(io, runs_a_task(run), net::detached);
    bridge::async_run(hour(run), [alive = Alive(run)](std::exception_ptr, int) {});
    tau::spawn(context_of_its_own(run)).detach();
    net::post(io, [alive = Alive(run)] {});
  }
  tau::spawn(signal(run)).detach();
  tau::spawn(future(run)).detach();
}

}  // namespace

BRIDGE_CASE("waits for an hour with everything suspended that the bridge has", on_request) {
  suspend_everything(d.run());
  co_await nap();
  co_await nap();
  d.run().waiting = true;
  co_await tau::sleep(1h);
}

BRIDGE_CASE("waits for an hour for operations of a context that a thread runs", on_request) {
  // The thread's, who is left without a chance to clean up: static objects' destructors find them.
  static std::optional<net::io_context> io;
  io.emplace();
  static std::thread thread;
  thread = std::thread([] {
    const auto guard = net::make_work_guard(*io);
    io->run();
  });
  at_destroy([] {
    io->stop();
    thread.join();
  });
  for (int i = 0; i < 20; ++i) {
    tau::spawn(operation(d.run(), io->get_executor())).detach();
    bridge::async_run(hour(d.run()), net::bind_executor(*io, [alive = Alive(d.run())](std::exception_ptr, int) {}));
  }
  co_await nap();
  co_await nap();
  d.run().waiting = true;
  co_await tau::sleep(1h);
}

BRIDGE_CASE("stops its own context at once and waits for an hour", on_request) {
  suspend_everything(d.run());
  bridge::context().stop();
  co_await nap();
  d.run().waiting = true;
  co_await tau::sleep(1h);
}
