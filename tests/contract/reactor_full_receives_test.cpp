// TCP, where messages are as long as the buffer that receives them: what a receive left behind cannot be told from
// its size, and once the next one was in vain it is tried later (readiness.hpp). Nothing may be missed for that.
#include <algorithm>
#include <deque>
#include <tuple>

#include "reactor_rig.hpp"
#include "support/seed.hpp"

using namespace tau;
using namespace tau::test;

namespace {

constexpr std::size_t size = 64;
const std::string full(size, 'x');

/// Of one who has registered the descriptor, so that nobody has to be asked whether it is still the same.
struct Receive : Op {
  Receive(int fd, char* block) : Op(TAU_IO_RECV, fd, block, size) { tau_io::owner = test::owner(1); }
};

struct Connection {
  Rig& rig;
  Fd a, b;
  tau_fd handle = 0;
  char block[size] = {};

  explicit Connection(Rig& rig) : rig(rig) {
    std::tie(a, b) = tcp_pair();
    handle = rig.registered(b.get(), owner(1));
    learn();
  }
  Connection(const Connection&) = delete;
  ~Connection() { CHECK(rig->remove(handle) == 0); }

  std::int64_t receive() {
    Receive op(b.get(), block);
    return rig.run(op);
  }
  /// One message after the other: behind a full receive there is nothing. At the end one has been received.
  void learn() {
    put(a, full);
    REQUIRE(receive() == size);
    Receive next(b.get(), block);
    REQUIRE_FALSE(rig->submit(&next));
    put(a, full);
    REQUIRE(rig.until([&] { return next.finished == 1; }));
    REQUIRE(next.result == size);
  }
};

struct FullRig : Rig {
  Connection one{*this};
};

}  // namespace

TEST_CASE_FIXTURE(FullRig, "what was there already behind a message that filled the buffer is received") {
  for (int i = 0; i < 20; ++i) {
    put(one.a, full + full + "rest");
    CHECK(one.receive() == size);
    CHECK(one.receive() == size);
    CHECK(one.receive() == 4);
    one.learn();
  }
}

TEST_CASE_FIXTURE(FullRig, "the end of the stream is told behind a message that filled the buffer") {
  SUBCASE("where it came with the message") {
    put(one.a, full);
    ::shutdown(one.a.get(), SHUT_WR);
    CHECK(one.receive() == size);
  }
  SUBCASE("where it came after it") { ::shutdown(one.a.get(), SHUT_WR); }
  CHECK(one.receive() == 0);
}

TEST_CASE_FIXTURE(FullRig, "who withdraws a receive behind a full one finds at once what is there when asking again") {
  put(one.a, full + "rest");
  CHECK(one.receive() == size);
  Receive first(one.b.get(), one.block), second(one.b.get(), one.block);
  CHECK_FALSE(reactor->submit(&first));
  CHECK(reactor->cancel(&first));
  CHECK(reactor->submit(&second));
  CHECK(second.result == 4);
  CHECK(first.finished == 0);
}

TEST_CASE_FIXTURE(FullRig, "those in line behind a withdrawn receive are served") {
  put(one.a, full + "rest");
  CHECK(one.receive() == size);
  Receive first(one.b.get(), one.block), second(one.b.get(), one.block);
  CHECK_FALSE(reactor->submit(&first));
  CHECK_FALSE(reactor->submit(&second));
  CHECK(reactor->cancel(&first));
  CHECK(until([&] { return second.finished == 1; }));
  CHECK(second.result == 4);
}

TEST_CASE_FIXTURE(FullRig, "a receive behind a full one is tried, too, where only the other direction has an event") {
  fill(one.b);
  Op send(TAU_IO_SEND, one.b.get(), one.block, size);
  CHECK_FALSE(reactor->submit(&send));
  settle();
  put(one.a, full + "rest");
  CHECK(one.receive() == size);
  Receive next(one.b.get(), one.block);
  const bool at_once = reactor->submit(&next);
  const auto ended = [&] { return send.finished == 1 && (at_once || next.finished == 1); };
  for (int i = 0; i < 200 && !ended(); ++i) {
    drain(one.a);
    reactor->poll(5 * ms);
  }
  CHECK(ended());
  CHECK(next.result == 4);
}

TEST_CASE_FIXTURE(FullRig, "a descriptor that is closed and reused with a receive in doubt ends it") {
  put(one.a, full + "rest");
  CHECK(one.receive() == size);
  Receive next(one.b.get(), one.block);
  Op closing(TAU_IO_CLOSE, one.b.get());
  CHECK_FALSE(reactor->submit(&next));
  CHECK(run(closing) == 0);
  CHECK(one.b.release() >= 0);
  CHECK(until([&] { return next.finished == 1; }));
  CHECK(next.result == TAU_E_CLOSED);
}

TEST_CASE_FIXTURE(Rig, "receives behind full ones are tried on however many connections") {
  for (const std::size_t count : {2u, 3u, 4u, 40u}) {
    CAPTURE(count);
    std::deque<Connection> all;
    std::deque<Receive> ops;
    while (all.size() < count) all.emplace_back(*this);
    for (Connection& each : all) {
      put(each.a, full + "rest");
      CHECK(each.receive() == size);
      CHECK_FALSE(reactor->submit(&ops.emplace_back(each.b.get(), each.block)));
    }
    CHECK(until([&] { return std::all_of(ops.begin(), ops.end(), [](const Receive& op) { return op.finished == 1; }); }));
    for (const Receive& op : ops) CHECK(op.result == 4);
  }
}

TEST_CASE_FIXTURE(Rig, "messages of the buffer's length arrive whole and in order on several connections") {
  TAU_SEEDED_RANDOM(random);
  std::deque<Connection> all;
  while (all.size() < 6) all.emplace_back(*this);
  std::deque<Receive> ops;
  std::string sent[6], got[6];
  for (Connection& each : all) ops.emplace_back(each.b.get(), each.block);
  const auto take = [&](std::size_t i) {
    REQUIRE(ops[i].result > 0);
    got[i].append(all[i].block, static_cast<std::size_t>(ops[i].result));
  };
  for (int turn = 0; turn < 6000; ++turn) {
    const std::size_t i = random() % all.size();
    switch (random() % 5) {
      case 0: {
        const std::string message((random() % 8 != 0 ? 1 + random() % 2 : 0) * size + (random() % 4 == 0 ? 5 : 0),
                                  static_cast<char>('a' + turn % 26));
        if (message.empty()) break;
        put(all[i].a, message);
        sent[i] += message;
        break;
      }
      case 1:
      case 2:
        if (ops[i].previous) break;
        ops[i].then = [&, i](Op&) { take(i); };
        if (reactor->submit(&ops[i])) take(i);
        break;
      case 3:
        if (random() % 4 == 0) reactor->cancel(&ops[i]);
        break;
      default: reactor->poll(0);
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    reactor->cancel(&ops[i]);
    while (got[i].size() < sent[i].size()) {
      const std::int64_t count = all[i].receive();
      REQUIRE(count > 0);
      got[i].append(all[i].block, static_cast<std::size_t>(count));
    }
    CHECK(got[i] == sent[i]);
  }
}
