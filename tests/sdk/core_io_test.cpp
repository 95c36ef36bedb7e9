// Operations through the C ABI on a whole runtime: files go by way of whatever the backend has, are counted
// to their owner, and an unload in the middle takes back its own and nobody else's.
#include <tau/rt/io.h>

#include <doctest/doctest.h>
#include <fcntl.h>
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
