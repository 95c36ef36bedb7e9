// Many descriptors at once, and everything that may happen to one in an order that nobody thought of.
#include <map>
#include <set>

#include "reactor_rig.hpp"
#include "support/seed.hpp"

using namespace tau;
using namespace tau::test;

namespace {

std::size_t pick(std::mt19937_64& random, std::size_t limit) { return random() % limit; }

/// How many descriptors may be had, `wanted` if the hard limit permits.
std::size_t raise_descriptor_limit(std::size_t wanted) {
  rlimit limit;
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < wanted) {
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  return limit.rlim_cur < wanted ? limit.rlim_cur : wanted;
}

/// A model of one connection beside the real one. Operations know by themselves whether they may be
/// called; the test knows how many bytes went in and came out.
struct Link {
  FdPair fds;
  tau_fd handles[2] = {0, 0};
  std::uint64_t sent = 0, received = 0;
  std::set<std::unique_ptr<Op>> ops;
  std::set<std::unique_ptr<FdWait>> waits;
  char scratch[256] = {};
};

class Storm {
 public:
  Storm(Rig& rig, std::mt19937_64& random) : rig_(rig), random_(random), links_(24) {
    for (Link& link : links_) link.fds = socket_pair(pick(random_, 2) ? SOCK_NONBLOCK : 0);
  }

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      act(links_[pick(random_, links_.size())], pick(random_, 100));
      if (pick(random_, 4) == 0) poll();
    }
    finish();
  }

 private:
  void poll() {
    ++depth_;
    rig_->poll(0);
    --depth_;
  }

  void act(Link& link, std::size_t dice) {
    const int side = static_cast<int>(pick(random_, 2));
    if (dice < 30) return submit(link, TAU_IO_SEND, side);
    if (dice < 60) return submit(link, TAU_IO_RECV, side);
    if (dice < 65) return submit(link, TAU_IO_POLL, side);
    if (dice < 75) return wait(link, side);
    if (dice < 83) return cancel_one(link);
    if (dice < 88) return toggle_registration(link, side);
    if (dice < 90) return reopen(link);
    if (depth_ == 1) poll();  // from inside a callback
  }

  int number(const Link& link, int side) const { return (side ? link.fds.second : link.fds.first).get(); }

  void submit(Link& link, std::uint32_t code, int side) {
    auto owned = std::make_unique<Op>(code, number(link, side), link.scratch, 1 + pick(random_, 200));
    Op* op = owned.get();
    if (code == TAU_IO_POLL) op->flags = pick(random_, 2) ? unsigned{TAU_IN} : unsigned{TAU_OUT};
    op->owner = owner(1 + pick(random_, 3));
    op->then = [this, &link](Op& self) {
      CHECK(depth_ > 0);  // contract 1: from inside poll() only
      account(link, self);
      // It frees itself here; the closure must not be used after that.
      release(link.ops, &self);
      if (pick(random_, 2)) act(links_[pick(random_, links_.size())], pick(random_, 100));
    };
    if (rig_->submit(op)) {
      account(link, *op);
    } else {
      link.ops.insert(std::move(owned));
    }
  }

  void account(Link& link, const Op& op) {
    if (op.opcode == TAU_IO_POLL || op.result <= 0) return;
    (op.opcode == TAU_IO_SEND ? link.sent : link.received) += static_cast<std::uint64_t>(op.result);
  }

  void wait(Link& link, int side) {
    if (!link.handles[side]) return;
    auto owned = std::make_unique<FdWait>(pick(random_, 2) ? unsigned{TAU_IN} : unsigned{TAU_OUT},
                                          owner(1 + pick(random_, 3)));
    FdWait* wait = owned.get();
    wait->then = [this, &link, side](FdWait& self) {
      CHECK(depth_ > 0);
      CHECK((self.result == TAU_E_CLOSED || (self.result & (self.interest | TAU_HUP | TAU_ERR)) != 0));
      if (link.handles[side]) rig_->clear(link.handles[side], self.interest);
      release(link.waits, &self);
    };
    const std::int32_t status = rig_->wait_ready(link.handles[side], wait);
    if (status == TAU_PENDING) {
      link.waits.insert(std::move(owned));
    } else {
      CHECK(status == TAU_READY);
      rig_->clear(link.handles[side], wait->interest);
    }
  }

  template <class T>
  T* some(std::set<std::unique_ptr<T>>& all) {
    if (all.empty()) return nullptr;
    auto it = all.begin();
    std::advance(it, pick(random_, all.size()));
    return it->get();
  }

  /// Moves it to the graveyard: whoever is called after its end is noticed there, not in freed memory.
  template <class T>
  void release(std::set<std::unique_ptr<T>>& all, T* element) {
    for (auto it = all.begin(); it != all.end(); ++it) {
      if (it->get() != element) continue;
      auto node = all.extract(it);
      element->previous = nullptr;
      bury(std::move(node.value()));
      return;
    }
    FAIL_CHECK("called, although it was canceled or had ended");
  }
  void bury(std::unique_ptr<Op> op) { dead_ops_.push_back(std::move(op)); }
  void bury(std::unique_ptr<FdWait> wait) { dead_waits_.push_back(std::move(wait)); }

  void cancel_one(Link& link) {
    if (Op* op = some(link.ops)) {
      CHECK(rig_->cancel(op));
      CHECK_FALSE(rig_->cancel(op));
      release(link.ops, op);
    }
    if (FdWait* wait = some(link.waits)) {
      CHECK(rig_->cancel_wait(wait));
      CHECK_FALSE(rig_->cancel_wait(wait));
      release(link.waits, wait);
    }
  }

  void toggle_registration(Link& link, int side) {
    if (link.handles[side]) {
      CHECK(rig_->remove(std::exchange(link.handles[side], 0)) == 0);
    } else {
      link.handles[side] = rig_.registered(number(link, side), owner(9));
    }
  }

  /// Closes both sides without a word to the reactor, or with one, and opens them anew.
  void reopen(Link& link) {
    for (tau_fd& handle : link.handles) {
      if (handle && pick(random_, 2)) CHECK(rig_->remove(std::exchange(handle, 0)) == 0);
    }
    while (Op* op = some(link.ops)) {
      CHECK(rig_->cancel(op));
      release(link.ops, op);
    }
    check_bytes(link);
    link.fds = {};
    link.fds = socket_pair(SOCK_NONBLOCK);
    for (tau_fd& handle : link.handles) {
      if (handle) CHECK(rig_->remove(std::exchange(handle, 0)) == 0);
    }
    link.sent = link.received = 0;
  }

  /// Nothing was lost between the socket and the operations, canceled ones included.
  void check_bytes(Link& link) {
    char block[512];
    for (int side : {0, 1}) {
      for (ssize_t n; (n = ::recv(number(link, side), block, sizeof block, MSG_DONTWAIT)) > 0;) {
        link.received += static_cast<std::uint64_t>(n);
      }
    }
    CHECK(link.sent == link.received);
  }

  void finish() {
    std::size_t left = 0;
    for (Link& link : links_) left += link.ops.size() + link.waits.size();
    CHECK(rig_->pending() == left);
    for (std::uintptr_t who : {1, 2, 3}) rig_->withdraw_owner(owner(who));
    CHECK(rig_->pending() == 0);
    for (Link& link : links_) {
      for (tau_fd handle : link.handles) {
        if (handle) CHECK(rig_->remove(handle) == 0);
      }
      check_bytes(link);
    }
    poll();
  }

  Rig& rig_;
  std::mt19937_64& random_;
  std::vector<Link> links_;
  std::vector<std::unique_ptr<Op>> dead_ops_;
  std::vector<std::unique_ptr<FdWait>> dead_waits_;
  int depth_ = 0;
};

}  // namespace

