// From names to addresses, and what becomes of a resolver that hangs.
#include <tau/net/lookup.hpp>
#include <tau/net/tcp_listener.hpp>
#include <tau/net/tcp_stream.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "support/gated_resolver.hpp"
#include "support/io_fixture.hpp"

using namespace std::chrono_literals;
using namespace tau;

namespace {

struct Lookups : test::IoFixture {
  ~Lookups() { rest(); }
  /// Until no thread is in the resolver.
  void rest() {
    run_until([&] { return runtime.resolver.asked() == 0; });
  }
  /// What comes of a name, in words.
  static Task<std::string> look_up(std::string name) {
    auto found = co_await net::lookup_host(std::move(name), 81);
    co_return found ? found->front().to_string() : found.error().message();
  }
};

}  // namespace

TEST_CASE_FIXTURE(Lookups, "numbers are looked up without a thread, names with one") {
  auto numbers = []() -> Task<> {
    for (const char* text : {"127.0.0.1", "::1", "[::1]", "fe80::1%1"}) {
      INFO(text);
      auto found = co_await net::lookup_host(text, 80);
      REQUIRE(found);
      CHECK(found->size() == 1);
      CHECK(found->front().port() == 80);
    }
    auto nothing = co_await net::lookup_host("", 80);
    CHECK(nothing.error() == Errc::invalid);
    const std::string cut("local\0host", 10);
    auto other = co_await net::lookup_host(cut, 80);
    CHECK(other.error() == Errc::invalid);
  };
  complete(numbers());
  CHECK(runtime.pool.threads() == 0);
  auto handle = spawn([]() -> Task<bool> {
    auto found = co_await net::lookup_host("localhost", 81);
    co_return found && found->front().ip().is_loopback() && found->front().port() == 81;
  }());
  settle();
  run_until([&] { return handle.is_finished(); });
  CHECK(**handle.try_join());
}

TEST_CASE_FIXTURE(Lookups, "a name's addresses come with the port, and no such name is an error") {
  test::GatedResolver names(runtime.resolver);
  names.open();
  CHECK(complete(look_up("somebody")) == "192.0.2.1:81");
  CHECK(complete(look_up("nobody")) == Error(Errc::not_found).message());
}

TEST_CASE_FIXTURE(Lookups, "a lookup that is cancelled is forgotten, whatever its thread does") {
  for (int i = 0; i < 20; ++i) {
    auto handle = spawn([]() -> Task<> {
      auto found = co_await net::lookup_host("localhost", 1);
      FAIL("went on: " << found.has_value());
    }());
    // Its first turn only: so it waits.
    while (plugin.lookups == 0) runtime.turn(false);
    handle.abort();
    settle();
    CHECK(plugin.live_tasks == 0);
    CHECK(plugin.lookups == 0);
  }
}

TEST_CASE_FIXTURE(Lookups, "an answer that came and was not taken is given up with its list") {
  test::GatedResolver names(runtime.resolver);
  names.open();
  auto handle = spawn([]() -> Task<> {
    auto found = co_await net::lookup_host("somebody", 1);
    FAIL("went on: " << found.has_value());
  }());
  settle();
  while (!runtime.remote.pending()) std::this_thread::yield();
  // The answer comes at the beginning of a turn, and the task is dropped later in that turn.
  handle.abort();
  runtime.turn(false);
  CHECK(plugin.live_tasks == 0);
  CHECK(plugin.lookups == 0);
}

TEST_CASE_FIXTURE(Lookups, "a timeout ends a lookup that hangs") {
  test::GatedResolver names(runtime.resolver);
  auto handle = spawn([]() -> Task<bool> {
    auto found = co_await timeout(2s, net::lookup_host("hangs", 80));
    co_return !found && found.error() == Errc::timed_out;
  }());
  settle();
  names.await_inside(1);
  advance(2001ms);
  REQUIRE(handle.is_finished());
  CHECK(**handle.try_join());
  CHECK(plugin.lookups == 0);
  CHECK(names.inside() == 1);
}

TEST_CASE_FIXTURE(Lookups, "a plugin is unloaded while its names hang, and the other's lookup goes on") {
  test::GatedResolver names(runtime.resolver);
  auto theirs = as_other([] { return spawn(look_up("theirs")); });
  auto connects = as_other([] { return spawn([]() -> Task<> {
    auto stream = co_await net::TcpStream::connect("also.theirs:80");
    FAIL("went on: " << stream.has_value());
  }()); });
  auto ours = spawn(look_up("ours"));
  settle();
  names.await_inside(1);
  unload_other();
  check_empty(other);
  CHECK(names.inside() == 1);
  CHECK_FALSE(ours.is_finished());
  names.open();
  run_until([&] { return ours.is_finished(); });
  CHECK(**ours.try_join() == "192.0.2.1:81");
}

TEST_CASE_FIXTURE(Lookups, "connecting by name asks the host's resolver") {
  auto listener = net::TcpListener::bind("127.0.0.1:0");
  static std::string asked;
  asked.clear();
  runtime.resolver.function = [](const char* host, const char*, const addrinfo* hints, addrinfo** found) {
    asked = host;
    return ::getaddrinfo("127.0.0.1", nullptr, hints, found);
  };
  auto connects = [](std::string to) -> Task<bool> {
    auto stream = co_await net::TcpStream::connect(std::move(to));
    co_return stream.has_value();
  };
  CHECK(complete(connects("a.name:" + std::to_string(listener->local_address()->port()))));
  CHECK(asked == "a.name");
  runtime.resolver.function = &::getaddrinfo;
}
