#include <tau/net/tcp_listener.hpp>
#include <tau/net/tcp_stream.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
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

struct Tcp : test::IoFixture {
  struct Pair {
    TcpStream client, server;
  };
  /// Both ends of a connection.
  Pair connected() { return complete(make_pair()); }

  static Task<Pair> make_pair() {
    auto listener = TcpListener::bind(SocketAddress::v4_loopback(0));
    REQUIRE(listener);
    auto client = co_await TcpStream::connect(*listener->local_address());
    REQUIRE(client);
    auto accepted = co_await listener->accept();
    REQUIRE(accepted);
    CHECK(accepted->peer == *client->local_address());
    co_return Pair{std::move(*client), std::move(accepted->stream)};
  }
};

Task<std::string> read_some(TcpStream& stream) {
  std::string buffer(4096, '\0');
  auto count = co_await stream.read(buffer);
  REQUIRE_MESSAGE(count, count.error().message());
  buffer.resize(*count);
  co_return buffer;
}

}  // namespace

TEST_CASE_FIXTURE(Tcp, "a client and a server talk over IPv4 and IPv6") {
  for (SocketAddress address : {SocketAddress::v4_loopback(0), SocketAddress::v6_loopback(0)}) {
    auto listener = TcpListener::bind(address);
    if (!listener && address.is_v6() && listener.error() == Error::system(EADDRNOTAVAIL)) {
      MESSAGE("no IPv6 here: not tested");
      continue;
    }
    REQUIRE(listener);
    auto serve = [&]() -> Task<> {
      auto connection = co_await listener->accept();
      REQUIRE(connection);
      CHECK(*connection->stream.peer_address() == connection->peer);
      std::string text = co_await read_some(connection->stream);
      text += " to you, too";
      auto written = co_await connection->stream.write_all(text);
      CHECK(written);
    };
    auto server = spawn(serve);
    auto talk = [&]() -> Task<std::string> {
      auto stream = co_await TcpStream::connect(*listener->local_address());
      REQUIRE(stream);
      CHECK(stream->peer_address()->ip() == address.ip());
      auto written = co_await stream->write("hello");
      CHECK(*written == 5);
      std::string text(4096, '\0');
      auto count = co_await stream->read(text);
      text.resize(*count);
      auto end = co_await stream->read(text);
      CHECK(*end == 0);
      co_return text;
    };
    CHECK(complete(talk()) == "hello to you, too");
    run_until([&] { return server.is_finished(); });
  }
}

TEST_CASE_FIXTURE(Tcp, "a refused connection, a taken port and a closed stream say so") {
  auto refused = []() -> Task<> {
    SocketAddress nobody;
    {
      auto listener = TcpListener::bind("127.0.0.1:0");
      nobody = *listener->local_address();
    }
    auto stream = co_await TcpStream::connect(nobody);
    CHECK(stream.error() == Error::system(ECONNREFUSED));
  };
  complete(refused());

  auto first = TcpListener::bind("127.0.0.1:0");
  REQUIRE(first);
  CHECK(TcpListener::bind(*first->local_address()).error() == Error::system(EADDRINUSE));
  CHECK(TcpListener::bind("localhost:0").error() == Errc::invalid);

  auto pair = connected();
  pair.client.close();
  auto use_closed = [&]() -> Task<> {
    char byte[1];
    auto read = co_await pair.client.read(byte);
    CHECK(read.error() == Error::system(EBADF));
    auto end = co_await pair.server.read(byte);
    CHECK(*end == 0);
    // The first write provokes the reset, a later one meets it: no signal either time.
    Result<std::size_t> written = std::size_t{0};
    while (written) written = co_await pair.server.write("x");
    const bool gone = written.error() == Error::system(EPIPE) || written.error() == Error::system(ECONNRESET);
    CHECK(gone);
  };
  complete(use_closed());
}

