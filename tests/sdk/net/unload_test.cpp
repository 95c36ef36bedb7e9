// Connections whose ends are two plugins', one of which is unloaded in the middle: the other learns of it from
// the system as of any peer that goes, and goes on.
#include <tau/net/lookup.hpp>
#include <tau/net/tcp_listener.hpp>
#include <tau/net/tcp_stream.hpp>
#include <tau/net/udp_socket.hpp>
#include <tau/net/unix_datagram.hpp>
#include <tau/net/unix_stream.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "support/io_fixture.hpp"

using namespace std::chrono_literals;
using namespace tau;
using net::SocketAddress;
using net::TcpListener;
using net::TcpStream;
using net::UdpSocket;
using net::UnixAddress;
using net::UnixDatagram;
using net::UnixListener;
using net::UnixStream;

namespace {

struct Unload : test::IoFixture {
  /// A connection whose server end is the other plugin's, in a task of `holds`.
  template <class Holds>
  TcpStream connected_to_other(Holds& holds) {
    std::optional<SocketAddress> address;
    bool accepted = false;
    auto serves = [&]() -> Task<> {
      TcpStream stream;
      {
        auto listener = TcpListener::bind(SocketAddress::v4_loopback(0));
        REQUIRE(listener.has_value());
        address = *listener->local_address();
        auto next = co_await listener->accept();
        REQUIRE(next.has_value());
        stream = std::move(next->stream);
      }
      accepted = true;
      Task<> rest = holds(std::move(stream));
      co_await std::move(rest);
    };
    spawn_other(serves).detach();
    settle();
    auto connects = [&]() -> Task<Result<TcpStream>> {
      Result<TcpStream> stream = co_await TcpStream::connect(*address);
      co_return stream;
    };
    Result<TcpStream> stream = complete(connects());
    REQUIRE(stream.has_value());
    run_until([&] { return accepted; });
    settle();
    return std::move(*stream);
  }
};

template <class S>
Task<Result<std::string>> read_some(S* stream) {
  std::string text(64, '\0');
  Result<std::size_t> count = co_await stream->read(text);
  if (!count) co_return count.error();
  text.resize(*count);
  co_return text;
}
template <class S>
Task<Result<std::size_t>> write(S* stream, std::string text) {
  Result<std::size_t> count = co_await stream->write(text);
  co_return count;
}

}  // namespace

TEST_CASE_FIXTURE(Unload, "TCP: unload who holds the other end: a waiting read gets the end, and the next connection works") {
  auto holds = [](TcpStream stream) -> Task<> {
    char buffer[8];
    Result<std::size_t> count = co_await stream.read(buffer);
    FAIL("went on: " << count.has_value());
  };
  TcpStream mine = connected_to_other(holds);
  auto reading = spawn(read_some(&mine));
  settle();
  CHECK(other.ios + other.fd_waits >= 1);
  unload_other();
  run_until([&] { return reading.is_finished(); });
  CHECK(reading.try_join()->value().value() == "");
  auto listener = TcpListener::bind(SocketAddress::v4_loopback(0));
  auto connects = [&]() -> Task<bool> {
    Result<TcpStream> again = co_await TcpStream::connect(*listener->local_address());
    co_return again.has_value();
  };
  CHECK(complete(connects()));
}

TEST_CASE_FIXTURE(Unload, "TCP: unload who has not read everything: the other end is reset, in a read and in a write") {
  auto holds = [](TcpStream stream) -> Task<> {
    co_await sleep(1h);
    stream.close();
  };
  TcpStream mine = connected_to_other(holds);
  CHECK(complete(write(&mine, "unread")).value() == 6);
  SUBCASE("reading") {
    auto reading = spawn(read_some(&mine));
    settle();
    unload_other();
    run_until([&] { return reading.is_finished(); });
    CHECK(reading.try_join()->value().error() == Error::system(ECONNRESET));
  }
  SUBCASE("writing more than there is room for") {
    std::optional<Error> error;
    auto fills = [&]() -> Task<> {
      const std::string much(1 << 20, 'x');
      while (!error) {
        Result<std::size_t> count = co_await mine.write(much);
        if (!count) error = count.error();
      }
    };
    auto writing = spawn(fills());
    settle();
    REQUIRE_FALSE(writing.is_finished());
    unload_other();
    run_until([&] { return writing.is_finished(); });
    CHECK((error == Error::system(ECONNRESET) || error == Error::system(EPIPE)));
  }
}

