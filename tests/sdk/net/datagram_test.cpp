// UDP and Unix datagrams.
#include <tau/net/udp_socket.hpp>
#include <tau/net/unix_datagram.hpp>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "raw_message.hpp"
#include "support/io_fixture.hpp"

using namespace tau;
using net::IpAddress;
using net::SocketAddress;
using net::UdpSocket;
using net::UnixAddress;
using net::UnixDatagram;
using test::pattern;

namespace {

struct Datagrams : test::IoFixture {
  static UdpSocket loopback(SocketAddress address = SocketAddress::v4_loopback(0)) {
    auto socket = UdpSocket::bind(address);
    REQUIRE(socket);
    return std::move(*socket);
  }
  template <class T>
  void until_woken(const JoinHandle<T>& handle) {
    while (!(tau_task_state(handle.task_id()) & TAU_TASK_QUEUED)) runtime.reactor.poll(-1);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Datagrams, "datagrams come with their sender, whole, one by one, and also empty") {
  for (SocketAddress address : {SocketAddress::v4_loopback(0), SocketAddress::v6_loopback(0)}) {
    auto probe = UdpSocket::bind(address);
    if (!probe && address.is_v6() && probe.error() == Error::system(EADDRNOTAVAIL)) {
      MESSAGE("no IPv6 here: not tested");
      continue;
    }
    UdpSocket a = loopback(address), b = loopback(address);
    auto talk = [&]() -> Task<> {
      const SocketAddress to = *b.local_address();
      for (const char* text : {"first", "", "third"}) {
        auto sent = co_await a.send_to(text, to);
        CHECK(*sent == std::string(text).size());
      }
      for (const char* text : {"first", "", "third"}) {
        char buffer[16];
        auto got = co_await b.recv_from(buffer);
        REQUIRE(got);
        CHECK(std::string(buffer, got->size) == text);
        CHECK(got->from == *a.local_address());
        CHECK_FALSE(got->truncated);
      }
    };
    complete(talk());
  }
}

TEST_CASE_FIXTURE(Datagrams, "a small buffer cuts a datagram, and peeking leaves it whole") {
  UdpSocket a = loopback(), b = loopback();
  auto talk = [&]() -> Task<> {
    static_cast<void>(co_await a.send_to("0123456789", *b.local_address()));
    static_cast<void>(co_await a.send_to("next", *b.local_address()));
    char buffer[4];
    auto seen = co_await b.peek_from(buffer);
    CHECK(seen->truncated);
    auto got = co_await b.recv_from(buffer);
    CHECK(got->truncated);
    CHECK(std::string(buffer, got->size) == "0123");
    auto next = co_await b.recv_from(buffer);
    CHECK_FALSE(next->truncated);
    CHECK(std::string(buffer, next->size) == "next");
  };
  complete(talk());
}

TEST_CASE_FIXTURE(Datagrams, "connected sockets talk with one another alone, and hear of a refusal") {
  UdpSocket a = loopback(), b = loopback(), stranger = loopback();
  REQUIRE(a.connect(*b.local_address()));
  REQUIRE(b.connect(*a.local_address()));
  CHECK(*a.peer_address() == *b.local_address());
  auto talk = [&]() -> Task<> {
    static_cast<void>(co_await stranger.send_to("me too", *b.local_address()));
    CHECK(*co_await a.send("hello") == 5);
    char buffer[16];
    auto count = co_await b.recv(buffer);
    CHECK(std::string(buffer, *count) == "hello");
    b.close();
    static_cast<void>(co_await a.send("anybody there?"));
    auto refused = co_await a.recv(buffer);
    CHECK(refused.error() == Error::system(ECONNREFUSED));
  };
  complete(talk());
}

TEST_CASE_FIXTURE(Datagrams, "a cancelled receive loses no datagram") {
  UdpSocket a = loopback(), b = loopback();
  char buffer[16];
  auto receives = [&]() -> Task<> {
    auto got = co_await b.recv_from(buffer);
    FAIL("went on: " << got.has_value());
  };
  auto waiting = spawn(receives);
  settle();
  CHECK(plugin.ios == 1);
  waiting.abort();
  settle();
  CHECK(plugin.ios == 0);
  for (const char* text : {"kept", ""}) {
    auto handle = spawn(receives);
    settle();
    sockaddr_storage to;
    const socklen_t size = b.local_address()->to_system(to);
    REQUIRE(::sendto(a.fd(), text, std::string(text).size(), 0, reinterpret_cast<sockaddr*>(&to), size) >= 0);
    until_woken(handle);
    handle.abort();
    settle();
    auto take = [&]() -> Task<> {
      auto got = co_await b.recv_from(buffer);
      CHECK(std::string(buffer, got->size) == text);
      CHECK(got->from == *a.local_address());
    };
    complete(take());
  }
}

TEST_CASE_FIXTURE(Datagrams, "what is sent to a group comes to who joined it") {
  const IpAddress group(239, 255, 77, 77);
  UdpSocket receiver = loopback(SocketAddress(IpAddress::v4_any(), 0));
  Result<void> joined = receiver.join_multicast_v4(group, IpAddress::v4_loopback());
  if (!joined) {
    MESSAGE("no multicast here: " << joined.error().message());
    return;
  }
  UdpSocket sender = loopback();
  CHECK(sender.set_multicast_interface_v4(IpAddress::v4_loopback()));
  CHECK(sender.set_multicast_loop(true));
  CHECK(sender.set_multicast_ttl(1));
  auto talk = [&]() -> Task<> {
    auto sent = co_await sender.send_to("to all", SocketAddress(group, receiver.local_address()->port()));
    REQUIRE_MESSAGE(sent, sent.error().message());
    char buffer[16];
    auto got = co_await receiver.recv_from(buffer);
    CHECK(std::string(buffer, got->size) == "to all");
  };
  complete(talk());
  CHECK(receiver.leave_multicast_v4(group, IpAddress::v4_loopback()));
  CHECK(receiver.leave_multicast_v4(group, IpAddress::v4_loopback()).error() == Error::system(EADDRNOTAVAIL));
  CHECK(receiver.join_multicast_v4(IpAddress::v6_any()).error() == Errc::invalid);
}

TEST_CASE_FIXTURE(Datagrams, "options of UDP sockets are set and read back") {
  UdpSocket socket = loopback();
  CHECK_FALSE(*socket.broadcast());
  CHECK(socket.set_broadcast(true));
  CHECK(*socket.broadcast());
  CHECK(socket.set_ttl(7));
  CHECK(*socket.ttl() == 7);
  auto first = UdpSocket::v4(), second = UdpSocket::v4();
  for (auto* one : {&*first, &*second}) CHECK(one->set_reuseport(true));
  CHECK(first->bind_to(SocketAddress::v4_loopback(0)));
  CHECK(second->bind_to(*first->local_address()));
  CHECK(UdpSocket::bind(*socket.local_address()).error() == Error::system(EADDRINUSE));
  auto without_permission = [&]() -> Task<> {
    UdpSocket quiet = loopback(SocketAddress(IpAddress::v4_any(), 0));
    auto sent = co_await quiet.send_to("x", SocketAddress(IpAddress::v4_broadcast(), 9));
    CHECK_FALSE(sent);
  };
  complete(without_permission());
}

TEST_CASE_FIXTURE(Datagrams, "Unix datagrams carry descriptors, and a cancelled receive keeps both") {
  auto ends = UnixDatagram::pair();
  REQUIRE(ends);
  auto& [a, b] = *ends;
  int pipe_ends[2];
  REQUIRE(pipe2(pipe_ends, O_CLOEXEC) == 0);
  io::OwnedFd read_end(pipe_ends[0]), write_end(pipe_ends[1]);
  char buffer[16];
  auto check = [&, &b = b]() -> Task<> {
    auto got = co_await b.recv(buffer);
    REQUIRE(got);
    CHECK(std::string(buffer, got->size) == "take this");
    CHECK(got->from.is_unnamed());
    CHECK_FALSE(got->truncated);
    REQUIRE(got->fds.size() == 1);
    CHECK((fcntl(got->fds[0].fd(), F_GETFD) & FD_CLOEXEC));
    CHECK(write(got->fds[0].fd(), "x", 1) == 1);
    char byte;
    CHECK(read(read_end.fd(), &byte, 1) == 1);
  };
  const int passed[] = {write_end.fd()};
  auto send = [&, &a = a]() -> Task<> { CHECK(*co_await a.send("take this", passed) == 9); };
  complete(send());
  complete(check());

  auto receives = [&, &b = b]() -> Task<> {
    auto got = co_await b.recv(buffer);
    FAIL("went on: " << got.has_value());
  };
  auto handle = spawn(receives);
  settle();
  test::send_with_fds(a.fd(), "take this", passed);
  until_woken(handle);
  handle.abort();
  settle();
  complete(check());
  auto too_many = [&, &a = a]() -> Task<> {
    const std::vector<int> fds(65, 0);
    auto sent = co_await a.send("x", fds);
    CHECK(sent.error() == Errc::invalid);
  };
  complete(too_many());
}

TEST_CASE_FIXTURE(Datagrams, "Unix datagrams are addressed by name, and wait for a connected peer's queue") {
  const std::string name = "tau-datagram-" + std::to_string(getpid());
  auto receiver = UnixDatagram::bind(*UnixAddress::abstract(name));
  REQUIRE(receiver);
  auto sender = UnixDatagram::unbound();
  CHECK(UnixDatagram::bind(*UnixAddress::abstract(name)).error() == Error::system(EADDRINUSE));
  char buffer[16];
  auto talk = [&]() -> Task<> {
    CHECK(*co_await sender->send_to("hi", *UnixAddress::abstract(name)) == 2);
    auto got = co_await receiver->recv(buffer);
    CHECK(got->from.is_unnamed());
    auto nobody = co_await sender->send_to("hi", *UnixAddress::abstract(name + "-not"));
    CHECK(nobody.error() == Error::system(ECONNREFUSED));
    Result<std::size_t> sent = std::size_t{0};
    int queued = 0;
    while (sent) {
      sent = co_await sender->send_to("x", *UnixAddress::abstract(name));
      queued += sent.has_value();
    }
    CHECK(sent.error() == Error::system(EAGAIN));
    for (; queued > 0; --queued) CHECK((co_await receiver->recv(buffer)).has_value());
  };
  complete(talk());
  REQUIRE(sender->connect(*UnixAddress::abstract(name)));
  constexpr int many = 1000;
  auto floods = [&]() -> Task<> {
    for (int i = 0; i < many; ++i) CHECK((co_await sender->send("x")).has_value());
  };
  auto drains = [&]() -> Task<> {
    for (int i = 0; i < many; ++i) CHECK((co_await receiver->recv(buffer)).has_value());
  };
  auto flood = spawn(floods);
  settle();
  CHECK_FALSE(flood.is_finished());
  complete(drains());
  run_until([&] { return flood.is_finished(); });
}