TEST_CASE_FIXTURE(Tcp, "each side closes its direction on its own") {
  auto pair = connected();
  auto talk = [&]() -> Task<> {
    CHECK((co_await pair.client.write_all("all I have to say")).has_value());
    CHECK((co_await pair.client.shutdown()).has_value());
    CHECK(co_await read_some(pair.server) == "all I have to say");
    CHECK(co_await read_some(pair.server) == "");
    CHECK((co_await pair.server.write_all("noted")).has_value());
    CHECK(co_await read_some(pair.client) == "noted");
    auto more = co_await pair.client.write("more");
    CHECK(more.error() == Error::system(EPIPE));
  };
  complete(talk());
}

TEST_CASE_FIXTURE(Tcp, "a reset is an error, not an end") {
  auto pair = connected();
  REQUIRE(pair.client.set_linger(0s));
  CHECK(**pair.client.linger() == 0s);
  auto talk = [&]() -> Task<> {
    auto reads = [&]() -> Task<int> {
      char byte[1];
      auto count = co_await pair.server.read(byte);
      REQUIRE_FALSE(count);
      co_return count.error().error_number();
    };
    auto reader = spawn(reads);
    co_await yield_now();
    pair.client.close();
    auto error = co_await reader;
    CHECK(*error == ECONNRESET);
  };
  complete(talk());
}

TEST_CASE_FIXTURE(Tcp, "a mebibyte passes small socket buffers in both directions at once") {
  auto pair = connected();
  // A small receive buffer as well would have the kernel's timers set the pace.
  for (TcpStream* stream : {&pair.client, &pair.server}) REQUIRE(stream->set_send_buffer_size(4096));
  const std::string sent = pattern(1 << 20);
  auto writes = [&](TcpStream* stream) -> Task<> {
    auto written = co_await stream->write_all(sent);
    CHECK(written);
    stream->shutdown_write();
  };
  auto reads = [&](TcpStream* stream) -> Task<> {
    std::string got(sent.size(), '\0');
    auto whole = co_await stream->read_exact(got);
    CHECK(whole);
    CHECK(got == sent);
    auto beyond = co_await stream->read_exact(got);
    CHECK(beyond.error() == Errc::closed);
  };
  std::vector<JoinHandle<void>> handles;
  handles.push_back(spawn(writes(&pair.client)));
  handles.push_back(spawn(writes(&pair.server)));
  handles.push_back(spawn(reads(&pair.client)));
  handles.push_back(spawn(reads(&pair.server)));
  for (auto& handle : handles) run_until([&] { return handle.is_finished(); });
  for (auto& handle : handles) CHECK(handle.try_join()->has_value());
}

TEST_CASE_FIXTURE(Tcp, "several buffers are read and written with one call") {
  auto pair = connected();
  auto talk = [&]() -> Task<> {
    const io::ConstBuffer out[] = {"one ", "two ", "three"};
    auto sent = co_await pair.client.write_vectored(out);
    CHECK(*sent == 13);
    char a[3], b[6], c[16];
    io::MutableBuffer into[] = {a, b, c};
    auto got = co_await pair.server.read_vectored(into);
    CHECK(*got == 13);
    CHECK(std::string(a, 3) + std::string(b, 6) + std::string(c, 4) == "one two three");
  };
  complete(talk());
  // One that has to wait.
  char a[2], b[8];
  io::MutableBuffer into[] = {a, b};
  auto waits = [&]() -> Task<std::size_t> {
    auto got = co_await pair.server.read_vectored(into);
    co_return got.value_or(std::size_t{0});
  };
  auto reader = spawn(waits);
  settle();
  CHECK(plugin.ios == 1);
  auto writes = [&]() -> Task<> { CHECK((co_await pair.client.write("abcd")).has_value()); };
  complete(writes());
  run_until([&] { return reader.is_finished(); });
  CHECK(**reader.try_join() == 4);
  CHECK(std::string(b, 2) == "cd");
}

TEST_CASE_FIXTURE(Tcp, "what is peeked at is still there") {
  auto pair = connected();
  auto talk = [&]() -> Task<> {
    CHECK((co_await pair.client.write_all("peek")).has_value());
    char seen[2];
    auto peeked = co_await pair.server.peek(seen);
    CHECK(*peeked == 2);
    CHECK(co_await read_some(pair.server) == "peek");
  };
  complete(talk());
}

