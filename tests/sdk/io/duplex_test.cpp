// The connection in memory, and copying in both directions over it and over sockets.
#include <tau/io/buffered.hpp>
#include <tau/io/copy_bidirectional.hpp>
#include <tau/io/duplex.hpp>
#include <tau/io/lines.hpp>
#include <tau/io/split.hpp>
#include <tau/net/unix_stream.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/io_fixture.hpp"

using namespace tau;
using io::DuplexStream;
using test::pattern;

namespace {

using Fixture = test::IoFixture;

template <class S>
Task<> write_all_and_end(S* stream, std::string text) {
  auto written = co_await io::write_all(*stream, text);
  CHECK(written);
  auto ended = co_await io::shutdown(*stream);
  CHECK(ended);
}

template <class S>
Task<std::string> read_all(S* stream) {
  std::string text;
  auto count = co_await io::read_to_string(*stream, text);
  CHECK(count);
  co_return text;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a mebibyte goes through a duplex of seven bytes, in both directions") {
  auto [a, b] = io::duplex(7);
  const std::string there = pattern(1 << 18), back = pattern(100001);
  auto first = spawn(write_all_and_end(&a, there)), second = spawn(write_all_and_end(&b, back));
  auto got_back = spawn(read_all(&a)), got_there = spawn(read_all(&b));
  settle();
  REQUIRE(got_there.is_finished());
  CHECK(**got_there.try_join() == there);
  CHECK(**got_back.try_join() == back);
}

TEST_CASE_FIXTURE(Fixture, "a duplex whose other end is gone reads to the end, and does not take more") {
  auto ends = io::duplex(16);
  DuplexStream& a = ends.first;
  auto test = [&]() -> Task<> {
    {
      DuplexStream b = std::move(ends.second);
      CHECK((co_await b.write("last words")).has_value());
    }
    char buffer[32];
    CHECK(*co_await a.read(buffer) == 10);
    CHECK(*co_await a.read(buffer) == 0);
    auto written = co_await a.write("x");
    CHECK(written.error() == Error::system(EPIPE));
  };
  complete(test());
  // One who waits hears of it, too.
  auto waiting = io::duplex(4);
  auto writes = [](DuplexStream* stream) -> Task<int> {
    auto written = co_await io::write_all(*stream, "more than four");
    co_return written ? 0 : written.error().error_number();
  };
  auto handle = spawn(writes(&waiting.first));
  settle();
  CHECK_FALSE(handle.is_finished());
  { DuplexStream gone = std::move(waiting.second); }
  settle();
  CHECK(**handle.try_join() == EPIPE);
}

TEST_CASE_FIXTURE(Fixture, "cancelling either side of a duplex loses nothing, in each state") {
  auto [a, b] = io::duplex(4);
  char buffer[8];
  auto reads = [&, &b = b]() -> Task<> {
    auto count = co_await b.read(buffer);
    FAIL("went on: " << count.has_value());
  };
  auto second = [&, &b = b]() -> Task<> {
    auto count = co_await b.read(buffer);
    CHECK(count.error() == Errc::busy);
  };
  auto write = [](DuplexStream* to, std::string text) -> Task<> {
    auto written = co_await io::write_all(*to, text);
    CHECK(written);
  };
  auto handle = spawn(reads());
  settle();
  complete(second());
  handle.abort();
  settle();
  handle = spawn(reads());
  settle();
  // Woken by the write, and aborted before its turn.
  auto awaitable = a.write("kept");
  REQUIRE_FALSE(awaitable.await_ready());
  CHECK(*awaitable.await_resume() == 4);
  handle.abort();
  settle();
  auto stuck = spawn(write(&a, "gone"));
  settle();
  stuck.abort();
  settle();
  a.shutdown_write();
  settle();
  CHECK(complete(read_all(&b)) == "kept");
}

TEST_CASE_FIXTURE(Fixture, "halves of a split duplex end writing when the writing one is dropped") {
  auto [a, b] = io::duplex(64);
  auto [reads, writes] = io::split(std::move(a));
  CHECK(writes.is_pair_of(reads));
  auto test = [&, &b = b, &reads = reads, writer = std::move(writes)]() mutable -> Task<> {
    {
      auto mine = std::move(writer);
      CHECK((co_await io::write_all(mine, "done")).has_value());
    }
    CHECK(co_await read_all(&b) == "done");
    CHECK((co_await b.write("still open here")).has_value());
    b.shutdown_write();
    CHECK(co_await read_all(&reads) == "still open here");
  };
  complete(test());
  auto [c, d] = io::duplex(64);
  auto halves = io::split(std::move(c));
  auto whole = std::move(halves.second).unsplit(std::move(halves.first));
  auto again = [&, &d = d]() -> Task<> {
    CHECK((co_await whole.write("whole")).has_value());
    whole.shutdown_write();
    CHECK(co_await read_all(&d) == "whole");
  };
  complete(again());
}

TEST_CASE_FIXTURE(Fixture, "a proxy passes on half-closes and everything before them") {
  auto left = net::UnixStream::pair();
  auto right = io::duplex(100);
  const std::string request = pattern(300000), response = pattern(500000);
  auto proxies = [&]() -> Task<std::pair<std::uint64_t, std::uint64_t>> {
    auto counts = co_await io::copy_bidirectional(left->second, right.first);
    REQUIRE(counts);
    co_return *counts;
  };
  auto proxy = spawn(proxies());
  auto client = spawn(write_all_and_end(&left->first, request));
  // The server answers only once the request has ended.
  auto serves = [&]() -> Task<> {
    CHECK(co_await read_all(&right.second) == request);
    co_await write_all_and_end(&right.second, response);
  };
  auto server = spawn(serves());
  CHECK(complete(read_all(&left->first)) == response);
  run_until([&] { return proxy.is_finished(); });
  auto counts = **proxy.try_join();
  CHECK(counts.first == request.size());
  CHECK(counts.second == response.size());
}

TEST_CASE_FIXTURE(Fixture, "a proxy ends with the first error, and a cancelled one leaves nothing") {
  auto left = net::UnixStream::pair();
  auto right = net::UnixStream::pair();
  auto proxies = [&]() -> Task<int> {
    auto counts = co_await io::copy_bidirectional(left->second, right->first);
    co_return counts ? 0 : counts.error().error_number();
  };
  auto proxy = spawn(proxies());
  settle();
  CHECK(plugin.ios == 2);
  proxy.abort();
  settle();
  CHECK(plugin.ios == 0);
  proxy = spawn(proxies());
  settle();
  right->second.close();
  auto write = [&]() -> Task<> {
    Result<std::size_t> written = std::size_t{0};
    while (written && !proxy.is_finished()) {
      written = co_await left->first.write("x");
      co_await yield_now();
    }
  };
  complete(write());
  run_until([&] { return proxy.is_finished(); });
  CHECK(**proxy.try_join() == EPIPE);
}

TEST_CASE_FIXTURE(Fixture, "lines are talked over a duplex, each end buffered") {
  auto [a, b] = io::duplex(8);
  auto serves = [](DuplexStream* stream) -> Task<> {
    io::BufReader reader(io::by_ref(*stream));
    io::BufWriter writer(io::by_ref(*stream), 16);
    auto lines = io::lines(reader);
    for (;;) {
      auto line = co_await lines.next_line();
      REQUIRE(line);
      if (!*line) break;
      const std::string answer = "you said " + **line + "\r\n";
      CHECK((co_await io::write_all(writer, answer)).has_value());
      CHECK((co_await writer.flush()).has_value());
    }
    CHECK((co_await writer.shutdown()).has_value());
  };
  auto server = spawn(serves(&b));
  auto talks = [&, &a = a]() -> Task<> {
    CHECK((co_await io::write_all(a, "hello\nworld\n")).has_value());
    a.shutdown_write();
    CHECK(co_await read_all(&a) == "you said hello\r\nyou said world\r\n");
  };
  complete(talks());
  settle();
  CHECK(server.is_finished());
}