TEST_CASE_FIXTURE(Unload, "TCP: unload who listens: its port is free again, who waits in its queue is reset, another listener goes on") {
  std::optional<SocketAddress> theirs;
  auto listens = [&](bool accepting) -> Task<> {
    auto listener = TcpListener::bind(SocketAddress::v4_loopback(0));
    REQUIRE(listener.has_value());
    theirs = *listener->local_address();
    while (accepting) {
      auto accepted = co_await listener->accept();
      FAIL("accepted: " << accepted.has_value());
    }
    co_await sleep(1h);
  };
  auto connects = [](SocketAddress address) -> Task<Result<TcpStream>> {
    Result<TcpStream> stream = co_await TcpStream::connect(address);
    co_return stream;
  };
  auto mine = TcpListener::bind(SocketAddress::v4_loopback(0));
  auto accepts = [&]() -> Task<bool> {
    auto accepted = co_await mine->accept();
    co_return accepted.has_value();
  };
  auto accepting = spawn(accepts());
  std::optional<TcpStream> queued;
  SUBCASE("an accept waits") { spawn_other(listens, true).detach(); }
  SUBCASE("a connection waits in the queue") {
    spawn_other(listens, false).detach();
    run_until([&] { return theirs.has_value(); });
    Result<TcpStream> stream = complete(connects(*theirs));
    REQUIRE(stream.has_value());
    queued = std::move(*stream);
  }
  settle();
  REQUIRE(theirs.has_value());
  unload_other();
  if (queued) CHECK(complete(read_some(&*queued)).error() == Error::system(ECONNRESET));
  CHECK(complete(connects(*theirs)).error() == Error::system(ECONNREFUSED));
  auto again = TcpListener::bind(*theirs);
  CHECK(again.has_value());
  CHECK_FALSE(accepting.is_finished());
  CHECK(complete(connects(*mine->local_address())).has_value());
  run_until([&] { return accepting.is_finished(); });
  CHECK(accepting.try_join()->value());
}

TEST_CASE_FIXTURE(Unload, "TCP: unload who connects: the listener that it was about to reach goes on") {
  auto listener = TcpListener::bind(SocketAddress::v4_loopback(0));
  const SocketAddress address = *listener->local_address();
  auto connects = [&]() -> Task<> {
    std::vector<TcpStream> all;
    for (;;) {
      Result<TcpStream> stream = co_await TcpStream::connect(address);
      if (!stream) co_return;
      all.push_back(std::move(*stream));
      if (all.size() == 10) co_await sleep(1h);
    }
  };
  for (int i = 0; i < 5; ++i) spawn_other(connects).detach();
  runtime.turn(false);
  unload_other();
  auto client = [&]() -> Task<Result<TcpStream>> {
    Result<TcpStream> stream = co_await TcpStream::connect(address);
    co_return stream;
  };
  Result<TcpStream> mine = complete(client());
  REQUIRE(mine.has_value());
  // Those that were connected before the unload are in the queue, and have ended.
  auto accepts = [&]() -> Task<SocketAddress> {
    auto next = co_await listener->accept();
    REQUIRE(next.has_value());
    co_return next->peer;
  };
  while (complete(accepts()) != *mine->local_address()) {
  }
}

TEST_CASE_FIXTURE(Unload, "UDP: unload who receives: its port is free again, a connected sender is refused and may go on with another") {
  std::optional<SocketAddress> theirs;
  auto receives = [&]() -> Task<> {
    auto socket = UdpSocket::bind(SocketAddress::v4_loopback(0));
    theirs = *socket->local_address();
    char buffer[16];
    for (;;) {
      auto datagram = co_await socket->recv_from(buffer);
      CHECK(datagram.has_value());
    }
  };
  spawn_other(receives).detach();
  settle();
  REQUIRE(theirs.has_value());
  auto mine = UdpSocket::bind(SocketAddress::v4_loopback(0));
  REQUIRE(mine->connect(*theirs).has_value());
  auto sends = [&]() -> Task<Result<std::size_t>> {
    Result<std::size_t> count = co_await mine->send("hello");
    co_return count;
  };
  auto hears = [&]() -> Task<Result<std::size_t>> {
    char buffer[16];
    Result<std::size_t> count = co_await mine->recv(buffer);
    co_return count;
  };
  CHECK(complete(sends()).has_value());
  settle();
  auto hearing = spawn(hears());
  settle();
  unload_other();
  CHECK_FALSE(hearing.is_finished());
  CHECK(complete(sends()).has_value());  // it comes back refused
  run_until([&] { return hearing.is_finished(); });
  CHECK(hearing.try_join()->value().error() == Error::system(ECONNREFUSED));
  auto again = UdpSocket::bind(*theirs);
  REQUIRE(again.has_value());
  CHECK(complete(sends()).has_value());
  auto receives_again = [&]() -> Task<std::size_t> {
    char buffer[16];
    auto datagram = co_await again->recv_from(buffer);
    co_return datagram->size;
  };
  CHECK(complete(receives_again()) == 5);
}

