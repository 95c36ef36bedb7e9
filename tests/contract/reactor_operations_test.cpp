// Contract items 1, 2 and 5 for operations: tried at once, finished from poll(), withdrawn for good, and
// never a loop that stands still because a descriptor was left blocking.
#include "reactor_rig.hpp"

using namespace tau;
using namespace tau::test;

TEST_CASE("an operation that can be done is done at once") {
  Rig rig;
  auto [a, b] = socket_pair();
  put(a, "hello");
  char text[16] = {};
  Op receive(TAU_IO_RECV, b.get(), text, sizeof text);
  CHECK(rig->submit(&receive));
  CHECK(receive.result == 5);
  CHECK(std::string(text) == "hello");
  CHECK(receive.finished == 0);
  CHECK(rig->pending() == 0);
}

TEST_CASE("an operation that would block finishes later, from poll and from nowhere else") {
  Rig rig;
  auto [a, b] = socket_pair();  // blocking on purpose
  char text[16] = {};
  Op receive(TAU_IO_RECV, b.get(), text, sizeof text);
  CHECK_FALSE(rig->submit(&receive));
  CHECK(rig->pending() == 1);
  put(a, "later");
  Op other(TAU_IO_SEND, b.get(), text, 1);
  CHECK(rig->submit(&other));
  CHECK(receive.finished == 0);
  CHECK(rig.until([&] { return receive.finished == 1; }));
  CHECK(receive.result == 5);
  CHECK(rig->pending() == 0);
}

TEST_CASE("reading and writing wait for blocking pipes without blocking") {
  Rig rig;
  auto [out, in] = pipe_pair();
  char text[16] = {};
  Op read(TAU_IO_READ, out.get(), text, sizeof text);
  CHECK_FALSE(rig->submit(&read));
  put(in, "pipe");
  CHECK(rig.until([&] { return read.finished == 1; }));
  CHECK(read.result == 4);

  fill(in);
  std::string big(1 << 20, 'w');
  Op write(TAU_IO_WRITE, in.get(), big.data(), big.size());
  CHECK_FALSE(rig->submit(&write));
  std::vector<char> sink(1 << 16);
  REQUIRE(::read(out.get(), sink.data(), sink.size()) > 0);
  CHECK(rig.until([&] { return write.finished == 1; }));
  CHECK(write.result > 0);
  CHECK(write.result < static_cast<std::int64_t>(big.size()));
}

