// Cancelling in every state, shortage of descriptors, unloading in the middle.
#include <tau/net/tcp_listener.hpp>
#include <tau/net/tcp_stream.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <string>
#include <vector>

#include "support/io_fixture.hpp"

using namespace std::chrono_literals;
using namespace tau;
using net::SocketAddress;
using net::TcpListener;
using net::TcpStream;
using test::pattern;

namespace {

struct Pair {
  TcpStream client, server;
};

struct Cancel : test::IoFixture {
  Pair connected() { return complete(make_pair()); }
  static Task<Pair> make_pair() {
    auto listener = TcpListener::bind(SocketAddress::v4_loopback(0));
    auto client = co_await TcpStream::connect(*listener->local_address());
    auto accepted = co_await listener->accept();
    REQUIRE(accepted);
    co_return Pair{std::move(*client), std::move(accepted->stream)};
  }
  void send(TcpStream& stream, const std::string& text) {
    REQUIRE(::send(stream.fd(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  }
  std::string receive(TcpStream& stream) {
    auto read = [&]() -> Task<std::string> {
      std::string text(64, '\0');
      auto count = co_await stream.read(text);
      text.resize(count.value_or(std::size_t{0}));
      co_return text;
    };
    return complete(read());
  }
  /// Turns the loop until the task was woken, and no further: it has not gone on yet.
  template <class T>
  void until_woken(const JoinHandle<T>& handle) {
    while (!(tau_task_state(handle.task_id()) & TAU_TASK_QUEUED)) runtime.reactor.poll(-1);
  }
};

Task<> read_into(TcpStream* stream, char* buffer, std::size_t size) {
  auto count = co_await stream->read(std::span(buffer, size));
  FAIL("went on after the abort: " << count.has_value());
}

Task<> read_exactly_into(TcpStream* stream, char* buffer, std::size_t size) {
  auto whole = co_await stream->read_exact(std::span(buffer, size));
  FAIL("went on after the abort: " << whole.has_value());
}

Task<> read_pieces_into(TcpStream* stream, char* buffer, std::size_t size) {
  const io::MutableBuffer pieces[] = {std::span(buffer, 2), std::span(buffer + 2, size - 2)};
  auto count = co_await stream->read_vectored(pieces);
  FAIL("went on after the abort: " << count.has_value());
}

}  // namespace

TEST_CASE_FIXTURE(Cancel, "a read that is cancelled while it waits is withdrawn") {
  auto pair = connected();
  char buffer[16];
  for (auto start : {read_into, read_exactly_into, read_pieces_into}) {
    auto handle = spawn(start(&pair.server, buffer, sizeof buffer));
    settle();
    CHECK(plugin.ios == 1);
    handle.abort();
    settle();
    CHECK(plugin.ios == 0);
    CHECK(plugin.live_tasks == 0);
  }
  send(pair.client, "for the next");
  CHECK(receive(pair.server) == "for the next");
}

TEST_CASE_FIXTURE(Cancel, "what a read had brought when it was cancelled is given to the next") {
  auto pair = connected();
  char buffer[8];
  for (auto start : {read_into, read_exactly_into, read_pieces_into}) {
    auto handle = spawn(start(&pair.server, buffer, sizeof buffer));
    settle();
    send(pair.client, "not lost");
    until_woken(handle);
    handle.abort();
    settle();
    CHECK(plugin.live_tasks == 0);
    char peeked[3];
    auto look = [&]() -> Task<std::size_t> {
      auto count = co_await pair.server.peek(peeked);
      co_return count.value_or(std::size_t{0});
    };
    CHECK(complete(look()) == 3);
    CHECK(std::string(peeked, 3) == "not");
    CHECK(receive(pair.server) == "not lost");
  }
}

TEST_CASE_FIXTURE(Cancel, "a read_exact that was cancelled half way gives back what it had") {
  auto pair = connected();
  char buffer[8];
  auto handle = spawn(read_exactly_into(&pair.server, buffer, sizeof buffer));
  settle();
  send(pair.client, "half");
  while (buffer[0] != 'h') runtime.turn(true);
  handle.abort();
  settle();
  send(pair.client, " and half");
  auto whole = [&]() -> Task<std::string> {
    std::string text(13, '\0');
    auto read = co_await pair.server.read_exact(text);
    CHECK(read);
    co_return text;
  };
  CHECK(complete(whole()) == "half and half");
}

TEST_CASE_FIXTURE(Cancel, "a write, a connect and an accept are cancelled while they wait") {
  auto pair = connected();
  const std::string much = pattern(8 << 20);
  auto writes = [&]() -> Task<> {
    auto written = co_await pair.client.write_all(much);
    FAIL("went on: " << written.has_value());
  };
  auto handle = spawn(writes);
  settle();
  CHECK(plugin.ios == 1);
  handle.abort();
  settle();
  CHECK(plugin.ios == 0);

  // A listener whose queue is full lets further connects wait.
  auto listener = TcpListener::bind("127.0.0.1:0", 0);
  REQUIRE(listener);
  std::vector<JoinHandle<void>> connects;
  auto connect = [](SocketAddress to) -> Task<> {
    auto stream = co_await TcpStream::connect(to);
    if (stream) co_await sleep(1h);
  };
  for (int i = 0; i < 4; ++i) connects.push_back(spawn(connect(*listener->local_address())));
  settle();
  CHECK(plugin.ios >= 1);
  for (auto& one : connects) one.abort();
  settle();
  CHECK(plugin.ios == 0);

  auto quiet = TcpListener::bind("127.0.0.1:0");
  auto accepts = [&]() -> Task<> {
    auto connection = co_await quiet->accept();
    FAIL("went on: " << connection.has_value());
  };
  auto waiting = spawn(accepts);
  settle();
  CHECK(plugin.ios == 1);
  waiting.abort();
  settle();
  CHECK(plugin.ios == 0);
}

TEST_CASE_FIXTURE(Cancel, "a connection whose accept was cancelled goes to the next") {
  auto listener = TcpListener::bind("127.0.0.1:0");
  const SocketAddress address = *listener->local_address();
  auto accepts = [&]() -> Task<SocketAddress> {
    auto connection = co_await listener->accept();
    REQUIRE(connection);
    co_return connection->peer;
  };
  // Connects without a turn of the loop.
  auto connect = [&] {
    sockaddr_storage storage;
    const socklen_t size = address.to_system(storage);
    detail::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(socket.fd(), reinterpret_cast<sockaddr*>(&storage), size) == 0);
    return socket;
  };
  for (bool another_waits : {false, true}) {
    auto first = spawn(accepts());
    settle();
    JoinHandle<SocketAddress> second;
    if (another_waits) {
      second = spawn(accepts());
      settle();
    }
    auto client = connect();
    until_woken(first);
    first.abort();
    settle();
    if (!another_waits) second = spawn(accepts());
    run_until([&] { return second.is_finished(); });
    CHECK(**second.try_join() == *detail::local_address(client.fd()));
  }
  // Dropped with the listener: the fixture counts descriptors.
  auto last = spawn(accepts());
  settle();
  auto client = connect();
  until_woken(last);
  last.abort();
  settle();
}

TEST_CASE_FIXTURE(Cancel,
                  "without a free descriptor accept waits longer and longer, and goes on when there is one") {
  auto listener = TcpListener::bind("127.0.0.1:0");
  REQUIRE(listener);
  auto socket = net::TcpSocket::v4();
  TcpStream client;
  auto connect = [&]() -> Task<> {
    auto connecting = std::move(*socket).connect(*listener->local_address());
    auto stream = co_await connecting;
    REQUIRE(stream);
    client = std::move(*stream);
  };
  complete(connect());
  rlimit before{}, none{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  none = before;
  none.rlim_cur = 0;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  bool accepted = false;
  auto accepts = [&]() -> Task<> {
    auto connection = co_await listener->accept();
    CHECK(connection);
    accepted = true;
  };
  auto handle = spawn(accepts);
  while (plugin.timers == 0) runtime.turn(true);
  CHECK(plugin.ios == 0);
  for (auto delay = 1ms; delay < 3s; delay *= 2) {
    advance(std::min(delay, std::chrono::milliseconds(1000)));
    CHECK(plugin.timers == 1);
  }
  CHECK_FALSE(accepted);
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  advance(1s);
  run_until([&] { return accepted; });
  CHECK(plugin.timers == 0);
}

TEST_CASE_FIXTURE(Cancel, "a timeout ends a read and the connection lives on") {
  auto pair = connected();
  auto waits = [&]() -> Task<> {
    char buffer[8];
    auto reads = [&]() -> Task<std::size_t> {
      auto count = co_await pair.server.read(buffer);
      co_return count.value_or(std::size_t{0});
    };
    auto timed = co_await timeout(50ms, reads());
    CHECK(timed.error() == Errc::timed_out);
  };
  auto handle = spawn(waits);
  advance(60ms);
  CHECK(handle.is_finished());
  send(pair.client, "late");
  CHECK(receive(pair.server) == "late");
}

TEST_CASE_FIXTURE(Cancel,
                  "a plugin that is unloaded in the middle of a transfer closes its end, the other goes on") {
  auto listener = TcpListener::bind("127.0.0.1:0");
  const SocketAddress address = *listener->local_address();
  const std::string chunk = pattern(64 << 10);
  auto floods = [](SocketAddress to, const std::string* bytes) -> Task<> {
    auto stream = co_await TcpStream::connect(to);
    REQUIRE(stream);
    for (;;) {
      auto written = co_await stream->write_all(*bytes);
      REQUIRE(written);
    }
  };
  as_other([&] {
    spawn(floods(address, &chunk)).detach();
    settle();
  });
  std::size_t total = 0;
  bool ended = false;
  auto drains = [&]() -> Task<> {
    auto connection = co_await listener->accept();
    REQUIRE(connection);
    std::vector<char> buffer(16 << 10);
    for (;;) {
      auto count = co_await connection->stream.read(buffer);
      if (!count || *count == 0) break;
      total += *count;
    }
    ended = true;
  };
  auto drain = spawn(drains);
  // The other's tasks are polled as the other.
  const tau_plugin* const mine = tau_module_owner;
  tau_module_owner = &other;
  while (other.ios == 0) runtime.turn(true);
  tau_module_owner = const_cast<tau_plugin*>(mine);
  CHECK(other.fds == 1);
  unload_other();
  check_empty(other);
  run_until([&] { return ended; });
  CHECK(total > 0);
  CHECK(drain.is_finished());
}