TEST_CASE_FIXTURE(Unload, "Unix streams: unload one end, the other reads the end; unload the listener, its abstract name is free") {
  const UnixAddress address = *UnixAddress::abstract("tau-unload-" + std::to_string(getpid()));
  int accepted = 0;
  auto serves = [&]() -> Task<> {
    auto listener = UnixListener::bind(address);
    REQUIRE(listener.has_value());
    std::vector<UnixStream> all;
    for (;;) {
      auto next = co_await listener->accept();
      CHECK(next.has_value());
      all.push_back(std::move(next->stream));
      ++accepted;
    }
  };
  spawn_other(serves).detach();
  settle();
  auto connects = [&]() -> Task<Result<UnixStream>> {
    Result<UnixStream> stream = co_await UnixStream::connect(address);
    co_return stream;
  };
  Result<UnixStream> mine = complete(connects());
  REQUIRE(mine.has_value());
  run_until([&] { return accepted == 1; });
  auto reading = spawn(read_some(&*mine));
  settle();
  unload_other();
  run_until([&] { return reading.is_finished(); });
  CHECK(reading.try_join()->value().value() == "");
  CHECK(complete(write(&*mine, "x")).error() == Error::system(EPIPE));
  CHECK(complete(connects()).error() == Error::system(ECONNREFUSED));
  CHECK(UnixListener::bind(address).has_value());
}

TEST_CASE_FIXTURE(Unload, "Unix streams: descriptors that lie unread at an unloaded plugin's end are closed with it") {
  auto pair = UnixStream::pair();
  auto holds = [](int fd) -> Task<> {
    auto own = UnixStream::from_raw_fd(fd);
    co_await sleep(1h);
    own->close();
  };
  spawn_other(holds, std::move(pair->second).into_raw_fd()).detach();
  settle();
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  auto sends = [&]() -> Task<Result<std::size_t>> {
    const int fds[] = {ends[1]};
    Result<std::size_t> count = co_await pair->first.send_with_fds("x", fds);
    co_return count;
  };
  CHECK(complete(sends()).has_value());
  ::close(ends[1]);
  unload_other();
  char byte;
  CHECK(::read(ends[0], &byte, 1) == 0);  // no writer is left
  ::close(ends[0]);
}

TEST_CASE_FIXTURE(Unload, "Unix datagrams: unload who receives while a send waits for room in its queue: the send is refused") {
  auto pair = UnixDatagram::pair();
  auto holds = [](int fd) -> Task<> {
    auto own = UnixDatagram::from_raw_fd(fd);
    co_await sleep(1h);
    own->close();
  };
  spawn_other(holds, std::move(pair->second).into_raw_fd()).detach();
  settle();
  std::optional<Error> error;
  auto fills = [&]() -> Task<> {
    while (!error) {
      Result<std::size_t> count = co_await pair->first.send("datagram");
      if (!count) error = count.error();
    }
  };
  auto filling = spawn(fills());
  for (int i = 0; i < 20; ++i) settle();
  REQUIRE_FALSE(filling.is_finished());
  unload_other();
  run_until([&] { return filling.is_finished(); });
  CHECK((error == Error::system(ECONNREFUSED) || error == Error::system(ECONNRESET)));
}

TEST_CASE_FIXTURE(Unload, "a file that an unloaded plugin was sending: its peer gets a part, then the end") {
  auto pair = UnixStream::pair();
  const int file = memfd_create("tau", MFD_CLOEXEC);
  REQUIRE(ftruncate(file, 8 << 20) == 0);
  auto sends = [&](int fd) -> Task<> {
    auto own = UnixStream::from_raw_fd(fd);
    Result<std::uint64_t> count = co_await own->send_file(file, 0, 8 << 20);
    FAIL("went on: " << count.has_value());
  };
  spawn_other(sends, std::move(pair->second).into_raw_fd()).detach();
  std::size_t got = 0;
  auto reads = [&](bool to_the_end) -> Task<> {
    std::string buffer(4096, '\0');
    for (;;) {
      Result<std::size_t> count = co_await pair->first.read(buffer);
      REQUIRE(count.has_value());
      got += *count;
      if (*count == 0 || !to_the_end) co_return;
    }
  };
  complete(reads(false));
  unload_other();
  complete(reads(true));
  CHECK(got > 0);
  CHECK(got < 8 << 20);
  ::close(file);
}

TEST_CASE_FIXTURE(Unload, "lookups of an unloaded plugin are forgotten, another plugin's go on") {
  auto looks_up = []() -> Task<> {
    for (;;) {
      auto found = co_await net::lookup_host("localhost", 1);
      if (!found) co_await yield_now();
    }
  };
  int mine = 0;
  auto counts = [&]() -> Task<> {
    for (;;) {
      auto found = co_await net::lookup_host("localhost", 1);
      mine += found.has_value() ? 1 : 100;
    }
  };
  auto counting = spawn(counts());
  for (int i = 0; i < 4; ++i) spawn_other(looks_up).detach();
  run_until([&] { return mine >= 2; });
  unload_other();
  const int before = mine;
  run_until([&] { return mine > before; });
  CHECK(mine < 100);
  counting.abort();
}
