// What is unloaded in the middle: a context that waits for an hour with everything in it that Asio has.
#include "../case.hpp"

#include NET_HEADER(awaitable.hpp)
#include NET_HEADER(bind_executor.hpp)
#include NET_HEADER(buffer.hpp)
#include NET_HEADER(co_spawn.hpp)
#include NET_HEADER(ip/tcp.hpp)
#include NET_HEADER(ip/udp.hpp)
#include NET_HEADER(local/connect_pair.hpp)
#include NET_HEADER(local/stream_protocol.hpp)
#include NET_HEADER(post.hpp)
#include NET_HEADER(signal_set.hpp)
#include NET_HEADER(steady_timer.hpp)
#include NET_HEADER(strand.hpp)
#include NET_HEADER(use_awaitable.hpp)

#include <tau/fiber.hpp>

#include <signal.h>

#include <memory>
#include <vector>

namespace {

using net::awaitable;
using net::use_awaitable;
using net::local::stream_protocol;
using namespace std::chrono_literals;

awaitable<void> read_for_ever(stream_protocol::socket& socket) {
  char byte = 0;
  for (;;) co_await socket.async_read_some(net::buffer(&byte, 1), use_awaitable);
}

}  // namespace

NET_CASE("waits for an hour amid a thousand operations", on_request) {
  net::io_context io;
  std::vector<std::unique_ptr<stream_protocol::socket>> sockets;
  std::vector<std::unique_ptr<net::steady_timer>> timers;
  for (int i = 0; i < 200; ++i) {
    for (int end = 0; end < 2; ++end) sockets.push_back(std::make_unique<stream_protocol::socket>(io));
    net::local::connect_pair(*sockets.back(), *sockets[sockets.size() - 2]);
    for (int end = 0; end < 2; ++end) {
      net::co_spawn(io, read_for_ever(*sockets[sockets.size() - 1 - static_cast<std::size_t>(end)]),
                    asio_cases::rethrow);
    }
    timers.push_back(std::make_unique<net::steady_timer>(io, 1h));
    timers.back()->async_wait(net::bind_executor(net::make_strand(io), [kept = std::vector<int>(10)](net_error_code) {}));
  }
  net::ip::tcp::acceptor acceptor(io, {net::ip::address_v4::loopback(), 0});
  acceptor.async_accept([](net_error_code, net::ip::tcp::socket) {});
  net::ip::udp::socket udp(io, {net::ip::address_v4::loopback(), 0});
  udp.async_wait(net::ip::udp::socket::wait_read, [](net_error_code) {});
  net::signal_set signals(io, SIGUSR1);
  signals.async_wait([](net_error_code, int) {});
  // Its thread is joined by the context's destructor, which is run by the unwinding.
  net::ip::tcp::resolver resolver(io);
  resolver.async_resolve("127.0.0.1", "80", [](net_error_code, net::ip::tcp::resolver::results_type) {});
  d.run().waiting = true;
  d.drive(io);
  WANT(!"an hour is over");
}

NET_CASE("waits for an hour below a noexcept function", on_request) {
  net::io_context io;
  net::steady_timer timer(io, 1h);
  timer.async_wait([](net_error_code) {});
  d.run().waiting = true;
  [&]() noexcept { d.drive(io); }();
}

namespace {

/// A context with `size` operations of all kinds, none of which ends within an hour.
struct Operations {
  Operations(asio_cases::Run& run, int size) {
    for (int i = 0; i < size / 5; ++i) {
      for (int end = 0; end < 2; ++end) sockets.push_back(std::make_unique<stream_protocol::socket>(io));
      net::local::connect_pair(*sockets.back(), *sockets[sockets.size() - 2]);
      net::co_spawn(io, read_for_ever(*sockets.back()), asio_cases::rethrow);
    }
    for (int i = 0; i < size / 6; ++i) {
      const net::ip::tcp::endpoint any_port(net::ip::address_v4::loopback(), 0);
      acceptors.push_back(std::make_unique<net::ip::tcp::acceptor>(io, any_port));
      acceptors.back()->async_accept([kept = asio_cases::Alive(run)](net_error_code, net::ip::tcp::socket) {});
    }
    for (int i = 0; i < size / 50; ++i) {
      signals.push_back(std::make_unique<net::signal_set>(io, SIGUSR1));
      signals.back()->async_wait([kept = asio_cases::Alive(run)](net_error_code, int) {});
      resolver.async_resolve("127.0.0.1", "80", [kept = asio_cases::Alive(run)](net_error_code, auto) {});
    }
    while (static_cast<int>(timers.size()) < size - size / 5 - size / 6 - size / 50 * 2) {
      timers.push_back(std::make_unique<net::steady_timer>(io, 1h));
      timers.back()->async_wait([kept = asio_cases::Alive(run)](net_error_code) {});
    }
  }

  net::io_context io;
  std::vector<std::unique_ptr<stream_protocol::socket>> sockets;
  std::vector<std::unique_ptr<net::ip::tcp::acceptor>> acceptors;
  std::vector<std::unique_ptr<net::signal_set>> signals;
  std::vector<std::unique_ptr<net::steady_timer>> timers;
  net::ip::tcp::resolver resolver{io};
};

}  // namespace

NET_CASE("leaves a thousand operations behind, of which some are in a context that nobody destroys", on_request) {
  static asio_cases::Run not_counted;
  auto* lost = new Operations(not_counted, 200);
  d.run().lost = lost;
  lost->io.poll();
  for (int i = 0; i < 4; ++i) {
    tau::fiber::spawn([&run = d.run()] {
      Operations here(run, 50);
      here.io.run();
    }).detach();
  }
  Operations here(d.run(), 600);
  d.run().waiting = true;
  d.drive(here.io);
  WANT(!"an hour is over");
}
