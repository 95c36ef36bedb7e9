#include <tau/io/adaptors.hpp>
#include <tau/io/copy.hpp>
#include <tau/io/lines.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <deque>
#include <limits>
#include <string>
#include <vector>

#include "support/io_fixture.hpp"

using namespace tau;
using test::pattern;

namespace {

using Fixture = test::IoFixture;

/// Gives its parts one by one, waiting before each.
struct Drip {
  explicit Drip(std::deque<std::string> some, std::optional<Error> last = {})
      : parts(std::move(some)), error(last) {}
  Task<Result<std::size_t>> read(io::MutableBuffer into) {
    if (pause == Duration::zero()) co_await yield_now();
    if (pause != Duration::zero()) co_await sleep(pause);
    if (parts.empty()) {
      if (error) co_return *error;
      co_return std::size_t{0};
    }
    const std::size_t count = std::min(into.size(), parts.front().size());
    std::memcpy(into.data(), parts.front().data(), count);
    parts.front().erase(0, count);
    if (parts.front().empty()) parts.pop_front();
    co_return count;
  }
  std::deque<std::string> parts;
  std::optional<Error> error;
  Duration pause{};
};

/// Takes at most `most` bytes at once, waiting before each; fails after `capacity`.
struct Narrow {
  explicit Narrow(std::size_t most_bytes,
                  std::size_t capacity_bytes = std::numeric_limits<std::size_t>::max())
      : most(most_bytes), capacity(capacity_bytes) {}
  Task<Result<std::size_t>> write(io::ConstBuffer bytes) {
    if (pause == Duration::zero()) co_await yield_now();
    if (pause != Duration::zero()) co_await sleep(pause);
    if (text.size() == capacity) co_return Error::system(ENOSPC);
    const std::size_t count = std::min({bytes.size(), most, capacity - text.size()});
    text += io::as_text(bytes.first(count));
    ++writes;
    co_return count;
  }
  Task<Result<void>> flush() {
    co_await yield_now();
    ++flushes;
    co_return Result<void>();
  }
  std::size_t most, capacity;
  std::string text;
  int writes = 0, flushes = 0;
  Duration pause{};
};

static_assert(io::Reader<Drip> && !io::Writer<Drip> && io::Writer<Narrow> && !io::Reader<Narrow>);
static_assert(io::BufferedReader<io::BufReader<Drip>> && io::BufferedReader<io::MemoryReader>);
static_assert(!io::BufferedReader<Drip>);

}  // namespace

TEST_CASE("a buffer begins from whatever is bytes") {
  std::string text = "text";
  std::vector<unsigned char> numbers{1, 2, 3};
  std::array<std::byte, 2> bytes{};
  char array[] = "array";
  CHECK(io::ConstBuffer("literal").size() == 7);
  CHECK(io::ConstBuffer(text).size() == 4);
  CHECK(io::ConstBuffer(std::string_view("view")).size() == 4);
  CHECK(io::ConstBuffer(numbers).size() == 3);
  CHECK(io::ConstBuffer(bytes).size() == 2);
  CHECK(io::ConstBuffer(array).size() == 6);  // no literal: the zero is a byte like others
  CHECK(io::MutableBuffer(text).size() == 4);
  CHECK(io::MutableBuffer(numbers).size() == 3);
  CHECK(io::MutableBuffer(array).size() == 6);
  CHECK(io::MutableBuffer(std::span(bytes)).data() == bytes.data());
  static_assert(!std::is_constructible_v<io::MutableBuffer, const std::string&>);
  static_assert(!std::is_constructible_v<io::MutableBuffer, std::string>);
  static_assert(!std::is_constructible_v<io::ConstBuffer, std::vector<int>&>);
}

TEST_CASE_FIXTURE(Fixture, "read_exact gathers parts, and says when the end comes before") {
  auto test = []() -> Task<> {
    Drip drip({"he", "l", "lo and more"});
    std::string five(5, '\0'), many(20, '\0');
    CHECK((co_await io::read_exact(drip, five)).has_value());
    CHECK(five == "hello");
    auto rest = co_await io::read_exact(drip, many);
    CHECK(rest.error() == Errc::closed);
    Drip broken({"x"}, Error::system(EIO));
    auto failed = co_await io::read_exact(broken, five);
    CHECK(failed.error() == Error::system(EIO));
  };
  complete(test());
}

TEST_CASE_FIXTURE(Fixture, "everything to the end is appended") {
  auto test = []() -> Task<> {
    Drip drip({"one ", "two ", pattern(100000)});
    std::string text = "zero ";
    auto count = co_await io::read_to_string(drip, text);
    CHECK(*count == 100008);
    CHECK(text == "zero one two " + pattern(100000));
    std::vector<std::byte> bytes;
    Drip broken({"some"}, Error::system(EIO));
    auto failed = co_await io::read_to_end(broken, bytes);
    CHECK(failed.error() == Error::system(EIO));
    CHECK(io::as_text(bytes) == "some");
  };
  complete(test());
}

