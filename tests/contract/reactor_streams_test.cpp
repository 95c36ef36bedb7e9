// TCP, where a receive that took all there was lets the next one wait without a try: nothing that comes
// afterwards, or was on its way, may be missed.
#include <algorithm>
#include <tuple>

#include "reactor_rig.hpp"
#include "support/seed.hpp"

using namespace tau;
using namespace tau::test;

namespace {

struct StreamRig : Rig {
  Fd a, b;
  tau_fd handle = 0;
  char block[64] = {};

  StreamRig() {
    std::tie(a, b) = tcp_pair();
    handle = registered(b.get());
  }
  ~StreamRig() { CHECK(reactor->remove(handle) == 0); }

  std::int64_t receive() {
    Op op(TAU_IO_RECV, b.get(), block, sizeof block);
    return run(op);
  }
};

}  // namespace

TEST_CASE_FIXTURE(StreamRig, "what comes after a receive that took everything is received") {
  for (int i = 0; i < 200; ++i) {
    put(a, "ping");
    CHECK(receive() == 4);
    if (i % 3 == 0) settle();
  }
}

TEST_CASE_FIXTURE(StreamRig, "the end of the stream is told, wherever it comes between two receives") {
  int place = 0;
  SUBCASE("with the bytes") { place = 0; }
  SUBCASE("after the bytes were seen") { place = 1; }
  SUBCASE("after they were received") { place = 2; }
  SUBCASE("while the next receive waits") { place = 3; }
  Op next(TAU_IO_RECV, b.get(), block, sizeof block);
  put(a, "last");
  if (place == 0) ::shutdown(a.get(), SHUT_WR);
  settle();
  if (place == 1) ::shutdown(a.get(), SHUT_WR);
  CHECK(receive() == 4);
  if (place == 2) ::shutdown(a.get(), SHUT_WR);
  if (place == 3) {
    CHECK_FALSE(reactor->submit(&next));
    ::shutdown(a.get(), SHUT_WR);
    CHECK(until([&] { return next.finished == 1; }));
    CHECK(next.result == 0);
  } else {
    CHECK(run(next) == 0);
  }
  CHECK(receive() == 0);
}

TEST_CASE_FIXTURE(StreamRig, "urgent data does not hide the bytes behind it") {
  put(a, "before");
  REQUIRE(::send(a.get(), "!", 1, MSG_OOB) == 1);
  put(a, "behind");
  std::string text;
  settle();
  while (text.size() < 12) {
    const std::int64_t count = receive();
    REQUIRE(count > 0);
    text.append(block, static_cast<std::size_t>(count));
  }
  CHECK(text == "beforebehind");
}

TEST_CASE_FIXTURE(StreamRig, "priority data is told apart from other data, be it there already or not") {
  settle();
  FdWait wait(TAU_PRI);
  CHECK(reactor->wait_ready(handle, &wait) == TAU_PENDING);
  Op look(TAU_IO_POLL, b.get());
  look.flags = TAU_PRI;
  CHECK_FALSE(reactor->submit(&look));
  put(a, "ordinary");
  settle();
  CHECK(wait.finished + look.finished == 0);
  REQUIRE(::send(a.get(), "!", 1, MSG_OOB) == 1);
  CHECK(until([&] { return wait.finished == 1 && look.finished == 1; }));
  CHECK((wait.result & TAU_PRI) != 0);

  CHECK(reactor->clear(handle, TAU_PRI) == 0);
  settle();
  const tau_fd other = registered(b.get());
  FdWait late(TAU_PRI);
  if (reactor->wait_ready(other, &late) == TAU_PENDING) CHECK(until([&] { return late.finished == 1; }));
  CHECK(reactor->remove(other) == 0);
}

TEST_CASE_FIXTURE(StreamRig, "a peek and a receive of nothing say nothing about what is there") {
  put(a, "word");
  Op peek(TAU_IO_RECV, b.get(), block, sizeof block), nothing(TAU_IO_RECV, b.get(), block, 0);
  peek.flags = MSG_PEEK;
  CHECK(run(peek) == 4);
  CHECK(run(peek) == 4);
  CHECK(run(nothing) == 0);
  CHECK(receive() == 4);
}

TEST_CASE_FIXTURE(StreamRig, "a stream in pieces of any size arrives whole, once, in order") {
  TAU_SEEDED_RANDOM(random);
  std::string sent, got;
  for (int i = 0; i < 4000; ++i) {
    if (random() % 2) {
      std::string piece(1 + random() % 100, static_cast<char>('a' + i % 26));
      put(a, piece);
      sent += piece;
    } else if (got.size() < sent.size()) {
      Op op(TAU_IO_RECV, b.get(), block, 1 + random() % sizeof block);
      REQUIRE(run(op) > 0);
      got.append(block, static_cast<std::size_t>(op.result));
    } else {
      Op op(TAU_IO_RECV, b.get(), block, sizeof block);
      REQUIRE_FALSE(reactor->submit(&op));
      if (random() % 2) reactor->poll(0);
      REQUIRE(reactor->cancel(&op));
    }
  }
  while (got.size() < sent.size()) {
    const std::int64_t count = receive();
    REQUIRE(count > 0);
    got.append(block, static_cast<std::size_t>(count));
  }
  CHECK(got == sent);
}