TEST_CASE("ten thousand descriptors wait at once and each is told of its own") {
  const std::size_t pairs = (raise_descriptor_limit(10'100) - 100) / 2;
  Rig rig;
  struct Line {
    FdPair fds;
    tau_fd handle = 0;
    std::unique_ptr<FdWait> wait;
    std::unique_ptr<Op> receive;
    char byte = 0;
  };
  std::vector<Line> lines(pairs);
  for (std::size_t i = 0; i < pairs; ++i) {
    Line& line = lines[i];
    line.fds = socket_pair(SOCK_NONBLOCK);
    line.wait = std::make_unique<FdWait>(TAU_IN);
    line.receive = std::make_unique<Op>(TAU_IO_RECV, line.fds.second.get(), &line.byte, 1);
    line.handle = rig.registered(line.fds.first.get());
    REQUIRE(rig->wait_ready(line.handle, line.wait.get()) == TAU_PENDING);
    REQUIRE_FALSE(rig->submit(line.receive.get()));
  }
  rig.settle();
  CHECK(rig->pending() == 2 * pairs);
  for (Line& line : lines) {
    put(line.fds.first, "a");
    put(line.fds.second, "b");
  }
  CHECK(rig.until([&] { return rig->pending() == 0; }));
  for (Line& line : lines) {
    REQUIRE(line.wait->result == TAU_IN);
    REQUIRE(line.receive->result == 1);
    REQUIRE(line.byte == 'a');
    REQUIRE(rig->remove(line.handle) == 0);
  }
}

TEST_CASE("whatever order things happen in, nothing is called twice, lost or called after its end") {
  TAU_SEEDED_RANDOM(random);
  for (int round = 0; round < 20; ++round) {
    Rig rig;
    Storm(rig, random).run(3000);
  }
}
