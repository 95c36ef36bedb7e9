// More at once than any queue between us and the kernel holds: nothing is lost, nothing is told twice.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "reactor_pool.hpp"

using namespace tau;
using namespace tau::test;

namespace {

constexpr std::size_t more_than_submissions_fit = 3000;

}  // namespace

TEST_CASE_FIXTURE(PoolRig, "thousands of file operations are begun at once, and each is told once") {
  char path[] = "/tmp";
  std::vector<struct statx> status(more_than_submissions_fit);
  std::vector<std::unique_ptr<Op>> ops;
  for (struct statx& one : status) {
    ops.push_back(std::make_unique<Op>(TAU_IO_STATX, AT_FDCWD, path, STATX_TYPE));
    ops.back()->other = &one;
    REQUIRE_FALSE(reactor->submit(ops.back().get()));
  }
  CHECK(reactor->pending() == ops.size());
  CHECK(until([&] { return reactor->pending() == 0; }));
  for (std::size_t i = 0; i < ops.size(); ++i) {
    REQUIRE(ops[i]->finished == 1);
    REQUIRE(ops[i]->result == 0);
    REQUIRE(S_ISDIR(status[i].stx_mode));
  }
}

TEST_CASE_FIXTURE(PoolRig, "thousands of file operations are canceled at once, begun or not") {
  char path[] = "/tmp";
  struct statx status;
  std::vector<std::unique_ptr<Op>> ops;
  for (std::size_t i = 0; i < more_than_submissions_fit; ++i) {
    ops.push_back(std::make_unique<Op>(i % 2 ? TAU_IO_STATX : TAU_IO_OPENAT, AT_FDCWD, path, STATX_TYPE));
    ops.back()->other = &status;
    ops.back()->owner = owner(1 + i % 3);
    if (!(i % 2)) ops.back()->flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    ops.back()->then = [](Op& op) {
      if (op.opcode == TAU_IO_OPENAT && op.result >= 0) ::close(static_cast<int>(op.result));
    };
    REQUIRE_FALSE(reactor->submit(ops.back().get()));
  }
  reactor->poll(0);
  std::size_t left = 0;
  for (auto& op : ops) left += op->finished == 0;
  CHECK(reactor->withdraw_owner(owner(2)) <= more_than_submissions_fit / 3);
  for (auto& op : ops) {
    if (op->owner != owner(2) && op->finished == 0) CHECK(reactor->cancel(op.get()));
  }
  CHECK(reactor->pending() == 0);
  settle();
  for (auto& op : ops) left -= op->finished == 0;
  CHECK(left == 0);
  finish_jobs();
}

TEST_CASE_FIXTURE(Rig, "more arrivals at once than the kernel's queue holds arrive all, each stream in order") {
  constexpr std::size_t streams = 300, bytes = 60;
  tau_buffers group = 0;
  REQUIRE(reactor->make_buffers(nullptr, 32768, 1, &group) == 0);
  std::vector<FdPair> pairs;
  std::vector<std::string> texts(streams);
  std::vector<std::unique_ptr<Op>> ops;
  std::string sent(bytes, 0);
  for (std::size_t i = 0; i < bytes; ++i) sent[i] = static_cast<char>('0' + i);
  for (std::size_t i = 0; i < streams; ++i) {
    pairs.push_back(socket_pair());
    put(pairs.back().first, sent);
    ops.push_back(std::make_unique<Op>(TAU_IO_RECV, pairs.back().second.get()));
    Op& op = *ops.back();
    op.how = TAU_IO_MULTISHOT;
    op.group = group;
    op.then = [&, i](Op& self) {
      if (self.result > 0) {
        texts[i].append(static_cast<const char*>(self.buffer), static_cast<std::size_t>(self.result));
        reactor->give_back(group, self.piece);
      } else {
        CHECK(self.result == -ENOBUFS);
      }
      if (!(self.how & TAU_IO_MORE)) CHECK_FALSE(reactor->submit(&self));
    };
    REQUIRE_FALSE(reactor->submit(&op));
  }
  CHECK(until([&] { return std::all_of(texts.begin(), texts.end(), [](auto& text) { return text.size() >= bytes; }); }));
  for (const std::string& text : texts) REQUIRE(text == sent);
  for (auto& op : ops) CHECK(reactor->cancel(op.get()));
  CHECK(reactor->drop_buffers(group) == 0);
}
