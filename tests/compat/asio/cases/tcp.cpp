// TCP: coroutines, callbacks, lines, half-closed connections, many clients and much data.
#include "../case.hpp"

#include NET_HEADER(awaitable.hpp)
#include NET_HEADER(buffer.hpp)
#include NET_HEADER(co_spawn.hpp)
#include NET_HEADER(connect.hpp)
#include NET_HEADER(ip/tcp.hpp)
#include NET_HEADER(read.hpp)
#include NET_HEADER(read_until.hpp)
#include NET_HEADER(redirect_error.hpp)
#include NET_HEADER(steady_timer.hpp)
#include NET_HEADER(use_awaitable.hpp)
#include NET_HEADER(write.hpp)
#if NET_DEFERRED_IS_STABLE
#include NET_HEADER(deferred.hpp)
#else
#include NET_HEADER(experimental/deferred.hpp)
#endif

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace {

using asio_cases::Driver;
using net::awaitable;
using net::use_awaitable;
using net::ip::tcp;

#if NET_DEFERRED_IS_STABLE
constexpr auto& deferred = net::deferred;
#else
constexpr auto& deferred = net::experimental::deferred;
#endif

tcp::endpoint here() { return {net::ip::address_v4::loopback(), 0}; }

/// Two ends of one connection.
struct Pair {
  explicit Pair(net::io_context& io) : left(io), right(io) {
    tcp::acceptor acceptor(io, here());
    left.connect(acceptor.local_endpoint());
    acceptor.accept(right);
  }
  tcp::socket left, right;
};

awaitable<void> echo(Driver& d, tcp::socket socket) {
  std::array<char, 512> bytes;
  for (;;) {
    net_error_code error;
    const std::size_t n =
        co_await socket.async_read_some(net::buffer(bytes), net::redirect_error(use_awaitable, error));
    HERE();
    if (error) {
      WANT(error == net::error::eof);
      co_return;
    }
    co_await net::async_write(socket, net::buffer(bytes, n), use_awaitable);
  }
}

awaitable<void> serve(Driver& d, tcp::acceptor& acceptor, int clients) {
  for (int i = 0; i < clients; ++i) {
    tcp::socket socket = co_await acceptor.async_accept(use_awaitable);
    HERE();
    net::co_spawn(acceptor.get_executor(), echo(d, std::move(socket)), asio_cases::rethrow);
  }
}

awaitable<void> ask(Driver& d, tcp::endpoint server, int id, int rounds, int& answered) {
  tcp::socket socket(co_await net::this_coro::executor);
  co_await socket.async_connect(server, use_awaitable);
  for (int i = 0; i < rounds; ++i) {
    const std::string said = "client " + std::to_string(id) + " says " + std::to_string(i);
    std::string heard(said.size(), '\0');
    co_await net::async_write(socket, net::buffer(said), use_awaitable);
    co_await net::async_read(socket, net::buffer(heard), use_awaitable);
    HERE();
    WANT(heard == said);
  }
  ++answered;
}

}  // namespace

NET_CASE("an echo server of coroutines answers one client") {
  net::io_context io;
  tcp::acceptor acceptor(io, here());
  int answered = 0;
  net::co_spawn(io, serve(d, acceptor, 1), asio_cases::rethrow);
  net::co_spawn(io, ask(d, acceptor.local_endpoint(), 0, 50, answered), asio_cases::rethrow);
  d.drive(io);
  WANT(answered == 1);
}

NET_CASE("an echo server of coroutines answers 50 clients at once") {
  net::io_context io;
  tcp::acceptor acceptor(io, here());
  int answered = 0;
  net::co_spawn(io, serve(d, acceptor, 50), asio_cases::rethrow);
  for (int i = 0; i < 50; ++i) {
    net::co_spawn(io, ask(d, acceptor.local_endpoint(), i, 4, answered), asio_cases::rethrow);
  }
  d.drive(io);
  WANT(answered == 50);
}

NET_CASE("a server whose context is polled by another context talks to a client there") {
  net::io_context servers, clients;
  tcp::acceptor acceptor(servers, here());
  int answered = 0;
  net::co_spawn(servers, serve(d, acceptor, 1), asio_cases::rethrow);
  net::co_spawn(clients, ask(d, acceptor.local_endpoint(), 0, 3, answered), asio_cases::rethrow);
  net::steady_timer timer(clients);
  std::function<void(net_error_code)> turn = [&](net_error_code error) {
    if (error) return;
    servers.poll();
    if (answered != 0 && servers.stopped()) return;
    timer.expires_after(std::chrono::microseconds(300));
    timer.async_wait(turn);
  };
  turn({});
  d.drive(clients);
  WANT(answered == 1);
  WANT(servers.stopped());
}