TEST_CASE_FIXTURE(Tcp, "an empty buffer is read and written at once") {
  auto pair = connected();
  auto talk = [&]() -> Task<> {
    auto read = co_await pair.client.read(io::MutableBuffer());
    CHECK(*read == 0);
    auto written = co_await pair.client.write("");
    CHECK(*written == 0);
    CHECK((co_await pair.client.write_all("")).has_value());
    CHECK((co_await pair.client.read_exact(io::MutableBuffer())).has_value());
  };
  complete(talk());
}

TEST_CASE_FIXTURE(Tcp, "options are set and read back") {
  auto pair = connected();
  TcpStream& stream = pair.client;
  CHECK(*stream.nodelay() == false);
  CHECK(stream.set_nodelay(true));
  CHECK(*stream.nodelay());
  CHECK(stream.set_keepalive(net::Keepalive(20s, 5s, 3)));
  CHECK(*stream.keepalive());
  CHECK(*detail::get_option(stream.fd(), IPPROTO_TCP, TCP_KEEPIDLE) == 20);
  CHECK(stream.set_keepalive(false));
  CHECK_FALSE(*stream.keepalive());
  CHECK_FALSE(stream.linger()->has_value());
  CHECK(stream.set_ttl(33));
  CHECK(*stream.ttl() == 33);
  CHECK(stream.set_recv_buffer_size(20000));
  CHECK(*stream.recv_buffer_size() >= 20000);
  CHECK_FALSE(stream.take_error()->has_value());
  CHECK((fcntl(stream.fd(), F_GETFD) & FD_CLOEXEC));
  CHECK((fcntl(stream.fd(), F_GETFL) & O_NONBLOCK));
  CHECK((fcntl(pair.server.fd(), F_GETFD) & FD_CLOEXEC));
  CHECK((fcntl(pair.server.fd(), F_GETFL) & O_NONBLOCK));
}

TEST_CASE_FIXTURE(Tcp, "a socket is given options before it listens or connects") {
  auto first = net::TcpSocket::v4();
  REQUIRE(first);
  CHECK(first->set_reuseport(true));
  CHECK(first->bind(SocketAddress::v4_loopback(0)));
  auto listener = std::move(*first).listen(16);
  REQUIRE(listener);
  auto second = net::TcpSocket::v4();
  CHECK(second->set_reuseport(true));
  CHECK(second->bind(*listener->local_address()));
  auto connects = [&]() -> Task<> {
    auto socket = net::TcpSocket::v4();
    CHECK(socket->set_nodelay(true));
    CHECK(socket->bind(SocketAddress::v4_loopback(0)));
    const SocketAddress mine = *socket->local_address();
    auto connect = std::move(*socket).connect(*listener->local_address());
    auto stream = co_await connect;
    REQUIRE(stream);
    CHECK(*stream->nodelay());
    CHECK(*stream->local_address() == mine);
  };
  complete(connects());
}

TEST_CASE_FIXTURE(Tcp, "a raw descriptor goes out and comes in") {
  auto pair = connected();
  const int fd = std::move(pair.client).into_raw_fd();
  REQUIRE(fd >= 0);
  auto again = TcpStream::from_raw_fd(fd);
  REQUIRE(again);
  auto talk = [&]() -> Task<> {
    CHECK((co_await again->write_all("still here")).has_value());
    CHECK(co_await read_some(pair.server) == "still here");
  };
  complete(talk());
  CHECK(TcpStream::from_raw_fd(-1).error() == Error::system(EBADF));
}

TEST_CASE_FIXTURE(Tcp, "owned halves: the dropped writing half ends the stream, the reading one goes on") {
  auto pair = connected();
  auto [reads, writes] = std::move(pair.client).into_split();
  auto talk = [&, &reads = reads, writer = std::move(writes)]() mutable -> Task<> {
    {
      auto mine = std::move(writer);
      CHECK((co_await mine.write_all("bye")).has_value());
    }
    CHECK(co_await read_some(pair.server) == "bye");
    CHECK(co_await read_some(pair.server) == "");
    CHECK((co_await pair.server.write_all("and you")).has_value());
    char text[16];
    auto count = co_await reads.read(text);
    CHECK(std::string(text, *count) == "and you");
  };
  complete(talk());
}
