// use_task: an operation of Asio's in a task.
#include "support.hpp"

#include NET_HEADER(buffer.hpp)
#include NET_HEADER(executor_work_guard.hpp)
#include NET_HEADER(ip/tcp.hpp)
#include NET_HEADER(local/connect_pair.hpp)
#include NET_HEADER(local/stream_protocol.hpp)
#include NET_HEADER(post.hpp)
#include NET_HEADER(read.hpp)
#include NET_HEADER(steady_timer.hpp)
#include NET_HEADER(write.hpp)

#include <tau/timeout.hpp>

#include <optional>
#include <stdexcept>
#include <thread>

namespace {

using namespace asio_cases;
using bridge::use_task;
using net::local::stream_protocol;
using namespace std::chrono_literals;

struct Pair {
  explicit Pair(net::io_context& io) : left(io), right(io) { net::local::connect_pair(left, right); }
  stream_protocol::socket left, right;
};

struct AtOnce {
  template <class Handler>
  void operator()(Handler&& handler, Alive alive) const {
    std::move(handler)(net_error_code(), 3, alive);
  }
};

struct Throws {
  template <class Handler>
  void operator()(Handler&&) const {
    throw std::runtime_error("cannot begin");
  }
};

}  // namespace

BRIDGE_CASE("an operation gives nothing, a value, or several, and throws its error") {
  auto& io = bridge::context();
  net::steady_timer timer(io, 1ms);
  co_await timer.async_wait(use_task);
  WANT(tau_on_loop_thread());

  Pair pair(io);
  char bytes[16] = {};
  const std::size_t written = co_await net::async_write(pair.left, net::buffer("hello", 5), use_task);
  WANT(written == 5);
  const std::size_t read = co_await pair.right.async_read_some(net::buffer(bytes), use_task);
  WANT(std::string(bytes, read) == "hello");
  pair.left.close();
  WANT(co_await error_of(net::async_read(pair.right, net::buffer(bytes), use_task)) == net::error::eof);

  Manual manual;
  net::post(io, [&] { manual.end({}, 7, "seven"); });
  const auto [number, text] = co_await manual.async_wait(use_task);
  WANT(number == 7);
  WANT(text == "seven");
  net::post(io, [&] { manual.end(net::error::access_denied, 0, ""); });
  WANT(co_await error_of(manual.async_wait(use_task)) == net::error::access_denied);
}

BRIDGE_CASE("names are resolved and connections made as in any coroutine") {
  net::io_context io;
  std::optional guard(net::make_work_guard(io));  // between two operations it has nothing to do
  auto running = tau::spawn(bridge::run(io));
  {
    net::ip::tcp::acceptor acceptor(io, {net::ip::address_v4::loopback(), 0});
    net::ip::tcp::resolver resolver(io);
    net::ip::tcp::socket client(io), server(io);
    const auto port = std::to_string(acceptor.local_endpoint().port());
    const auto found = co_await resolver.async_resolve("127.0.0.1", port, use_task);
    WANT(found.size() == 1);
    std::optional<net_error_code> accepted;
    acceptor.async_accept(server, [&](net_error_code error) { accepted = error; });
    const auto endpoint = found.begin()->endpoint();
    co_await client.async_connect(endpoint, use_task);
    while (!accepted) co_await nap();
    WANT(!*accepted);
    const std::size_t written = co_await net::async_write(client, net::buffer("x", 1), use_task);
    WANT(written == 1);
    char byte = 0;
    co_await net::async_read(server, net::buffer(&byte, 1), use_task);
    WANT(byte == 'x');
  }
  guard.reset();
  WANT((co_await running).has_value());
}

BRIDGE_CASE("an operation that is not awaited never begins") {
  net::io_context io;
  Manual manual;
  {
    auto never = manual.async_wait(use_task);
    auto moved = std::move(never);
  }
  WANT(manual.waiting.empty());
  co_return;
}

BRIDGE_CASE("an operation that ends while it begins resumes its task, and a chain of such starves nobody") {
  bool others_ran = false;
  tau::spawn([&]() -> tau::Task<void> {
    others_ran = true;
    co_return;
  }).detach();
  int sum = 0, ends = 0;
  for (; ends < 1000 && !others_ran; ++ends) {
    Alive alive(d.run());
    auto at_once =
        net::async_initiate<const bridge::use_task_t, void(net_error_code, int, Alive)>(AtOnce(), use_task, alive);
    const auto [number, same] = co_await std::move(at_once);
    sum += number;
  }
  WANT(sum == 3 * ends);
  WANT(others_ran);
  WANT(ends > 1);
}

