// Pollsets: what a foreign loop that believes in epoll meets.
#include <tau/fiber.hpp>
#include <tau/rt/io.h>
#include <tau/rt/pollset.h>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include "support/pollset_fixture.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::Task;
using tau::test::forever;
using tau::test::on_fiber;
using tau::test::RuntimeFixture;
using tau::test::Set;
using tau::test::TwoPlugins;

namespace {

struct Event {
  Event() : fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~Event() {
    tau_pollset_closing(fd);
    ::close(fd);
  }
  Event(const Event&) = delete;
  void raise() const { CHECK(::eventfd_write(fd, 1) == 0); }
  void lower() const {
    eventfd_t value;
    CHECK(::eventfd_read(fd, &value) == 0);
  }
  int fd;
};

}  // namespace

TEST_CASE("a level-triggered descriptor is reported as long as it is ready, an edge-triggered one once") {
  RuntimeFixture f(false);
  on_fiber(f, [&] {
    Event level, edge;
    Set set(f.plugin);
    CHECK(set.add(level.fd, TAU_IN, 1) == 0);
    CHECK(set.add(edge.fd, TAU_IN | TAU_EDGE, 2) == 0);
    CHECK(set.wait(1ms).empty());
    level.raise();
    edge.raise();
    std::uint64_t seen = 0;
    while (seen != 3) {
      for (const auto& event : set.wait(forever)) {
        CHECK(event.events == TAU_IN);
        seen |= event.data;
      }
    }
    for (int i = 0; i < 3; ++i) {
      const auto again = set.wait(1ms);
      REQUIRE(again.size() == 1);
      CHECK(again[0].data == 1);
    }
    level.lower();
    CHECK(set.wait(1ms).empty());
    edge.raise();  // a new edge, though nothing was read
    const auto anew = set.wait(forever);
    REQUIRE(anew.size() == 1);
    CHECK(anew[0].data == 2);
  });
}

TEST_CASE("a one-shot descriptor is silent until it is changed") {
  RuntimeFixture f(false);
  on_fiber(f, [&] {
    Event event;
    Set set(f.plugin);
    CHECK(set.add(event.fd, TAU_IN | TAU_ONESHOT) == 0);
    event.raise();
    CHECK(set.wait(forever).size() == 1);
    event.raise();
    CHECK(set.wait(1ms).empty());
    CHECK(set.change(event.fd, TAU_IN | TAU_ONESHOT, 9) == 0);
    const auto armed = set.wait(forever);
    REQUIRE(armed.size() == 1);
    CHECK(armed[0].data == 9);
  });
}

TEST_CASE("a changed interest is reported if it holds already") {
  RuntimeFixture f(false);
  on_fiber(f, [&] {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    Set set(f.plugin);
    CHECK(set.add(ends[0], TAU_IN | TAU_EDGE) == 0);
    CHECK(set.wait(1ms).empty());
    CHECK(set.change(ends[0], TAU_IN | TAU_OUT | TAU_EDGE) == 0);
    const auto events = set.wait(forever);
    REQUIRE(events.size() == 1);
    CHECK(events[0].events == TAU_OUT);
    CHECK(set.wait(1ms).empty());
    ::close(ends[1]);
    const auto hung = set.wait(forever);
    REQUIRE(hung.size() == 1);
    CHECK((hung[0].events & TAU_HUP) != 0);
    tau_pollset_closing(ends[0]);
    ::close(ends[0]);
  });
}

