// What the other side and the system do to us: half-close, reset, refusal, no descriptors left. Each is
// an operation's result; none stops the loop or makes it spin.
#include "reactor_rig.hpp"

using namespace tau;
using namespace tau::test;

namespace {

/// Takes every descriptor that the process may have, until it is destroyed.
class NoDescriptorsLeft {
 public:
  NoDescriptorsLeft() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    Fd next(::dup(0));
    rlimit tight = before_;
    tight.rlim_cur = static_cast<rlim_t>(next.get()) + 1;
    next.reset();
    ::setrlimit(RLIMIT_NOFILE, &tight);
    for (;;) {
      Fd fd(::dup(0));
      if (fd.get() < 0) break;
      taken_.push_back(std::move(fd));
    }
  }
  ~NoDescriptorsLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
  std::vector<Fd> taken_;
};

}  // namespace

TEST_CASE("a half-closed connection reads as its end and still writes") {
  Rig rig;
  auto [a, b] = tcp_pair();
  char text[4] = "abc";
  Op receive(TAU_IO_RECV, b.get(), text, 4);
  CHECK_FALSE(rig->submit(&receive));
  ::shutdown(a.get(), SHUT_WR);
  CHECK(rig.until([&] { return receive.finished == 1; }));
  CHECK(receive.result == 0);
  Op send(TAU_IO_SEND, b.get(), text, 3);
  CHECK(rig->submit(&send));
  CHECK(send.result == 3);
  CHECK(::recv(a.get(), text, 3, 0) == 3);
}

TEST_CASE("a reset ends what waits in both directions") {
  Rig rig;
  auto [a, b] = tcp_pair();
  fill(b);
  char text[4] = {};
  Op receive(TAU_IO_RECV, b.get(), text, 4), send(TAU_IO_SEND, b.get(), text, 4);
  CHECK_FALSE(rig->submit(&receive));
  CHECK_FALSE(rig->submit(&send));
  const linger at_once{1, 0};
  ::setsockopt(a.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  a.reset();
  CHECK(rig.until([&] { return receive.finished == 1 && send.finished == 1; }));
  CHECK(receive.result == -ECONNRESET);
  CHECK(send.result == -EPIPE);
}

TEST_CASE("sending to a peer that is gone is an error and no signal") {
  Rig rig;
  std::signal(SIGPIPE, SIG_DFL);
  auto [a, b] = socket_pair();
  a.reset();
  char text[4] = {};
  Op send(TAU_IO_SEND, b.get(), text, 4);
  CHECK(rig->submit(&send));
  CHECK(send.result == -EPIPE);
  std::signal(SIGPIPE, SIG_IGN);
}

TEST_CASE("a refused connection says so") {
  Rig rig;
  sockaddr_in address;
  { Fd listener = tcp_listener(&address); }  // nobody is there any more
  Fd client = tcp_socket();
  Op connect(TAU_IO_CONNECT, client.get(), &address, sizeof address);
  if (!rig->submit(&connect)) CHECK(rig.until([&] { return connect.finished == 1; }));
  CHECK(connect.result == -ECONNREFUSED);
}

TEST_CASE("a connection that was registered before it was made is made all the same") {
  Rig rig;
  sockaddr_in address;
  Fd listener = tcp_listener(&address);
  Fd client = tcp_socket();
  const tau_fd handle = rig.registered(client.get());
  rig.settle();  // an unconnected socket counts as hung up
  Op connect(TAU_IO_CONNECT, client.get(), &address, sizeof address);
  if (!rig->submit(&connect)) CHECK(rig.until([&] { return connect.finished == 1; }));
  CHECK(connect.result == 0);
  // What was remembered from before goes when the descriptor says EAGAIN.
  CHECK(rig->clear(handle, TAU_IN) == 0);
  rig.settle();
  CHECK(rig->clear(handle, TAU_IN) == 0);
  FdWait wait(TAU_IN);
  CHECK(rig->wait_ready(handle, &wait) == TAU_PENDING);
  CHECK(rig->cancel_wait(&wait));
  CHECK(rig->remove(handle) == 0);
}

TEST_CASE("operations on what is no descriptor fail at once") {
  Rig rig;
  char text[4];
  for (std::uint32_t code : {TAU_IO_POLL, TAU_IO_READ, TAU_IO_WRITE, TAU_IO_RECV, TAU_IO_SEND, TAU_IO_ACCEPT,
                             TAU_IO_CONNECT}) {
    for (int fd : {-1, 0x7fffffff}) {
      Op op(code, fd, text, 4);
      op.flags = code == TAU_IO_POLL ? unsigned{TAU_IN} : 0;
      CHECK(rig->submit(&op));
      CHECK_MESSAGE(op.result == -EBADF, code);
    }
  }
  Op unknown(99, 0);
  CHECK(rig->submit(&unknown));
  CHECK(unknown.result == TAU_E_INVALID);
  auto [out, in] = pipe_pair();
  Op receive(TAU_IO_RECV, out.get(), text, 4);
  CHECK(rig->submit(&receive));
  CHECK(receive.result == -ENOTSOCK);
}

TEST_CASE("without a descriptor left accept fails when somebody calls, and serves again afterwards") {
  Rig rig;
  sockaddr_in address;
  Fd listener = tcp_listener(&address);
  Fd client = tcp_socket(), later = tcp_socket();
  Op accept(TAU_IO_ACCEPT, listener.get());
  accept.flags = SOCK_CLOEXEC;
  {
    NoDescriptorsLeft none;
    CHECK_FALSE(rig->submit(&accept));  // nobody calls: nothing to fail
    REQUIRE(connect_to(client, address));
    CHECK(rig.until([&] { return accept.finished == 1; }));
    CHECK(accept.result == -EMFILE);
    // The caller is still in the queue, and the loop sleeps nevertheless.
    const auto start = std::chrono::steady_clock::now();
    rig->poll(20 * ms);
    CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(20));
  }
  CHECK(rig->submit(&accept));
  REQUIRE(accept.result >= 0);
  Fd first(static_cast<int>(accept.result));

  CHECK_FALSE(rig->submit(&accept));
  REQUIRE(connect_to(later, address));
  CHECK(rig.until([&] { return accept.finished == 2; }));
  REQUIRE(accept.result >= 0);
  Fd second(static_cast<int>(accept.result));
}
