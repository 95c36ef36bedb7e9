// Streams in memory whose ends are two plugins', one of which is unloaded in the middle.
#include <tau/io/buffered.hpp>
#include <tau/io/copy_bidirectional.hpp>
#include <tau/io/duplex.hpp>
#include <tau/io/lines.hpp>
#include <tau/io/split.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <optional>
#include <string>

#include "support/io_fixture.hpp"

using namespace std::chrono_literals;
using namespace tau;
using io::DuplexStream;

namespace {

struct Unload : test::IoFixture {
  Unload() : ends(io::duplex(8)) {}
  std::pair<DuplexStream, DuplexStream> ends;
};

Task<> holds(DuplexStream stream) {
  co_await sleep(1h);
  DuplexStream last = std::move(stream);
}

Task<> read_whole(DuplexStream* stream, std::string* text) {
  Result<std::size_t> count = co_await io::read_to_string(*stream, *text);
  CHECK(count.has_value());
  *text += "$";
}

}  // namespace

TEST_CASE_FIXTURE(Unload, "unload who holds a duplex's other end: what it wrote is read, then the end; writing fails") {
  auto writes = [](DuplexStream stream) -> Task<> {
    Result<std::size_t> count = co_await stream.write("theirs");
    CHECK(*count == 6);
    co_await sleep(1h);
  };
  std::string text;
  spawn_other(writes, std::move(ends.second)).detach();
  SUBCASE("while the survivor waits to read") {
    spawn(read_whole(&ends.first, &text)).detach();
    settle();
    CHECK(text != "theirs$");
    unload_other();
    settle();
  }
  SUBCASE("before it reads") {
    settle();
    unload_other();
    spawn(read_whole(&ends.first, &text)).detach();
    settle();
  }
  CHECK(text == "theirs$");
  auto late = [&]() -> Task<Result<std::size_t>> {
    Result<std::size_t> count = co_await ends.first.write("late");
    co_return count;
  };
  CHECK(complete(late()).error() == Error::system(EPIPE));
}

TEST_CASE_FIXTURE(Unload, "unload who should have read: a write that waits for room fails") {
  std::optional<Error> error;
  spawn_other(holds, std::move(ends.second)).detach();
  auto writes = [&]() -> Task<> {
    Result<void> written = co_await io::write_all(ends.first, "more than eight bytes");
    error = written.error();
  };
  spawn(writes()).detach();
  settle();
  CHECK_FALSE(error.has_value());
  unload_other();
  settle();
  CHECK(error == Error::system(EPIPE));
}

TEST_CASE_FIXTURE(Unload, "unload who waited at an end that is not its own: both sides of it are free again") {
  DuplexStream& shared = ends.first;
  auto reads = [&]() -> Task<> {
    char buffer[8];
    Result<std::size_t> count = co_await shared.read(buffer);
    FAIL("went on: " << count.has_value());
  };
  auto fills = [&]() -> Task<> {
    Result<void> written = co_await io::write_all(shared, "123456789");
    FAIL("went on: " << written.has_value());
  };
  spawn_other(reads).detach();
  spawn_other(fills).detach();
  settle();
  unload_other();
  std::string text;
  auto talks = [&]() -> Task<> {
    char buffer[8];
    Result<std::size_t> count = co_await ends.second.read(buffer);
    text.append(buffer, *count);
    count = co_await ends.second.write("pong");
    count = co_await shared.read(buffer);
    text.append(buffer, *count);
    count = co_await shared.write("x");
    CHECK(*count == 1);
  };
  complete(talks());
  CHECK(text == "12345678pong");
}

