// Operations through the C ABI on a whole runtime: files go by way of whatever the backend has, are counted
// to their owner, and an unload in the middle takes back its own and nobody else's.
#include <tau/rt/io.h>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "support/two_plugins.hpp"

using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

namespace {

struct Op : tau_io {
  int told = 0;
  Op(tau_plugin& by, std::uint32_t code, int number) : tau_io{} {
    done = [](tau_io* self) { ++static_cast<Op*>(self)->told; };
    owner = &by;
    opcode = code;
    fd = number;
    offset = -1;
  }
  Op(const Op&) = delete;
};

char here[] = "/tmp";

struct Stream : Op {
  std::string text;
  Stream(tau_plugin& by, int number, tau_buffers from) : Op(by, TAU_IO_RECV, number) {
    done = [](tau_io* self) {
      auto& stream = *static_cast<Stream*>(self);
      ++stream.told;
      if (stream.result <= 0) return;
      stream.text.append(static_cast<const char*>(stream.buffer), static_cast<std::size_t>(stream.result));
      tau_buffers_return(stream.group, stream.piece);
    };
    how = TAU_IO_MULTISHOT;
    group = from;
  }
};

struct Pair {
  int ends[2];
  Pair() { REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0); }
  ~Pair() {
    for (int fd : ends) close(fd);
  }
};

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "an operation on a path is counted to its owner until it is told") {
  struct statx status = {};
  Op look(plugin, TAU_IO_STATX, AT_FDCWD);
  look.buffer = here;
  look.length = STATX_TYPE;
  look.other = &status;
  REQUIRE(tau_io_submit(&look) == TAU_PENDING);
  CHECK(plugin.ios == 1);
  run_until([&] { return look.told == 1; });
  CHECK(look.result == 0);
  CHECK(S_ISDIR(status.stx_mode));
  CHECK(plugin.ios == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "an unload takes back file operations that are under way, and only its own") {
  struct statx mine, theirs = {};
  Op look(plugin, TAU_IO_STATX, AT_FDCWD), other_look(other, TAU_IO_STATX, AT_FDCWD);
  Op open(other, TAU_IO_OPENAT, AT_FDCWD);
  for (Op* op : {&look, &other_look, &open}) {
    op->buffer = here;
    op->other = op == &look ? &mine : &theirs;
  }
  open.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  for (Op* op : {&look, &other_look, &open}) REQUIRE(tau_io_submit(op) == TAU_PENDING);
  unload_other();
  CHECK(other_look.told + open.told == 0);
  CHECK(tau_io_submit(&open) == TAU_E_UNLOADING);
  run_until([&] { return look.told == 1; });
  CHECK(look.result == 0);
  settle();
  CHECK(other_look.told + open.told == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "an operation that is none, or asks for what this call has not, is refused") {
  for (std::uint32_t code : {0u, unsigned{TAU_IO_SYMLINKAT} + 1}) {
    Op op(plugin, code, 0);
    CHECK(tau_io_submit(&op) == TAU_E_INVALID);
  }
  Op read(plugin, TAU_IO_READ, 0);
  read.how = 0x100;
  CHECK(tau_io_submit(&read) == TAU_E_INVALID);
  CHECK(plugin.ios == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "a receive that goes on is counted once, and an unload takes back it and its buffers") {
  Pair mine, theirs;
  tau_buffers group = 0, other_group = 0;
  REQUIRE(tau_buffers_create(&plugin, 8, 64, &group) == TAU_OK);
  REQUIRE(tau_buffers_create(&other, 8, 64, &other_group) == TAU_OK);
  Stream stream(plugin, mine.ends[1], group), other_stream(other, theirs.ends[1], other_group);
  REQUIRE(tau_io_submit(&stream) == TAU_PENDING);
  REQUIRE(tau_io_submit(&other_stream) == TAU_PENDING);
  CHECK(plugin.ios == 1);
  CHECK(plugin.buffers == 1);
  for (int i = 1; i <= 3; ++i) {
    REQUIRE(write(mine.ends[0], "word ", 5) == 5);
    run_until([&] { return stream.text.size() == static_cast<std::size_t>(5 * i); });
    CHECK(plugin.ios == 1);
  }
  REQUIRE(write(theirs.ends[0], "late", 4) == 4);
  unload_other();
  CHECK(other.buffers == 0);
  CHECK(tau_buffers_create(&other, 8, 64, &other_group) == TAU_E_UNLOADING);

  shutdown(mine.ends[0], SHUT_WR);
  run_until([&] { return stream.result == 0; });
  CHECK(plugin.ios == 0);
  CHECK(other_stream.text.empty());
  CHECK(tau_buffers_destroy(group) == TAU_OK);
  CHECK(tau_buffers_destroy(group) == TAU_E_STALE);
}

TEST_CASE_FIXTURE(TwoPlugins, "a receive takes pieces of its own plugin's buffers only") {
  Pair pair;
  tau_buffers group = 0;
  REQUIRE(tau_buffers_create(&other, 8, 64, &group) == TAU_OK);
  Stream stream(plugin, pair.ends[1], group);
  CHECK(tau_io_submit(&stream) == TAU_E_INVALID);
  stream.group = 0;
  CHECK(tau_io_submit(&stream) == TAU_E_INVALID);
  stream.opcode = TAU_IO_SEND;
  CHECK(tau_io_submit(&stream) == TAU_E_INVALID);
  CHECK(plugin.ios == 0);
}
