#include <tau/async_fd.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "support/runtime_fixture.hpp"

using namespace std::chrono_literals;
using tau::test::RuntimeFixture;

namespace {

struct Pair {
  int ends[2];
  Pair() { REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0); }
  ~Pair() {
    for (int fd : ends) {
      if (fd >= 0) close(fd);
    }
  }
};

struct Fds : RuntimeFixture {
  Pair pair;
};

}  // namespace

TEST_CASE_FIXTURE(Fds, "a reader waits until there is something to read") {
  std::string got;
  auto reader = [&]() -> tau::Task<> {
    auto fd = tau::AsyncFd::create(pair.ends[0]);
    REQUIRE(fd);
    char buffer[16];
    for (;;) {
      auto attempt = [&] { return read(pair.ends[0], buffer, sizeof buffer); };
      auto count = co_await fd->async_io(tau::Ready::readable, attempt);
      if (!count || *count == 0) co_return;
      got.append(buffer, *count);
    }
  };
  auto handle = tau::spawn(reader);
  settle();
  CHECK(got.empty());
  CHECK(plugin.fd_waits == 1);
  REQUIRE(write(pair.ends[1], "hello", 5) == 5);
  run_until([&] { return got == "hello"; });
  REQUIRE(write(pair.ends[1], " again", 6) == 6);
  run_until([&] { return got == "hello again"; });
  close(std::exchange(pair.ends[1], -1));
  run_until([&] { return handle.is_finished(); });
  CHECK(plugin.fds == 0);
  CHECK(plugin.fd_waits == 0);
}

TEST_CASE_FIXTURE(Fds, "several tasks wait on one descriptor in both directions") {
  auto fd = tau::AsyncFd::create(pair.ends[0]);
  REQUIRE(fd);
  int readable = 0, writable = 0;
  auto wait = [&](tau::Ready interest, int* count) -> tau::Task<> {
    auto ready = co_await fd->ready(interest);
    REQUIRE(ready);
    CHECK((*ready & interest));
    ++*count;
  };
  for (int i = 0; i < 5; ++i) {
    tau::spawn(wait(tau::Ready::readable, &readable)).detach();
    tau::spawn(wait(tau::Ready::writable, &writable)).detach();
  }
  run_until([&] { return writable == 5; });
  CHECK(readable == 0);
  REQUIRE(write(pair.ends[1], "x", 1) == 1);
  run_until([&] { return readable == 5; });
}

TEST_CASE_FIXTURE(Fds, "aborting a task withdraws its wait") {
  auto fd = tau::AsyncFd::create(pair.ends[0]);
  REQUIRE(fd);
  auto waits = [&]() -> tau::Task<> {
    auto ready = co_await fd->readable();
    FAIL("woken after abort: " << ready.has_value());
  };
  auto handle = tau::spawn(waits);
  settle();
  CHECK(plugin.fd_waits == 1);
  handle.abort();
  settle();
  CHECK(plugin.fd_waits == 0);
  REQUIRE(write(pair.ends[1], "x", 1) == 1);
  settle();
}

TEST_CASE_FIXTURE(Fds, "a descriptor that cannot be waited for says so") {
  CHECK(tau::AsyncFd::create(-1).error() == tau::Error::system(EBADF));
  int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  CHECK(tau::AsyncFd::create(file).error() == tau::Error::system(EPERM));
  close(file);
}

TEST_CASE_FIXTURE(Fds, "unloading withdraws waits and registrations, the other plugin's stay") {
  tau_plugin other;
  other.phase = tau::host::Phase::running;
  bool mine_woken = false;
  auto fd = tau::AsyncFd::create(pair.ends[0]);
  REQUIRE(fd);
  auto wait = [](int descriptor, bool* woken) -> tau::Task<> {
    auto registered = tau::AsyncFd::create(descriptor);
    auto ready = co_await registered->readable();
    *woken = ready.has_value();
  };
  bool theirs_woken = false;
  {
    tau::test::AsModule as(&other);
    for (int i = 0; i < 50; ++i) tau::spawn(wait(pair.ends[0], &theirs_woken)).detach();
    settle();
  }
  tau::spawn(wait(pair.ends[0], &mine_woken)).detach();
  settle();
  CHECK(other.fd_waits == 50);
  unload(other);
  check_empty(other);
  REQUIRE(write(pair.ends[1], "x", 1) == 1);
  run_until([&] { return mine_woken; });
  CHECK_FALSE(theirs_woken);
}

TEST_CASE_FIXTURE(Fds, "an interest in what is no event is refused") {
  tau_fd handle = 0;
  REQUIRE(tau_fd_register(&plugin, pair.ends[0], &handle) == TAU_OK);
  tau_fd_wait wait{};
  wait.owner = &plugin;
  wait.interest = TAU_IN | 1u << 31;
  CHECK(tau_fd_wait_ready(handle, &wait) == TAU_E_INVALID);
  CHECK(wait.previous == nullptr);
  CHECK(plugin.fd_waits == 0);
  CHECK(tau_fd_deregister(handle) == TAU_OK);
}