TEST_CASE_FIXTURE(Fixture, "integers go through in both byte orders, buffered or not") {
  auto test = [](auto& writer, auto make_reader) -> Task<> {
    Result<void> ok;
    if (ok) ok = co_await io::write_u8(writer, 0xfe);
    if (ok) ok = co_await io::write_i8(writer, -2);
    if (ok) ok = co_await io::write_u16(writer, 0x1234);
    if (ok) ok = co_await io::write_i16_le(writer, -3);
    if (ok) ok = co_await io::write_u32_le(writer, 0x12345678);
    if (ok) ok = co_await io::write_i32(writer, std::numeric_limits<std::int32_t>::min());
    if (ok) ok = co_await io::write_u64(writer, 0x0102030405060708);
    if (ok) ok = co_await io::write_i64_le(writer, -5);
    if (ok) ok = co_await io::flush(writer);
    CHECK(ok);
    auto reader = make_reader();
    const auto u8 = co_await io::read_u8(reader);
    CHECK(*u8 == 0xfe);
    const auto i8 = co_await io::read_i8(reader);
    CHECK(*i8 == -2);
    const auto u16 = co_await io::read_u16(reader);
    CHECK(*u16 == 0x1234);
    const auto i16_le = co_await io::read_i16_le(reader);
    CHECK(*i16_le == -3);
    const auto u32_le = co_await io::read_u32_le(reader);
    CHECK(*u32_le == 0x12345678);
    const auto i32 = co_await io::read_i32(reader);
    CHECK(*i32 == std::numeric_limits<std::int32_t>::min());
    const auto u64 = co_await io::read_u64(reader);
    CHECK(*u64 == 0x0102030405060708);
    const auto i64_le = co_await io::read_i64_le(reader);
    CHECK(*i64_le == -5);
    const Result<std::uint32_t> end = co_await io::read_u32(reader);
    CHECK(end.error() == Errc::closed);
  };
  Narrow plain(3);
  auto unbuffered = [&] { return Drip({plain.text}); };
  complete(test(plain, unbuffered));
  CHECK(plain.text.substr(2, 2) == "\x12\x34");
  CHECK(plain.text.substr(6, 4) == "\x78\x56\x34\x12");
  io::BufWriter<Narrow> writer(Narrow(3), 8);
  auto buffered = [&] { return io::BufReader<Drip>(Drip({writer.inner().text}), 8); };
  complete(test(writer, buffered));
  CHECK(writer.inner().text == plain.text);
}

TEST_CASE_FIXTURE(Fixture, "lines come without their ends, the last one also without an end") {
  auto test = []() -> Task<> {
    io::BufReader<Drip> reader(Drip({"one\ntw", "o\r", "\n\n", "no end"}), 4);
    auto lines = io::lines(reader);
    std::vector<std::string> got;
    for (;;) {
      auto line = co_await lines.next_line();
      REQUIRE(line);
      if (!*line) break;
      got.push_back(**line);
    }
    CHECK(got == std::vector<std::string>{"one", "two", "", "no end"});
    auto again = co_await lines.next_line();
    CHECK_FALSE(again->has_value());
  };
  complete(test());
}

TEST_CASE_FIXTURE(Fixture, "read_until takes the mark along and leaves the rest") {
  auto test = []() -> Task<> {
    io::BufReader<Drip> reader(Drip({"key=val", "ue;next"}));
    std::string text;
    CHECK(*co_await io::read_until(reader, '=', text) == 4);
    CHECK(*co_await io::read_until(reader, ';', text) == 6);
    CHECK(text == "key=value;");
    CHECK(io::as_text(reader.buffered()) == "next");
    CHECK(*co_await io::read_line(reader, text) == 4);
    CHECK(*co_await io::read_line(reader, text) == 0);
    io::MemoryReader memory("a,b");
    std::vector<std::byte> bytes;
    CHECK(*co_await io::read_until(memory, std::byte{','}, bytes) == 2);
    io::BufReader<Drip> broken(Drip({"x"}, Error::system(EIO)));
    auto failed = co_await io::read_line(broken, text);
    CHECK(failed.error() == Error::system(EIO));
  };
  complete(test());
}

TEST_CASE_FIXTURE(Fixture, "a cancelled next_line loses nothing") {
  io::BufReader<Drip> reader(Drip({"first ha", "lf and half\n"}));
  auto lines = io::lines(reader);
  auto next = [&]() -> Task<std::string> {
    auto line = co_await lines.next_line();
    co_return line ? line->value_or("end") : "error";
  };
  reader.inner().pause = std::chrono::milliseconds(10);
  auto handle = spawn(next());
  advance(std::chrono::milliseconds(15));
  CHECK(reader.inner().parts.size() == 1);
  handle.abort();
  settle();
  reader.inner().pause = {};
  CHECK(complete(next()) == "first half and half");
}

