// The resolver: it asks on a thread of its own, which the context joins.
#include "../case.hpp"

#include NET_HEADER(awaitable.hpp)
#include NET_HEADER(co_spawn.hpp)
#include NET_HEADER(connect.hpp)
#include NET_HEADER(ip/tcp.hpp)
#include NET_HEADER(ip/udp.hpp)
#include NET_HEADER(use_awaitable.hpp)

#include <string>

namespace {

using asio_cases::Driver;
using net::awaitable;
using net::use_awaitable;
using net::ip::tcp;

awaitable<void> connect_by_name(Driver& d, std::string port, bool& connected) {
  tcp::resolver resolver(co_await net::this_coro::executor);
  auto found = co_await resolver.async_resolve("localhost", port, tcp::resolver::numeric_service, use_awaitable);
  HERE();
  WANT(!found.empty());
  tcp::socket socket(co_await net::this_coro::executor);
  const tcp::endpoint peer = co_await net::async_connect(socket, found, use_awaitable);
  HERE();
  connected = peer.address().is_loopback();
}

}  // namespace

NET_CASE("localhost is resolved and connected to") {
  net::io_context io;
  tcp::acceptor acceptor(io, {net::ip::address_v4::loopback(), 0});
  bool connected = false;
  acceptor.async_accept([&](net_error_code error, tcp::socket) {
    HERE();
    WANT(!error);
  });
  net::co_spawn(io, connect_by_name(d, std::to_string(acceptor.local_endpoint().port()), connected),
                asio_cases::rethrow);
  d.drive(io);
  WANT(connected);
}

NET_CASE("a name that is no address is refused where only numbers may be") {
  net::io_context io;
  tcp::resolver resolver(io);
  bool refused = false;
  resolver.async_resolve("not-a-number", "80", tcp::resolver::numeric_host | tcp::resolver::numeric_service,
                         [&](net_error_code error, tcp::resolver::results_type found) {
                           HERE();
                           refused = error == net::error::host_not_found && found.empty();
                         });
  d.drive(io);
  WANT(refused);
}

NET_CASE("an address is turned into a name, and a cancelled question says so or is answered") {
  net::io_context io;
  net::ip::udp::resolver resolver(io), hasty(io);
  int answered = 0;
  resolver.async_resolve(net::ip::udp::endpoint(net::ip::address_v4::loopback(), 53),
                         [&](net_error_code error, net::ip::udp::resolver::results_type found) {
                           HERE();
                           answered += !error && found.size() == 1;
                         });
  hasty.async_resolve("127.0.0.1", "1", [&](net_error_code error, net::ip::udp::resolver::results_type) {
    answered += !error || error == net::error::operation_aborted;
  });
  hasty.cancel();
  d.drive(io);
  WANT(answered == 2);
}