NET_CASE("four megabytes pass in one write, both ways") {
  net::io_context io;
  Pair pair(io);
  const std::string sent(4 << 20, 'x');
  std::string left(sent.size(), '\0'), right(sent.size(), '\0');
  int done = 0;
  auto ended = [&](net_error_code error, std::size_t n) {
    HERE();
    WANT(!error && n == sent.size());
    ++done;
  };
  net::async_write(pair.left, net::buffer(sent), ended);
  net::async_write(pair.right, net::buffer(sent), ended);
  net::async_read(pair.left, net::buffer(left), ended);
  net::async_read(pair.right, net::buffer(right), ended);
  d.drive(io);
  WANT(done == 4);
  WANT(left == sent);
  WANT(right == sent);
}

NET_CASE("read_until takes lines that come in pieces") {
  net::io_context io;
  Pair pair(io);
  std::string buffer;
  std::vector<std::string> lines;
  std::function<void()> next = [&] {
    net::async_read_until(pair.right, net::dynamic_buffer(buffer), '\n', [&](net_error_code error, std::size_t n) {
      HERE();
      if (error) {
        WANT(error == net::error::eof);
        WANT(buffer == "rest");
        return;
      }
      lines.push_back(buffer.substr(0, n - 1));
      buffer.erase(0, n);
      next();
    });
  };
  next();
  const std::vector<std::string> pieces{"on", "e\ntwo\nth", "ree", "\nrest"};
  std::size_t i = 0;
  net::steady_timer timer(io);
  std::function<void()> send = [&] {
    if (i == pieces.size()) return pair.left.close();
    net::async_write(pair.left, net::buffer(pieces[i++]), [&](net_error_code error, std::size_t) {
      HERE();
      WANT(!error);
      timer.expires_after(std::chrono::milliseconds(1));
      timer.async_wait([&](net_error_code) { send(); });
    });
  };
  send();
  d.drive(io);
  WANT(lines == std::vector<std::string>{"one", "two", "three"});
}

NET_CASE("who has closed its half still hears the answer") {
  net::io_context io;
  Pair pair(io);
  std::string question, answer;
  net::async_read(pair.right, net::dynamic_buffer(question), [&](net_error_code error, std::size_t) {
    HERE();
    WANT(error == net::error::eof);
    net::async_write(pair.right, net::buffer("answer", 6), [&](net_error_code, std::size_t) { pair.right.close(); });
  });
  net::async_write(pair.left, net::buffer("question", 8), [&](net_error_code, std::size_t) {
    pair.left.shutdown(tcp::socket::shutdown_send);
    net::async_read(pair.left, net::dynamic_buffer(answer), [&](net_error_code error, std::size_t) {
      HERE();
      WANT(error == net::error::eof);
    });
  });
  d.drive(io);
  WANT(question == "question");
  WANT(answer == "answer");
}

NET_CASE("a connection that nobody accepts is refused") {
  net::io_context io;
  tcp::endpoint nobody;
  {
    tcp::acceptor acceptor(io, here());
    nobody = acceptor.local_endpoint();
  }
  tcp::socket socket(io);
  bool refused = false;
  socket.async_connect(nobody, [&](net_error_code error) {
    HERE();
    refused = error == net::error::connection_refused;
  });
  d.drive(io);
  WANT(refused);
}

NET_CASE("closing a socket ends its reads and writes with operation_aborted") {
  net::io_context io;
  Pair pair(io);
  char byte = 0;
  int aborted = 0;
  pair.left.async_read_some(net::buffer(&byte, 1), [&](net_error_code error, std::size_t) {
    HERE();
    if (error == net::error::operation_aborted) ++aborted;
  });
  tcp::acceptor acceptor(io, here());
  acceptor.async_accept([&](net_error_code error, tcp::socket) {
    HERE();
    if (error == net::error::operation_aborted) ++aborted;
  });
  net::steady_timer timer(io, std::chrono::milliseconds(1));
  timer.async_wait([&](net_error_code) {
    pair.left.close();
    acceptor.cancel();
  });
  d.drive(io);
  WANT(aborted == 2);
}

NET_CASE("a deferred operation begins when it is called") {
  net::io_context io;
  Pair pair(io);
  auto write = net::async_write(pair.left, net::buffer("x", 1), deferred);
  char byte = 0;
  bool written = false, read = false;
  pair.right.async_read_some(net::buffer(&byte, 1), [&](net_error_code error, std::size_t) {
    HERE();
    WANT(!error);
    WANT(written);
    read = true;
  });
  net::steady_timer timer(io, std::chrono::milliseconds(2));
  timer.async_wait([&](net_error_code) {
    WANT(!read);
    written = true;
    std::move(write)([&](net_error_code error, std::size_t) { WANT(!error); });
  });
  d.drive(io);
  WANT(read);
  WANT(byte == 'x');
}

NET_CASE("waiting for a socket to be readable or writable transfers nothing") {
  net::io_context io;
  Pair pair(io);
  int told = 0;
  pair.left.async_wait(tcp::socket::wait_write, [&](net_error_code error) {
    HERE();
    WANT(!error);
    ++told;
    pair.left.send(net::buffer("x", 1));
  });
  pair.right.async_wait(tcp::socket::wait_read, [&](net_error_code error) {
    HERE();
    WANT(!error);
    WANT(pair.right.available() == 1);
    ++told;
  });
  d.drive(io);
  WANT(told == 2);
}
