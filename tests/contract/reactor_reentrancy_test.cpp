// Contract item 6: callbacks that submit, cancel, register, deregister and poll.
// (Descriptors are named variables here: Clang 14 does not let a lambda capture a structured binding.)
#include <tuple>

#include "reactor_rig.hpp"

using namespace tau;
using namespace tau::test;

TEST_CASE("what a callback cancels is not called, be it next in the row or last") {
  Rig rig;
  Fd a, b;
  std::tie(a, b) = socket_pair(SOCK_NONBLOCK);
  const tau_fd handle = rig.registered(b.get());
  FdWait waits[4] = {FdWait(TAU_IN), FdWait(TAU_IN), FdWait(TAU_IN), FdWait(TAU_IN)};
  for (FdWait& wait : waits) CHECK(rig->wait_ready(handle, &wait) == TAU_PENDING);
  waits[0].then = [&](FdWait&) {
    CHECK(rig->cancel_wait(&waits[1]));
    CHECK(rig->cancel_wait(&waits[3]));
    CHECK_FALSE(rig->cancel_wait(&waits[0]));
  };
  put(a, "x");
  CHECK(rig.until([&] { return waits[2].finished == 1; }));
  CHECK(waits[0].finished == 1);
  CHECK(waits[1].finished + waits[3].finished == 0);
  CHECK(rig->remove(handle) == 0);
}

TEST_CASE("a callback destroys its own operation, its descriptor and its registration") {
  Rig rig;
  Fd a, b;
  std::tie(a, b) = socket_pair(SOCK_NONBLOCK);
  const tau_fd handle = rig.registered(b.get());
  char text[4];
  auto* receive = new Op(TAU_IO_RECV, b.get(), text, 4);
  auto* neighbour = new Op(TAU_IO_RECV, b.get(), text, 4);
  bool called = false;
  receive->then = [&](Op& self) {
    CHECK(rig->cancel(neighbour));
    delete neighbour;
    CHECK(rig->remove(handle) == 0);
    b.reset();
    called = true;
    auto keep = std::move(self.then);  // the closure runs until it returns
    delete &self;
  };
  CHECK_FALSE(rig->submit(receive));
  CHECK_FALSE(rig->submit(neighbour));
  put(a, "xyz");
  CHECK(rig.until([&] { return called; }));
}

TEST_CASE("a callback closes a descriptor whose event is in the same batch, and another takes its number") {
  Rig rig;
  Fd a, b;
  std::tie(a, b) = socket_pair(SOCK_NONBLOCK);
  Fd c, d;
  std::tie(c, d) = socket_pair(SOCK_NONBLOCK);
  char text[4];
  Op one(TAU_IO_RECV, b.get(), text, 4), two(TAU_IO_RECV, d.get(), text, 4);
  Op fresh(TAU_IO_RECV, -1, text, 4);
  Fd e, f;
  const auto swap = [&](Op& pending, Fd& victim) {
    CHECK(rig->cancel(&pending));
    const int number = victim.get();
    victim.reset();
    std::tie(e, f) = socket_pair(SOCK_NONBLOCK);
    fresh.fd = e.get() == number ? e.get() : f.get();
    CHECK(fresh.fd == number);
    CHECK_FALSE(rig->submit(&fresh));
  };
  one.then = [&](Op&) { swap(two, d); };
  two.then = [&](Op&) { swap(one, b); };
  CHECK_FALSE(rig->submit(&one));
  CHECK_FALSE(rig->submit(&two));
  put(a, "x");
  put(c, "y");
  rig.settle();
  CHECK(one.finished + two.finished == 1);
  CHECK(fresh.finished == 0);
  put(fresh.fd == e.get() ? f : e, "z");
  CHECK(rig.until([&] { return fresh.finished == 1; }));
  CHECK(fresh.result == 1);
}

TEST_CASE("a callback may poll: the inner poll tells what the outer one had not told yet") {
  Rig rig;
  constexpr int count = 8;
  std::vector<FdPair> pairs;
  std::vector<std::unique_ptr<Op>> ops;
  char text[4];
  int told = 0;
  for (int i = 0; i < count; ++i) {
    pairs.push_back(socket_pair(SOCK_NONBLOCK));
    ops.push_back(std::make_unique<Op>(TAU_IO_RECV, pairs.back().second.get(), text, 4));
    ops.back()->then = [&](Op&) {
      // The first one called waits for all others, as block_on does.
      if (++told == 1) CHECK(rig.until([&] { return told == count; }));
    };
    CHECK_FALSE(rig->submit(ops.back().get()));
  }
  for (FdPair& pair : pairs) put(pair.first, "x");
  CHECK(rig.until([&] { return told == count; }));
  for (auto& op : ops) CHECK(op->finished == 1);
}

TEST_CASE("an inner poll serves the rest of the same descriptor's queue before it sleeps") {
  Rig rig;
  Fd a, b;
  std::tie(a, b) = socket_pair(SOCK_NONBLOCK);
  char text[4];
  Op one(TAU_IO_RECV, b.get(), text, 1), two(TAU_IO_RECV, b.get(), text, 1), look(TAU_IO_POLL, b.get());
  look.flags = TAU_IN;
  one.then = [&](Op&) {
    while (two.finished == 0) rig->poll(-1);  // would hang if it went to sleep
  };
  CHECK_FALSE(rig->submit(&one));
  CHECK_FALSE(rig->submit(&two));
  CHECK_FALSE(rig->submit(&look));
  put(a, "xyz");
  CHECK(rig.until([&] { return look.finished == 1; }));
  CHECK(two.finished == 1);
}

TEST_CASE("callbacks that submit anew keep neither poll nor other descriptors waiting for ever") {
  Rig rig;
  Fd a, b;
  std::tie(a, b) = socket_pair(SOCK_NONBLOCK);
  Fd c, d;
  std::tie(c, d) = socket_pair(SOCK_NONBLOCK);
  // Two operations that queue up behind each other: the descriptor is ready whenever one is served,
  // since each callback sends what the next will receive.
  char text[4];
  Op greedy[2] = {Op(TAU_IO_RECV, b.get(), text, 1), Op(TAU_IO_RECV, b.get(), text, 1)};
  for (Op& op : greedy) {
    op.then = [&](Op& self) {
      put(a, "x");
      CHECK_FALSE(rig->submit(&self));  // behind the other
    };
    CHECK_FALSE(rig->submit(&op));
  }
  Op modest(TAU_IO_RECV, d.get(), text, 1);
  CHECK_FALSE(rig->submit(&modest));
  put(a, "x");
  rig->poll(0);
  CHECK(greedy[0].finished > 0);
  put(c, "y");
  CHECK(rig.until([&] { return modest.finished == 1; }));
  for (Op& op : greedy) CHECK(rig->cancel(&op));
}