TEST_CASE_FIXTURE(Unload, "unload who holds one half of a split stream: the other half's owner goes on") {
  auto halves = io::split(std::move(ends.second));
  std::string text;
  SUBCASE("the writing half: the far end reads the end, and still writes") {
    auto keeps = [](io::WriteHalf<DuplexStream> half) -> Task<> {
      Result<std::size_t> count = co_await half.write("before");
      CHECK(*count == 6);
      co_await sleep(1h);
    };
    spawn_other(keeps, std::move(halves.second)).detach();
    spawn(read_whole(&ends.first, &text)).detach();
    settle();
    unload_other();
    settle();
    CHECK(text == "before$");
    auto talks = [&]() -> Task<> {
      char buffer[8];
      Result<std::size_t> count = co_await ends.first.write("back");
      count = co_await halves.first.read(buffer);
      text.assign(buffer, *count);
    };
    complete(talks());
    CHECK(text == "back");
  }
  SUBCASE("the reading half, in the middle of a read: what comes later is for whoever reads next") {
    auto reads = [](io::ReadHalf<DuplexStream> half) -> Task<> {
      char buffer[8];
      Result<std::size_t> count = co_await half.read(buffer);
      FAIL("went on: " << count.has_value());
    };
    spawn_other(reads, std::move(halves.first)).detach();
    settle();
    unload_other();
    auto talks = [&]() -> Task<> {
      char buffer[8];
      Result<std::size_t> count = co_await ends.first.write("kept");
      count = co_await halves.second.stream().read(buffer);
      text.assign(buffer, *count);
    };
    complete(talks());
    CHECK(text == "kept");
  }
}

TEST_CASE_FIXTURE(Unload, "unload who wrote half a line: the reader of lines gets it as the last, and what was kept back is gone") {
  std::vector<std::string> seen;
  auto writes = [](DuplexStream stream) -> Task<> {
    io::BufWriter<DuplexStream> writer(std::move(stream));
    Result<void> written = co_await io::write_all(writer, "one\ntw");
    written = co_await writer.flush();
    CHECK(written.has_value());
    written = co_await io::write_all(writer, "o\nnever");
    CHECK(written.has_value());
    co_await sleep(1h);
  };
  auto reads = [&]() -> Task<> {
    io::BufReader<io::Ref<DuplexStream>> reader(io::by_ref(ends.first));
    auto all = io::lines(reader);
    for (;;) {
      Result<std::optional<std::string>> line = co_await all.next_line();
      CHECK(line.has_value());
      if (!line || !*line) break;
      seen.push_back(**line);
    }
    seen.push_back("$");
  };
  spawn_other(writes, std::move(ends.second)).detach();
  spawn(reads()).detach();
  settle();
  CHECK(seen == std::vector<std::string>{"one"});
  unload_other();
  settle();
  CHECK(seen == std::vector<std::string>{"one", "tw", "$"});
}

TEST_CASE_FIXTURE(Unload, "a proxy between two ends: it ends when the plugins behind them are unloaded, and ends both when its own is") {
  auto far = io::duplex(8);
  std::optional<Result<std::pair<std::uint64_t, std::uint64_t>>> outcome;
  auto proxies = [&](DuplexStream a, DuplexStream b) -> Task<> {
    auto both = co_await io::copy_bidirectional(a, b);
    outcome = std::move(both);
  };
  auto talks = [](DuplexStream stream) -> Task<> {
    Result<void> written = co_await io::write_all(stream, "hello");
    CHECK(written.has_value());
    co_await sleep(1h);
  };
  SUBCASE("the ends are the unloaded plugin's") {
    spawn(proxies(std::move(ends.second), std::move(far.first))).detach();
    spawn_other(talks, std::move(ends.first)).detach();
    spawn_other(talks, std::move(far.second)).detach();
    settle();
    CHECK_FALSE(outcome.has_value());
    unload_other();
    settle();
    REQUIRE(outcome.has_value());
  }
  SUBCASE("the proxy is") {
    spawn_other(proxies, std::move(ends.second), std::move(far.first)).detach();
    settle();
    std::string first, second;
    spawn(read_whole(&ends.first, &first)).detach();
    spawn(read_whole(&far.second, &second)).detach();
    auto says = [&]() -> Task<> {
      Result<std::size_t> count = co_await ends.first.write("hi");
      CHECK(*count == 2);
    };
    complete(says());
    settle();
    unload_other();
    settle();
    CHECK_FALSE(outcome.has_value());
    CHECK(first == "$");
    CHECK(second == "hi$");
  }
}
