// Several addresses for one connection.
#include <tau/net/tcp_listener.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/io_fixture.hpp"

using namespace std::chrono_literals;
using namespace tau;
using net::SocketAddress;
using net::TcpListener;
using net::TcpStream;

namespace {

struct Connects : test::IoFixture {
  /// A listener whose queue is full: who connects waits.
  struct Silent {
    explicit Silent(Connects& fixture) : listener(*TcpListener::bind("127.0.0.1:0", 0)) {
      address = *listener.local_address();
      // One more than the backlog is taken; the rest is dropped.
      fixture.complete([](SocketAddress to, std::vector<TcpStream>* fill) -> Task<> {
        auto stream = co_await TcpStream::connect(to);
        REQUIRE(stream);
        fill->push_back(std::move(*stream));
      }(address, &filling));
    }
    TcpListener listener;
    SocketAddress address;
    std::vector<TcpStream> filling;
  };
  static SocketAddress nobody() { return *TcpListener::bind("127.0.0.1:0")->local_address(); }

  template <class... Addresses>
  JoinHandle<std::string> connect(Addresses... addresses) {
    return spawn([](std::vector<SocketAddress> peers) -> Task<std::string> {
      auto stream = co_await TcpStream::connect_any(std::move(peers));
      co_return stream ? stream->peer_address()->to_string() : stream.error().message();
    }({addresses...}));
  }
};

}  // namespace

TEST_CASE_FIXTURE(Connects, "a failed address is followed by the next at once") {
  auto listener = TcpListener::bind("127.0.0.1:0");
  auto handle = connect(nobody(), nobody(), *listener->local_address());
  run_until([&] { return handle.is_finished(); });
  CHECK(**handle.try_join() == listener->local_address()->to_string());
  auto none = connect(nobody(), nobody());
  run_until([&] { return none.is_finished(); });
  CHECK(**none.try_join() == Error::system(ECONNREFUSED).message());
}

TEST_CASE_FIXTURE(
    Connects, "a silent address is followed by the next after 250 ms, and given up when that is connected") {
  Silent silent(*this), second(*this);
  auto listener = TcpListener::bind("127.0.0.1:0");
  auto handle = connect(silent.address, second.address, *listener->local_address());
  advance(249ms);
  CHECK(plugin.ios == 1);
  advance(2ms);
  CHECK(plugin.ios == 2);
  CHECK_FALSE(handle.is_finished());
  advance(250ms);
  run_until([&] { return handle.is_finished(); });
  CHECK(**handle.try_join() == listener->local_address()->to_string());
  CHECK(plugin.ios == 0);
  CHECK(plugin.timers == 0);
}

TEST_CASE_FIXTURE(Connects, "the last address is waited for, and cancelling withdraws all") {
  Silent silent(*this), second(*this);
  auto handle = connect(silent.address, second.address);
  advance(10s);
  CHECK(plugin.ios == 2);
  CHECK(plugin.timers == 0);
  handle.abort();
  settle();
  CHECK(plugin.ios == 0);
  auto early = connect(silent.address, second.address);
  advance(1ms);
  CHECK(plugin.timers == 1);
  early.abort();
  settle();
  CHECK(plugin.timers == 0);
}

TEST_CASE_FIXTURE(Connects, "a host and a port are taken apart") {
  auto listener = TcpListener::bind("127.0.0.1:0");
  const std::string port = std::to_string(listener->local_address()->port());
  auto connects = [&]() -> Task<> {
    for (const std::string& text : {"127.0.0.1:" + port, "localhost:" + port}) {
      auto stream = co_await TcpStream::connect(text);
      CHECK(stream);
    }
    for (const char* text : {"localhost", "localhost:", "localhost:99999", "::1:80", "localhost:http"}) {
      auto stream = co_await TcpStream::connect(std::string(text));
      CHECK(stream.error() == Errc::invalid);
    }
    auto by_parts = co_await TcpStream::connect("127.0.0.1", listener->local_address()->port());
    CHECK(by_parts);
  };
  complete(connects());
}