TEST_CASE_FIXTURE(Fixture, "a buffered writer keeps bytes back until it is full or flushed") {
  auto test = []() -> Task<> {
    io::BufWriter<Narrow> writer(Narrow(1000), 8);
    CHECK(*co_await writer.write("1234") == 4);
    CHECK(*co_await writer.write("5678") == 4);
    CHECK(writer.inner().text.empty());
    CHECK(*co_await writer.write("9") == 1);
    CHECK(writer.inner().text == "12345678");
    CHECK((co_await writer.flush()).has_value());
    CHECK(writer.inner().text == "123456789");
    CHECK(writer.inner().flushes == 1);
    CHECK((co_await io::write_all(writer, "longer than the buffer")).has_value());
    CHECK(writer.inner().text == "123456789longer than the buffer");
    CHECK((co_await io::shutdown(writer)).has_value());
    CHECK(writer.inner().flushes == 2);
  };
  complete(test());
}

TEST_CASE_FIXTURE(Fixture,
                  "a flush that failed is tried again with what is left, one that was cancelled is not") {
  io::BufWriter<Narrow> writer(Narrow(3, 5), 16);
  auto fails = [&]() -> Task<> {
    CHECK((co_await writer.write("12345678")).has_value());
    auto flushed = co_await writer.flush();
    CHECK(flushed.error() == Error::system(ENOSPC));
    CHECK(io::as_text(writer.buffered()) == "678");
    writer.inner().capacity = 100;
    CHECK((co_await writer.flush()).has_value());
    CHECK(writer.inner().text == "12345678");
    CHECK((co_await writer.write("9abcdef")).has_value());
  };
  complete(fails());
  writer.inner().pause = std::chrono::milliseconds(10);
  auto flushes = [&]() -> Task<> { static_cast<void>(co_await writer.flush()); };
  auto handle = spawn(flushes);
  advance(std::chrono::milliseconds(15));
  handle.abort();
  settle();
  auto after = [&]() -> Task<> {
    auto again = co_await writer.flush();
    CHECK(again.error() == Errc::canceled);
    auto more = co_await writer.write("x");
    CHECK(more.error() == Errc::canceled);
  };
  complete(after());
}

TEST_CASE_FIXTURE(Fixture, "copy moves a mebibyte through narrow ends and flushes as it goes") {
  auto test = []() -> Task<> {
    std::deque<std::string> parts;
    const std::string all = pattern(1 << 20);
    for (std::size_t at = 0; at < all.size(); at += 10007) parts.push_back(all.substr(at, 10007));
    Drip from(std::move(parts));
    io::BufWriter<Narrow> to(Narrow(5000), 1000);
    auto count = co_await io::copy(from, to);
    CHECK(*count == all.size());
    CHECK(to.inner().text == all);
    CHECK(to.buffered().empty());
  };
  complete(test());
  auto errors = []() -> Task<> {
    Drip broken({"abc"}, Error::system(EIO));
    Narrow to(10);
    std::uint64_t copied = 0;
    auto count = co_await io::copy(broken, to, &copied);
    CHECK(count.error() == Error::system(EIO));
    CHECK(copied == 3);
    Drip from({"abcdef"});
    Narrow full(10, 4);
    auto stopped = co_await io::copy(from, full);
    CHECK(stopped.error() == Error::system(ENOSPC));
  };
  complete(errors());
}

TEST_CASE_FIXTURE(Fixture, "take, chain, empty and sink") {
  auto test = []() -> Task<> {
    auto first = io::take(Drip({"abcdef"}), 4);
    auto both = io::chain(std::move(first), io::take(io::MemoryReader("0123456789"), 3));
    std::string text;
    CHECK(*co_await io::read_to_string(both, text) == 7);
    CHECK(text == "abcd012");
    auto nothing = io::empty();
    CHECK(*co_await io::read_to_string(nothing, text) == 0);
    auto sink = io::sink();
    io::MemoryReader memory("0123456789");
    CHECK(*co_await io::copy(memory, sink) == 10);
    auto limited = io::take(Drip({"abc"}), 2);
    char buffer[8];
    CHECK(*co_await limited.read(buffer) == 2);
    CHECK(limited.limit() == 0);
    CHECK(*co_await limited.read(buffer) == 0);
    CHECK(limited.inner().parts.front() == "c");
  };
  complete(test());
}

TEST_CASE_FIXTURE(Fixture, "whoever refers to a reader leaves it with its owner") {
  auto test = []() -> Task<> {
    Drip drip({"line\nrest"});
    {
      io::BufReader reader(io::by_ref(drip), 5);
      std::string line;
      CHECK(*co_await io::read_line(reader, line) == 5);
    }
    CHECK(drip.parts.front() == "rest");
  };
  complete(test());
}
