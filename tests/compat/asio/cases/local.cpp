// Local sockets: streams, datagrams, sequenced packets.
#include "../case.hpp"

#include NET_HEADER(buffer.hpp)
#include NET_HEADER(generic/seq_packet_protocol.hpp)
#include NET_HEADER(local/connect_pair.hpp)
#include NET_HEADER(local/datagram_protocol.hpp)
#include NET_HEADER(local/stream_protocol.hpp)
#include NET_HEADER(read.hpp)
#include NET_HEADER(write.hpp)

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <functional>
#include <string>

NET_CASE("a pair of local streams hands bytes to and fro") {
  net::io_context io;
  net::local::stream_protocol::socket left(io), right(io);
  net::local::connect_pair(left, right);
  int rounds = 0;
  char a = 0, b = 0;
  std::function<void()> play = [&] {
    net::async_write(left, net::buffer("x", 1), [&](net_error_code, std::size_t) {});
    net::async_read(right, net::buffer(&a, 1), [&](net_error_code error, std::size_t) {
      HERE();
      WANT(!error);
      net::async_write(right, net::buffer(&a, 1), [&](net_error_code, std::size_t) {});
      net::async_read(left, net::buffer(&b, 1), [&](net_error_code error, std::size_t) {
        HERE();
        WANT(!error);
        if (++rounds < 100) play();
      });
    });
  };
  play();
  d.drive(io);
  WANT(rounds == 100);
}

NET_CASE("a local stream is accepted at a path") {
  const std::string path = "/tmp/tau-asio-" + std::to_string(::getpid()) + ".socket";
  ::unlink(path.c_str());
  {
    net::io_context io;
    using net::local::stream_protocol;
    stream_protocol::acceptor acceptor(io, stream_protocol::endpoint(path));
    stream_protocol::socket client(io);
    std::string heard(5, '\0');
    acceptor.async_accept([&](net_error_code error, stream_protocol::socket peer) {
      HERE();
      if (WANT(!error)) peer.send(net::buffer("hello", 5));
    });
    client.async_connect(stream_protocol::endpoint(path), [&](net_error_code error) {
      HERE();
      WANT(!error);
      net::async_read(client, net::buffer(heard), [&](net_error_code error, std::size_t) { WANT(!error); });
    });
    d.drive(io);
    WANT(heard == "hello");
  }
  ::unlink(path.c_str());
}

NET_CASE("local datagrams keep their borders") {
  net::io_context io;
  net::local::datagram_protocol::socket left(io), right(io);
  net::local::connect_pair(left, right);
  std::string heard;
  std::array<char, 16> bytes;
  std::function<void(int)> receive = [&](int n) {
    right.async_receive(net::buffer(bytes), [&, n](net_error_code error, std::size_t size) {
      HERE();
      WANT(!error);
      heard += std::string(bytes.data(), size) + "|";
      if (n > 1) receive(n - 1);
    });
  };
  receive(3);
  for (const char* text : {"a", "bc", "def"}) {
    left.async_send(net::buffer(text, std::strlen(text)), [&](net_error_code error, std::size_t) { WANT(!error); });
  }
  d.drive(io);
  WANT(heard == "a|bc|def|");
}

NET_CASE("sequenced packets keep their borders and their order, and their end is heard") {
  net::io_context io;
  int fds[2];
  if (!WANT(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) == 0)) return;
  using protocol = net::generic::seq_packet_protocol;
  protocol::socket left(io, protocol(AF_UNIX, 0), fds[0]), right(io, protocol(AF_UNIX, 0), fds[1]);
  std::string heard;
  std::array<char, 16> bytes;
  net::socket_base::message_flags flags = 0;
  std::function<void()> receive = [&] {
    right.async_receive(net::buffer(bytes), flags, [&](net_error_code error, std::size_t size) {
      HERE();
      if (error || size == 0) {
        heard += "end";
        return;
      }
      heard += std::string(bytes.data(), size) + "|";
      receive();
    });
  };
  receive();
  left.async_send(net::buffer("one", 3), 0, [&](net_error_code error, std::size_t) {
    WANT(!error);
    left.async_send(net::buffer("two", 3), 0, [&](net_error_code error, std::size_t) {
      WANT(!error);
      left.close();
    });
  });
  d.drive(io);
  WANT(heard == "one|two|end");
}