TEST_CASE("a blocking terminal is read and written without blocking") {
  Rig rig;
  Fd leader(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (leader.get() < 0) return;  // a sandbox without terminals
  REQUIRE(::grantpt(leader.get()) == 0);
  REQUIRE(::unlockpt(leader.get()) == 0);
  Fd terminal(::open(::ptsname(leader.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(terminal.get() >= 0);

  char text[16] = {};
  Op read(TAU_IO_READ, terminal.get(), text, sizeof text);
  CHECK_FALSE(rig->submit(&read));
  put(leader, "line\n");
  CHECK(rig.until([&] { return read.finished == 1; }));
  CHECK(read.result == 5);

  // Until nobody reads any more: each write is short or pending, none hangs.
  std::string big(1 << 20, 'w');
  Op write(TAU_IO_WRITE, terminal.get(), big.data(), big.size());
  while (rig->submit(&write)) REQUIRE(write.result > 0);
  ::fcntl(leader.get(), F_SETFL, O_RDWR | O_NONBLOCK);
  char sink[4096];
  CHECK(rig.until([&] {
    while (::read(leader.get(), sink, sizeof sink) > 0) {
    }
    return write.finished == 1;
  }));
  CHECK(write.result > 0);
}

TEST_CASE("regular files are read and written, at an offset or at their position") {
  Rig rig;
  char path[] = "/tmp/tau_reactor_XXXXXX";
  Fd file(::mkstemp(path));
  ::unlink(path);
  char text[] = "0123456789";
  Op write(TAU_IO_WRITE, file.get(), text, 10);
  CHECK(rig.run(write) == 10);

  char back[4] = {};
  Op read(TAU_IO_READ, file.get(), back, 3);
  read.offset = 4;
  CHECK(rig.run(read) == 3);
  CHECK(std::string(back) == "456");

  Op at_end(TAU_IO_READ, file.get(), back, 3);
  CHECK(rig.run(at_end) == 0);
}

TEST_CASE("a file that is not in memory is read all the same") {
  Rig rig;
  char path[] = "/var/tmp/tau_reactor_XXXXXX";
  Fd file(::mkstemp(path));
  REQUIRE(file.get() >= 0);
  ::unlink(path);
  put(file, std::string(1 << 16, 'x'));
  ::fsync(file.get());
  ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  std::vector<char> back(1 << 16);
  std::int64_t got = 0;
  while (got < (1 << 16)) {
    Op read(TAU_IO_READ, file.get(), back.data() + got, back.size() - static_cast<std::size_t>(got));
    read.offset = got;
    REQUIRE(rig.run(read) > 0);
    got += read.result;
  }
  CHECK(back.front() == 'x');
  CHECK(back.back() == 'x');
}

TEST_CASE("polling a descriptor tells what is ready, also for one that was closed by its peer") {
  Rig rig;
  auto [a, b] = socket_pair();
  Op writable(TAU_IO_POLL, b.get());
  writable.flags = TAU_OUT;
  CHECK(rig->submit(&writable));
  CHECK(writable.result == TAU_OUT);

  Op readable(TAU_IO_POLL, b.get());
  readable.flags = TAU_IN | TAU_RDHUP;
  CHECK_FALSE(rig->submit(&readable));
  rig.settle();
  CHECK(readable.finished == 0);
  a.reset();
  CHECK(rig.until([&] { return readable.finished == 1; }));
  CHECK((readable.result & TAU_HUP) != 0);
  CHECK((readable.result & TAU_IN) != 0);
}

TEST_CASE("accept and connect meet, on blocking sockets") {
  Rig rig;
  sockaddr_in address;
  Fd listener = tcp_listener(&address, 0);
  sockaddr_in peer = {};
  Op accept(TAU_IO_ACCEPT, listener.get(), &peer, sizeof peer);
  accept.flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
  CHECK_FALSE(rig->submit(&accept));

  Fd client = tcp_socket(0);
  Op connect(TAU_IO_CONNECT, client.get(), &address, sizeof address);
  const bool at_once = rig->submit(&connect);
  CHECK(rig.until([&] { return accept.finished == 1 && (at_once || connect.finished == 1); }));
  CHECK(connect.result == 0);
  REQUIRE(accept.result >= 0);
  Fd served(static_cast<int>(accept.result));
  CHECK((::fcntl(served.get(), F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(served.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(accept.length == sizeof(sockaddr_in));
  CHECK(peer.sin_family == AF_INET);
  // The caller's own flags are as they were.
  CHECK((::fcntl(client.get(), F_GETFL) & O_NONBLOCK) == 0);
  CHECK((::fcntl(listener.get(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("a canceled operation is not called and its buffer is not touched") {
  Rig rig;
  auto [a, b] = socket_pair();
  char text[16] = "untouched";
  Op receive(TAU_IO_RECV, b.get(), text, sizeof text);
  CHECK_FALSE(rig->submit(&receive));
  CHECK(rig->cancel(&receive));
  CHECK_FALSE(rig->cancel(&receive));
  CHECK(rig->pending() == 0);
  put(a, "x");
  rig.settle();
  CHECK(receive.finished == 0);
  CHECK(std::string(text) == "untouched");
  CHECK(receive.result == -123456);

  Op again(TAU_IO_RECV, b.get(), text, sizeof text);  // the byte is still there for the next
  CHECK(rig->submit(&again));
  CHECK(again.result == 1);
}

TEST_CASE("an operation canceled after the kernel called its descriptor ready has eaten nothing") {
  Rig rig;
  auto [a, b] = socket_pair();
  auto [c, d] = socket_pair();
  char text[2][4];
  Op first(TAU_IO_RECV, b.get(), text[0], 4);
  Op second(TAU_IO_RECV, d.get(), text[1], 4);
  first.then = [&](Op&) { rig->cancel(&second); };
  second.then = [&](Op&) { rig->cancel(&first); };
  CHECK_FALSE(rig->submit(&first));
  CHECK_FALSE(rig->submit(&second));
  put(a, "1");
  put(c, "2");
  rig.settle();
  CHECK(first.finished + second.finished == 1);
  Op rest(TAU_IO_RECV, first.finished ? d.get() : b.get(), text[0], 4);
  CHECK(rig->submit(&rest));
  CHECK(rest.result == 1);
}

TEST_CASE("operations in one direction are served in order, and each side by itself") {
  Rig rig;
  auto [a, b] = socket_pair();
  char text[3] = {};
  std::string order;
  Op one(TAU_IO_RECV, b.get(), &text[0], 1), two(TAU_IO_RECV, b.get(), &text[1], 1),
      three(TAU_IO_RECV, b.get(), &text[2], 1);
  one.then = [&](Op&) { order += '1'; };
  two.then = [&](Op&) { order += '2'; };
  three.then = [&](Op&) { order += '3'; };
  CHECK_FALSE(rig->submit(&one));
  CHECK_FALSE(rig->submit(&two));
  put(a, "a");
  CHECK_FALSE(rig->submit(&three));  // there is something to read, but not for the last in the row
  Op send(TAU_IO_SEND, b.get(), text, 1);
  CHECK(rig->submit(&send));
  put(a, "bc");
  CHECK(rig.until([&] { return three.finished == 1; }));
  CHECK(order == "123");
  CHECK(std::string(text, 3) == "abc");
}

TEST_CASE("receiving and sending wait on one descriptor at the same time") {
  Rig rig;
  auto [a, b] = socket_pair();
  fill(b);
  char text[4];
  Op receive(TAU_IO_RECV, b.get(), text, 4), send(TAU_IO_SEND, b.get(), text, 4), look(TAU_IO_POLL, b.get());
  look.flags = TAU_OUT;
  CHECK_FALSE(rig->submit(&receive));
  CHECK_FALSE(rig->submit(&send));
  CHECK_FALSE(rig->submit(&look));
  put(a, "r");
  CHECK(rig.until([&] { return receive.finished == 1; }));
  CHECK(send.finished == 0);
  CHECK(look.finished == 0);
  drain(a);
  CHECK(rig.until([&] { return send.finished == 1 && look.finished == 1; }));
  CHECK(send.result == 4);
}

TEST_CASE("every pending operation of an owner is withdrawn, and nobody else's") {
  Rig rig;
  auto [a, b] = socket_pair();
  char text[4];
  Op mine(TAU_IO_RECV, b.get(), text, 4), my_look(TAU_IO_POLL, b.get()), other(TAU_IO_RECV, b.get(), text, 4);
  mine.owner = my_look.owner = owner(1);
  my_look.flags = TAU_IN;
  other.owner = owner(2);
  CHECK_FALSE(rig->submit(&mine));
  CHECK_FALSE(rig->submit(&my_look));
  CHECK_FALSE(rig->submit(&other));
  CHECK(rig->withdraw_owner(owner(1)) == 2);
  CHECK(rig->withdraw_owner(owner(1)) == 0);
  CHECK(rig->pending() == 1);
  put(a, "x");
  CHECK(rig.until([&] { return other.finished == 1; }));
  CHECK(mine.finished + my_look.finished == 0);
}
