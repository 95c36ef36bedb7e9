// UDP: datagrams there and back, connected sockets, cancelling.
#include "../case.hpp"

#include NET_HEADER(awaitable.hpp)
#include NET_HEADER(co_spawn.hpp)
#include NET_HEADER(ip/udp.hpp)
#include NET_HEADER(steady_timer.hpp)
#include NET_HEADER(use_awaitable.hpp)

#include <unistd.h>

#include <array>
#include <string>

namespace {

using asio_cases::Driver;
using net::awaitable;
using net::use_awaitable;
using net::ip::udp;

udp::endpoint here() { return {net::ip::address_v4::loopback(), 0}; }

awaitable<void> answer(Driver& d, udp::socket& socket, int rounds) {
  std::array<char, 64> bytes;
  for (int i = 0; i < rounds; ++i) {
    udp::endpoint from;
    const std::size_t n = co_await socket.async_receive_from(net::buffer(bytes), from, use_awaitable);
    HERE();
    co_await socket.async_send_to(net::buffer(bytes, n), from, use_awaitable);
  }
}

awaitable<void> ask(Driver& d, udp::socket& socket, udp::endpoint server, int rounds, int& answered) {
  std::array<char, 64> bytes;
  for (int i = 0; i < rounds; ++i) {
    const std::string said = "datagram " + std::to_string(i);
    co_await socket.async_send_to(net::buffer(said), server, use_awaitable);
    udp::endpoint from;
    const std::size_t n = co_await socket.async_receive_from(net::buffer(bytes), from, use_awaitable);
    HERE();
    WANT(from == server);
    if (WANT(std::string(bytes.data(), n) == said)) ++answered;
  }
}

}  // namespace

NET_CASE("datagrams go there and come back") {
  net::io_context io;
  udp::socket server(io, here()), client(io, here());
  int answered = 0;
  net::co_spawn(io, answer(d, server, 30), asio_cases::rethrow);
  net::co_spawn(io, ask(d, client, server.local_endpoint(), 30, answered), asio_cases::rethrow);
  d.drive(io);
  WANT(answered == 30);
}

NET_CASE("a connected datagram socket hears that nobody is there") {
  net::io_context io;
  // An address of this process's own: elsewhere the number might be given out anew, even to the socket below.
  const net::ip::address_v4 own(0x7f000002u | (static_cast<unsigned>(::getpid()) & 0xffffu) << 8);
  udp::endpoint nobody;
  {
    udp::socket gone(io, udp::endpoint(own, 0));
    nobody = gone.local_endpoint();
  }
  udp::socket socket(io, here());
  socket.connect(nobody);
  socket.send(net::buffer("x", 1));
  char byte = 0;
  bool refused = false;
  socket.async_receive(net::buffer(&byte, 1), [&](net_error_code error, std::size_t) {
    HERE();
    refused = error == net::error::connection_refused;
  });
  d.drive(io);
  WANT(refused);
}

NET_CASE("an empty datagram is a datagram") {
  net::io_context io;
  udp::socket server(io, here()), client(io, here());
  char byte = 0;
  udp::endpoint from;
  bool came = false;
  server.async_receive_from(net::buffer(&byte, 1), from, [&](net_error_code error, std::size_t n) {
    HERE();
    came = !error && n == 0 && from == client.local_endpoint();
  });
  client.async_send_to(net::buffer(&byte, 0), server.local_endpoint(), [&](net_error_code error, std::size_t) {
    WANT(!error);
  });
  d.drive(io);
  WANT(came);
}

NET_CASE("cancel() ends what waits for a datagram, and the socket lives on") {
  net::io_context io;
  udp::socket server(io, here()), client(io, here());
  char byte = 0;
  udp::endpoint from;
  bool aborted = false, came = false;
  server.async_receive_from(net::buffer(&byte, 1), from, [&](net_error_code error, std::size_t) {
    HERE();
    aborted = error == net::error::operation_aborted;
    server.async_receive_from(net::buffer(&byte, 1), from, [&](net_error_code error, std::size_t) {
      came = !error && byte == 'y';
    });
    client.send_to(net::buffer("y", 1), server.local_endpoint());
  });
  net::steady_timer timer(io, std::chrono::milliseconds(1));
  timer.async_wait([&](net_error_code) { server.cancel(); });
  d.drive(io);
  WANT(aborted);
  WANT(came);
}