BRIDGE_CASE("an aborted task cancels its operation, and what comes later is for others") {
  auto& io = bridge::context();
  Pair pair(io);
  for (const bool many : {false, true}) {
    auto reader = tau::spawn([&, alive = Alive(d.run())]() -> tau::Task<void> {
      char bytes[4];
      if (many) {
        co_await net::async_read(pair.right, net::buffer(bytes), use_task);
      } else {
        co_await pair.right.async_read_some(net::buffer(bytes), use_task);
      }
      WANT(!"read");
    });
    co_await nap();
    reader.abort();
    WANT((co_await reader).error() == tau::Errc::canceled);
    co_await net::async_write(pair.left, net::buffer("abcd", 4), use_task);
    char bytes[4];
    const std::size_t read = co_await net::async_read(pair.right, net::buffer(bytes), use_task);
    WANT(read == 4);
  }

  Manual manual;
  auto waits = tau::spawn([&]() -> tau::Task<void> {
    (void)co_await manual.async_wait(use_task);
    WANT(!"ended");
  });
  co_await nap();
  WANT(manual.waiting.size() == 1);
  waits.abort();
  co_await nap();
  WANT(manual.cancelled == 1);
  WANT(manual.how == net::cancellation_type::terminal);
  manual.end(net::error::operation_aborted, 0, "too late");  // of no interest any more
}

BRIDGE_CASE("an operation that has ended before its task was aborted is not cancelled any more") {
  Manual manual;
  bool resumed = false;
  auto waits = tau::spawn([&]() -> tau::Task<void> {
    (void)co_await manual.async_wait(use_task);
    resumed = true;
  });
  co_await nap();
  waits.abort();
  manual.end({}, 1, "in the same turn");
  co_await nap();
  WANT(!resumed);
  WANT(manual.cancelled == 0);
}

BRIDGE_CASE("a timeout ends an operation, and a shorter one does not") {
  auto& io = bridge::context();
  net::steady_timer timer(io, 1h);
  WANT((co_await tau::timeout(2ms, timer.async_wait(use_task))).error() == tau::Errc::timed_out);
  timer.expires_after(1ms);
  WANT((co_await tau::timeout(1h, timer.async_wait(use_task))).has_value());
}

BRIDGE_CASE("an operation whose context is destroyed ends as aborted") {
  std::optional<net::io_context> io(std::in_place);
  std::optional<net::steady_timer> timer(std::in_place, *io, 1h);
  net_error_code error;
  auto waits = tau::spawn([&]() -> tau::Task<void> { error = co_await error_of(timer->async_wait(use_task)); });
  co_await nap();
  // As a context does that is destroyed with a handler in its queue, the handler is never called.
  timer.reset();
  io.reset();
  WANT((co_await waits).has_value());
  WANT(error == net::error::operation_aborted);

  Manual manual;
  auto dropped = tau::spawn([&]() -> tau::Task<void> { error = co_await error_of(manual.async_wait(use_task)); });
  co_await nap();
  error = {};
  manual.waiting.clear();
  WANT((co_await dropped).has_value());
  WANT(error == net::error::operation_aborted);
}

BRIDGE_CASE("an exception while an operation begins is its task's") {
  std::string text;
  try {
    co_await net::async_initiate<const bridge::use_task_t, void(net_error_code)>(Throws(), use_task);
  } catch (const std::runtime_error& e) {
    text = e.what();
  }
  WANT(text == "cannot begin");
}

BRIDGE_CASE("operations of a context that a thread runs end on the loop's thread") {
  net::io_context io;
  std::optional guard(net::make_work_guard(io));
  std::thread thread([&] { io.run(); });
  for (int i = 0; i < 200; ++i) {
    net::steady_timer timer(io, std::chrono::microseconds(i % 5 * 20));
    co_await timer.async_wait(use_task);
    WANT(tau_on_loop_thread());
  }
  co_await net::post(io, use_task);
  WANT(tau_on_loop_thread());

  // The last reference goes where the context is destroyed: there, too, the task is told here.
  Manual manual;
  net_error_code error;
  auto waits = tau::spawn([&]() -> tau::Task<void> { error = co_await error_of(manual.async_wait(use_task)); });
  co_await nap();
  net::post(io, [&] { manual.waiting.clear(); });
  WANT((co_await waits).has_value());
  WANT(error == net::error::operation_aborted);
  guard.reset();
  thread.join();
}
