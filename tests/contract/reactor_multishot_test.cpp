// Contract item 10: accepts and receives that go on by themselves, and the buffers they are given.
// (Descriptors are named variables here: Clang 14 does not let a lambda capture a structured binding.)
#include <filesystem>
#include <tuple>

#include "reactor_rig.hpp"

using namespace tau;
using namespace tau::test;

namespace {

int descriptors_open() {
  int count = 0;
  for ([[maybe_unused]] auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

/// Receives all there is and gives each piece back at once.
struct Stream : Op {
  std::string text;
  int arrivals = 0;
  bool over = false;  // told for the last time
  bool keeps = false;
  std::vector<std::uint32_t> kept;

  Stream(Rig& rig, int descriptor, tau_buffers from, tau_plugin* who = nullptr) : Op(TAU_IO_RECV, descriptor) {
    how = TAU_IO_MULTISHOT;
    group = from;
    owner = who;
    then = [this, &rig](Op&) {
      ++arrivals;
      over = !(how & TAU_IO_MORE);
      if (result <= 0) return;
      text.append(static_cast<const char*>(buffer), static_cast<std::size_t>(result));
      if (keeps) {
        kept.push_back(piece);
      } else {
        rig->give_back(group, piece);
      }
    };
  }
  void start(Rig& rig) {
    over = false;
    CHECK_FALSE(rig->submit(this));
  }
};

struct MultishotRig : Rig {
  Fd a, b;
  MultishotRig() { std::tie(a, b) = socket_pair(); }
  tau_buffers buffers(std::uint32_t count, std::uint32_t size, tau_plugin* who = nullptr) {
    tau_buffers group = 0;
    REQUIRE(reactor->make_buffers(who, count, size, &group) == 0);
    return group;
  }
};

}  // namespace

TEST_CASE_FIXTURE(MultishotRig, "one receive brings all that arrives, in order, until the end of the stream") {
  const tau_buffers group = buffers(8, 16);
  Stream stream(*this, b.get(), group);
  stream.start(*this);
  CHECK(stream.arrivals == 0);
  std::string sent;
  for (int i = 0; i < 50; ++i) {
    const std::string line = "line " + std::to_string(i) + ", and more than a piece holds\n";
    put(a, line);
    sent += line;
    CHECK(until([&] {
      if (stream.over) stream.start(*this);  // several arrivals at once may use up the group
      return stream.text.size() == sent.size();
    }));
  }
  CHECK(stream.text == sent);
  if (!stream.over) CHECK(reactor->drop_buffers(group) == TAU_E_BUSY);
  a.reset();
  CHECK(until([&] { return stream.result == 0 && stream.over; }));
  CHECK(reactor->pending() == 0);
  CHECK(reactor->drop_buffers(group) == 0);
  CHECK(reactor->drop_buffers(group) == TAU_E_STALE);
}

TEST_CASE_FIXTURE(MultishotRig, "a group that is used up ends the receive, and serves again after pieces came back") {
  const tau_buffers group = buffers(2, 4);
  Stream stream(*this, b.get(), group);
  stream.keeps = true;
  stream.start(*this);
  put(a, "aaaabbbbcccc");
  CHECK(until([&] { return stream.result == -ENOBUFS; }));
  CHECK(stream.over);
  CHECK(stream.text == "aaaabbbb");
  CHECK(stream.kept.size() == 2);
  CHECK(stream.kept[0] != stream.kept[1]);

  const int before = stream.arrivals;
  stream.start(*this);  // still nothing there: told again, and nothing is lost
  CHECK(until([&] { return stream.arrivals > before; }));
  CHECK(stream.result == -ENOBUFS);

  for (std::uint32_t piece : stream.kept) reactor->give_back(group, piece);
  for (std::uint32_t piece : stream.kept) reactor->give_back(group, piece);  // a second time changes nothing
  reactor->give_back(group, 99);
  stream.keeps = false;
  stream.start(*this);
  put(a, "dddd");
  CHECK(until([&] { return stream.text == "aaaabbbbccccdddd"; }));
  CHECK(reactor->cancel(&stream));
  CHECK(reactor->drop_buffers(group) == 0);
}

TEST_CASE_FIXTURE(MultishotRig, "a canceled receive is not called again, whatever state it was in") {
  const tau_buffers group = buffers(4, 16);
  for (int state = 0; state < 5; ++state) {
    auto stream = std::make_unique<Stream>(*this, b.get(), group);
    CHECK_FALSE(reactor->submit(stream.get()));
    if (state >= 1) reactor->poll(0);
    if (state >= 2) put(a, "arrived");
    if (state >= 3) reactor->poll(0);
    if (state == 4) {  // from its own callback, with more to be told
      stream->then = [&](Op& self) {
        reactor->give_back(self.group, self.piece);
        CHECK(reactor->cancel(&self));
      };
      put(a, "again");
      reactor->poll(0);
    } else {
      CHECK(reactor->cancel(stream.get()));
    }
    CHECK_FALSE(reactor->cancel(stream.get()));
    CHECK(reactor->pending() == 0);
    stream.reset();
    settle();
    drain(b);
  }
  // Every piece is there again.
  Stream stream(*this, b.get(), group);
  stream.keeps = true;
  stream.start(*this);
  put(a, std::string(4 * 16, 'x'));
  CHECK(until([&] { return stream.kept.size() == 4; }));
  reactor->cancel(&stream);  // with nothing left to take it may have ended
  CHECK(reactor->drop_buffers(group) == 0);
}

TEST_CASE_FIXTURE(MultishotRig, "a descriptor may be closed and its number reused right after the cancel") {
  const tau_buffers group = buffers(4, 16);
  Stream stream(*this, b.get(), group);
  stream.start(*this);
  reactor->poll(0);
  CHECK(reactor->cancel(&stream));
  b.reset();
  char byte;
  CHECK(::recv(a.get(), &byte, 1, MSG_DONTWAIT) == 0);  // the other side sees it closed
  CHECK(reactor->drop_buffers(group) == 0);
}

TEST_CASE_FIXTURE(MultishotRig, "receives on several descriptors share one group") {
  const tau_buffers group = buffers(2, 32);
  std::vector<FdPair> pairs;
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 20; ++i) {
    pairs.push_back(socket_pair());
    streams.push_back(std::make_unique<Stream>(*this, pairs.back().second.get(), group));
    CHECK_FALSE(reactor->submit(streams.back().get()));
  }
  for (int round = 0; round < 20; ++round) {
    for (FdPair& pair : pairs) put(pair.first, "word ");
    CHECK(until([&] {
      bool all = true;
      for (auto& stream : streams) {
        if (stream->over) stream->start(*this);
        all &= stream->text.size() == 5 * static_cast<std::size_t>(round + 1);
      }
      return all;
    }));
  }
  for (auto& stream : streams) reactor->cancel(stream.get());
  CHECK(reactor->drop_buffers(group) == 0);
}

TEST_CASE_FIXTURE(Rig, "one accept brings every caller, and canceled it keeps none") {
  sockaddr_in address;
  Fd listener = tcp_listener(&address);
  std::vector<Fd> clients, served;
  Op accept(TAU_IO_ACCEPT, listener.get());
  accept.how = TAU_IO_MULTISHOT;
  accept.flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
  accept.then = [&](Op& op) {
    REQUIRE(op.result >= 0);
    CHECK((op.how & TAU_IO_MORE) != 0);
    served.emplace_back(static_cast<int>(op.result));
    CHECK((::fcntl(served.back().get(), F_GETFL) & O_NONBLOCK) != 0);
  };
  const auto call = [&] {
    clients.push_back(tcp_socket(0));
    REQUIRE(connect_to(clients.back(), address));
  };
  CHECK_FALSE(reactor->submit(&accept));
  for (int i = 0; i < 10; ++i) call();
  CHECK(until([&] { return served.size() == 10; }));
  call();
  CHECK(until([&] { return served.size() == 11; }));

  // Those that arrive beside the one whose callback cancels are not leaked.
  const int before = descriptors_open();
  accept.then = [&](Op& op) {
    served.emplace_back(static_cast<int>(op.result));
    CHECK(reactor->cancel(&op));
  };
  for (int i = 0; i < 5; ++i) call();
  CHECK(until([&] { return served.size() == 12; }));
  CHECK(reactor->pending() == 0);
  CHECK(descriptors_open() == before + 5 + 1);
}

TEST_CASE_FIXTURE(MultishotRig, "an owner's receives and groups are withdrawn, and nobody else's") {
  const tau_buffers mine = buffers(4, 16, owner(1)), other = buffers(4, 16, owner(2));
  CHECK(reactor->owner_of_buffers(mine) == owner(1));
  FdPair more = socket_pair();
  Stream my_stream(*this, b.get(), mine, owner(1)), their_stream(*this, more.second.get(), other, owner(2));
  CHECK_FALSE(reactor->submit(&my_stream));
  CHECK_FALSE(reactor->submit(&their_stream));
  reactor->poll(0);
  put(a, "mine");
  CHECK(reactor->withdraw_owner(owner(1)) == 2);
  CHECK(reactor->owner_of_buffers(mine) == nullptr);
  CHECK(reactor->drop_buffers(mine) == TAU_E_STALE);
  CHECK(reactor->submit(&my_stream));
  CHECK(my_stream.result == TAU_E_STALE);
  put(more.first, "theirs");
  CHECK(until([&] { return their_stream.text == "theirs"; }));
  CHECK(my_stream.arrivals == 0);
  CHECK(reactor->cancel(&their_stream));
  CHECK(reactor->drop_buffers(other) == 0);
}

TEST_CASE_FIXTURE(Rig, "groups of a shape that cannot be are refused") {
  tau_buffers group = 7;
  for (auto [count, size] : {std::pair{0u, 16u}, {3u, 16u}, {65536u, 16u}, {4u, 0u}, {4u, (1u << 20) + 1}}) {
    CHECK(reactor->make_buffers(nullptr, count, size, &group) == TAU_E_INVALID);
  }
  CHECK(group == 7);
}
