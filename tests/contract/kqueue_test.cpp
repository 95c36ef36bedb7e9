// What is kqueue's own among the backends: which flag becomes which event, and watches that are withdrawn by
// the call that sleeps next.
#include <chrono>

#include "reactor_rig.hpp"

using namespace tau;
using namespace tau::test;

namespace {

using SteadyClock = std::chrono::steady_clock;

/// What a wait for `interest` is told.
std::uint32_t told(Rig& rig, tau_fd handle, std::uint32_t interest) {
  FdWait wait(interest);
  if (rig->wait_ready(handle, &wait) == TAU_PENDING) CHECK(rig.until([&] { return wait.finished == 1; }));
  return static_cast<std::uint32_t>(wait.result);
}

}  // namespace

TEST_CASE("the backend under test is kqueue") {
  CHECK(Rig()->name() == "kqueue");
}

TEST_CASE("half of a socket's hang-up is told from the whole") {
  Rig rig;
  auto [a, b] = socket_pair(SOCK_NONBLOCK);
  const tau_fd handle = rig.registered(b.get());
  ::shutdown(a.get(), SHUT_WR);
  CHECK(told(rig, handle, TAU_IN | TAU_RDHUP) == (TAU_IN | TAU_RDHUP));
  FdWait whole(TAU_PRI);
  CHECK(rig->wait_ready(handle, &whole) == TAU_PENDING);
  a.reset();
  CHECK(rig.until([&] { return whole.finished == 1; }));
  CHECK(whole.result == TAU_HUP);
  CHECK(rig->remove(handle) == 0);
}

TEST_CASE("a connection's error is told with its hang-up") {
  Rig rig;
  auto [client, served] = tcp_pair();
  const tau_fd handle = rig.registered(served.get());
  FdWait wait(TAU_PRI);
  CHECK(rig->wait_ready(handle, &wait) == TAU_PENDING);
  const linger at_once{1, 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  client.reset();
  CHECK(rig.until([&] { return wait.finished == 1; }));
  CHECK((wait.result & (TAU_HUP | TAU_ERR)) == (TAU_HUP | TAU_ERR));
  CHECK(rig->remove(handle) == 0);
}

TEST_CASE("priority data is an event of its own") {
  Rig rig;
  auto [client, served] = tcp_pair();
  const tau_fd handle = rig.registered(served.get());
  FdWait wait(TAU_PRI);
  CHECK(rig->wait_ready(handle, &wait) == TAU_PENDING);
  put(client, "ordinary");
  rig->poll(5 * ms);
  CHECK(wait.finished == 0);
  REQUIRE(::send(client.get(), "!", 1, MSG_OOB) == 1);
  CHECK(rig.until([&] { return wait.finished == 1; }));
  CHECK(wait.result == TAU_PRI);
  CHECK(rig->remove(handle) == 0);
}

TEST_CASE("a pipe whose reader went before it was registered is ready, for each who registers it") {
  Rig rig;
  auto [out, in] = pipe_pair(O_NONBLOCK);
  out.reset();
  const tau_fd one = rig.registered(in.get(), owner(1));
  rig->poll(-1);  // does not sleep on what it knows
  CHECK((told(rig, one, TAU_OUT) & TAU_OUT) != 0);
  CHECK((told(rig, one, TAU_PRI) & TAU_HUP) != 0);
  const tau_fd two = rig.registered(in.get(), owner(2));
  CHECK((told(rig, two, TAU_OUT) & TAU_OUT) != 0);
  CHECK(rig->remove(one) == 0);
  CHECK(rig->remove(two) == 0);
}

TEST_CASE("a watch withdrawn and begun again before the next poll is a watch") {
  Rig rig;
  auto [a, b] = socket_pair();
  char text[4];
  for (int i = 0; i < 3; ++i) {
    Op receive(TAU_IO_RECV, b.get(), text, 4);
    CHECK_FALSE(rig->submit(&receive));
    CHECK(rig->cancel(&receive));
    CHECK_FALSE(rig->submit(&receive));
    put(a, "x");
    CHECK(rig.until([&] { return receive.finished == 1; }));
  }
}

TEST_CASE("more watches are withdrawn than one call takes, and the rest is still watched") {
  Rig rig;
  char text[4];
  std::vector<FdPair> pairs;
  std::vector<std::unique_ptr<Op>> ops;
  for (int i = 0; i < 200; ++i) {
    pairs.push_back(socket_pair());
    ops.push_back(std::make_unique<Op>(TAU_IO_RECV, pairs.back().second.get(), text, 4));
    CHECK_FALSE(rig->submit(ops.back().get()));
  }
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (i % 3 != 0) CHECK(rig->cancel(ops[i].get()));
  }
  for (FdPair& pair : pairs) put(pair.first, "x");
  CHECK(rig.until([&] { return rig->pending() == 0; }));
  for (std::size_t i = 0; i < ops.size(); ++i) CHECK(ops[i]->finished == (i % 3 == 0 ? 1 : 0));
  // Nobody's watch makes the loop wake up.
  for (FdPair& pair : pairs) put(pair.first, "y");
  const auto start = SteadyClock::now();
  rig->poll(5 * ms);
  CHECK(SteadyClock::now() - start >= std::chrono::milliseconds(5));
}

TEST_CASE("a watch withdrawn from a number that is closed by then costs the sleep nothing") {
  Rig rig;
  auto [a, b] = socket_pair();
  auto [c, d] = socket_pair();
  char text[4];
  Op receive(TAU_IO_RECV, b.get(), text, 4), other(TAU_IO_RECV, d.get(), text, 4);
  CHECK_FALSE(rig->submit(&receive));
  CHECK_FALSE(rig->submit(&other));
  rig.settle();  // that they can be written
  CHECK(rig->cancel(&receive));
  b.reset();
  const auto start = SteadyClock::now();
  rig->poll(5 * ms);
  CHECK(SteadyClock::now() - start >= std::chrono::milliseconds(5));

  // The same where the number is another file by then, which is watched at once.
  CHECK(rig->cancel(&other));
  const int number = d.get();
  d.reset();
  auto [e, f] = socket_pair();
  Fd& reused = e.get() == number ? e : f;
  REQUIRE(reused.get() == number);
  other.fd = number;
  CHECK_FALSE(rig->submit(&other));
  put(&reused == &e ? f : e, "x");
  CHECK(rig.until([&] { return other.finished == 1; }));
  CHECK(other.result == 1);
}