TEST_CASE("the errors are epoll's") {
  RuntimeFixture f(false);
  on_fiber(f, [&] {
    Event event;
    Set set(f.plugin);
    for (const bool waited_for : {false, true}) {
      CAPTURE(waited_for);
      if (waited_for) CHECK(set.wait(0ms).empty());
      CHECK(set.add(event.fd, TAU_IN) == 0);
      CHECK(set.add(event.fd, TAU_IN) == -EEXIST);
      CHECK(set.remove(event.fd) == 0);
      CHECK(set.remove(event.fd) == -ENOENT);
      CHECK(set.change(event.fd, TAU_IN) == -ENOENT);
      CHECK(set.add(set.fd, TAU_IN) == -EINVAL);
      CHECK(set.add(100'000, TAU_IN) == -EBADF);
      const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
      CHECK(set.add(file, TAU_IN) == -EPERM);
      ::close(file);
    }
    CHECK(tau_pollset_ctl(event.fd, TAU_POLLSET_ADD, set.fd, nullptr) == -EBADF);
    CHECK(set.wait(0ms, 0).empty());
    CHECK(set.status == -EINVAL);
  });
}

TEST_CASE("many sets hear of one descriptor, each in its own way") {
  RuntimeFixture f(false);
  on_fiber(f, [&] {
    Event event;
    Set a(f.plugin), b(f.plugin), c(f.plugin);
    CHECK(a.add(event.fd, TAU_IN, 1) == 0);
    CHECK(b.add(event.fd, TAU_IN | TAU_EDGE, 2) == 0);
    CHECK(c.add(event.fd, TAU_OUT | TAU_EDGE, 3) == 0);
    CHECK(a.wait(0ms).empty());
    CHECK(b.wait(0ms).empty());
    CHECK(c.wait(forever).size() == 1);
    event.raise();
    CHECK(a.wait(forever).size() == 1);
    CHECK(b.wait(forever).size() == 1);
    CHECK(a.wait(forever).size() == 1);
    CHECK(b.wait(1ms).empty());
  });
}

TEST_CASE("a wait ends at its deadline, never early, and suspends nobody else") {
  RuntimeFixture f;
  Event event;
  Set set(f.plugin);
  CHECK(set.add(event.fd, TAU_IN) == 0);
  bool done = false;
  std::uint64_t begun = tau_now(), ended = 0;
  int ticks = 0;
  (void)tau::fiber::spawn([&] {
    CHECK(set.wait(10ms).empty());
    CHECK(set.status == 0);
    ended = tau_now();
    done = true;
  });
  auto tick = [](int& ticks, bool& done) -> Task<> {
    while (!done) {
      co_await tau::sleep(1ms);
      ++ticks;
    }
  };
  (void)tau::spawn(tick(ticks, done));
  f.advance(12ms);
  CHECK(done);
  CHECK(ended - begun >= 10'000'000);
  CHECK(ticks >= 8);
}

TEST_CASE("two calls wait for one set: each event goes to one of them") {
  RuntimeFixture f(false);
  Event a, b;
  Set set(f.plugin);
  CHECK(set.add(a.fd, TAU_IN | TAU_EDGE, 1) == 0);
  CHECK(set.add(b.fd, TAU_IN | TAU_EDGE, 2) == 0);
  std::uint64_t sum = 0;
  int ended = 0;
  for (int i = 0; i < 2; ++i) {
    (void)tau::fiber::spawn([&] {
      for (const auto& event : set.wait(forever, 1)) sum += event.data;
      ++ended;
    });
  }
  f.settle();
  CHECK(ended == 0);
  a.raise();
  f.run_until([&] { return ended == 1; });
  b.raise();
  f.run_until([&] { return ended == 2; });
  CHECK(sum == 3);
}

TEST_CASE("what is not harvested does not keep the loop busy") {
  RuntimeFixture f(false);
  Event event;
  Set set(f.plugin);
  CHECK(set.add(event.fd, TAU_IN) == 0);
  on_fiber(f, [&] { CHECK(set.wait(0ms).empty()); });
  event.raise();
  bool woken = false;
  auto nap = [](bool& woken) -> Task<> {
    co_await tau::sleep(20ms);
    woken = true;
  };
  (void)tau::spawn(nap(woken));
  int turns = 0;
  while (!woken) {
    f.runtime.turn(true);
    ++turns;
  }
  CHECK(turns < 100);
  on_fiber(f, [&] { CHECK(set.wait(0ms).size() == 1); });
}

TEST_CASE("a loop that asks without end lets the others run") {
  RuntimeFixture f(false);
  Event event;
  Set set(f.plugin);
  CHECK(set.add(event.fd, TAU_IN) == 0);
  bool stop = false, stopped = false;
  long asked = 0;
  (void)tau::fiber::spawn([&] {
    while (!stop) {
      CHECK(set.wait(0ms).empty());
      ++asked;
    }
    stopped = true;
  });
  auto nap = [](bool& stop) -> Task<> {
    for (int i = 0; i < 5; ++i) co_await tau::sleep(1ms);
    stop = true;
  };
  (void)tau::spawn(nap(stop));
  f.run_until([&] { return stopped; });
  CHECK(asked > 100);  // and itself, in between
}

TEST_CASE("a set that threads wait for is theirs, and still served on the loop") {
  RuntimeFixture f(false);
  Event event, more;
  Set set(f.plugin);
  CHECK(set.add(event.fd, TAU_IN | TAU_EDGE, 1) == 0);
  on_fiber(f, [&] { CHECK(set.wait(0ms).empty()); });  // the loop's first
  std::atomic<int> phase{0};
  std::thread thread([&] {
    CHECK(set.wait(1ms).empty());
    phase = 1;
    const auto events = set.wait(10s);
    CHECK(events.size() == 1);
    phase = 2;
  });
  while (phase == 0) std::this_thread::yield();
  CHECK(set.add(more.fd, TAU_IN, 2) == 0);
  event.raise();
  while (phase == 1) std::this_thread::yield();
  thread.join();
  bool done = false;
  (void)tau::fiber::spawn([&] {
    const auto events = set.wait(10s);
    CHECK(events.size() == 1);
    CHECK(events.at(0).data == 2);
    done = true;
  });
  f.settle();
  CHECK_FALSE(done);
  more.raise();
  f.run_until([&] { return done; });
}

TEST_CASE("threads change a set that a call on the loop waits for") {
  RuntimeFixture f(false);
  Event event;
  Set set(f.plugin);
  bool done = false;
  (void)tau::fiber::spawn([&] {
    const auto events = set.wait(10s);
    CHECK(events.size() == 1);
    done = true;
  });
  f.settle();
  event.raise();
  std::thread([&] { CHECK(set.add(event.fd, TAU_IN) == 0); }).join();
  f.run_until([&] { return done; });
}

TEST_CASE("a descriptor that is closed and used anew is not mistaken for the old one") {
  RuntimeFixture f(false);
  on_fiber(f, [&] {
    Set set(f.plugin);
    Event first;
    const int number = first.fd;
    CHECK(set.add(number, TAU_IN, 1) == 0);
    CHECK(set.wait(0ms).empty());
    first.raise();
    tau_pollset_closing(number);
    ::close(number);
    first.fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    REQUIRE(first.fd == number);
    CHECK(set.wait(1ms).empty());
    CHECK(set.add(number, TAU_IN, 2) == 0);
    first.raise();
    const auto events = set.wait(forever);
    REQUIRE(events.size() == 1);
    CHECK(events[0].data == 2);
  });
}

TEST_CASE("closing a set ends the calls that wait for it") {
  RuntimeFixture f(false);
  Set set(f.plugin);
  bool done = false;
  (void)tau::fiber::spawn([&] {
    CHECK(set.wait(forever).empty());
    CHECK(set.status == -EBADF);
    done = true;
  });
  f.settle();
  CHECK(tau_pollset_closing(set.fd) == 1);
  CHECK(tau_pollset_closing(set.fd) == 0);
  ::close(std::exchange(set.fd, -1));
  f.run_until([&] { return done; });
}

TEST_CASE("unloading takes a plugin's sets and suspended waits, and closes what it left open") {
  TwoPlugins two;
  Event event;
  int theirs = -1, mine = -1;
  REQUIRE(tau_pollset_create(&two.other, &theirs) == TAU_OK);
  REQUIRE(tau_pollset_create(&two.plugin, &mine) == TAU_OK);
  const tau_poll_event interest{TAU_IN, 0, 1};
  CHECK(tau_pollset_ctl(theirs, TAU_POLLSET_ADD, event.fd, &interest) == 0);
  CHECK(tau_pollset_ctl(mine, TAU_POLLSET_ADD, event.fd, &interest) == 0);
  std::int32_t got = -1;
  bool unwound = true;
  (void)tau::fiber::spawn([&] {
    tau_poll_event events[4];
    got = tau_pollset_wait(&two.plugin, mine, events, 4, -1, nullptr);
  });
  (void)tau::fiber::spawn([&] {
    tau_poll_event events[4];
    tau_pollset_wait(&two.other, theirs, events, 4, -1, nullptr);
    unwound = false;
  });
  two.settle();
  two.unload_other();
  CHECK(unwound);
  CHECK(::fcntl(theirs, F_GETFD) == -1);
  CHECK(got == -1);
  event.raise();
  two.run_until([&] { return got == 1; });
  tau_pollset_closing(mine);
  ::close(mine);
}

TEST_CASE("a wait that has the loop to itself lets everybody in: timers, other threads, who waits for the loop's turns") {
  RuntimeFixture f(false);
  Event event;
  int woken = 0;
  bool said = false;
  auto waiting = tau::fiber::spawn([&] {
    Set set(f.plugin);
    CHECK(set.add(event.fd, TAU_IN) == 0);
    while (woken != 3) {
      CHECK(set.wait(forever).size() == 1);
      event.lower();
      ++woken;
      said = true;  // and waits on: whoever runs the loop until then has to be told
    }
  });
  (void)tau::spawn([&]() -> Task<void> {
    co_await tau::sleep(1ms);
    event.raise();
  }());
  f.run_until([&] { return said; });
  CHECK(woken == 1);

  said = false;
  std::thread([&] {
    auto raise = [](void* e) { static_cast<Event*>(e)->raise(); };
    CHECK(tau_spawn_remote(&f.plugin, raise, raise, &event) == TAU_OK);
  }).join();
  f.run_until([&] { return said; });
  CHECK(woken == 2);

  said = false;
  std::thread outside([&] {
    std::this_thread::sleep_for(1ms);
    event.raise();
  });
  f.run_until([&] { return said; });
  outside.join();
  CHECK(woken == 3);
}
