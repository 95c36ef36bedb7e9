// Timers that are descriptors, in a pollset: what a program that knows timerfd meets. Each case is played on every
// backend: where the set is the kernel's own, so are its timers.
#include <tau/rt/timer.h>

#include <doctest/doctest.h>

#include <poll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <thread>

#include "support/pollset_fixture.hpp"

using namespace std::chrono_literals;
using tau::test::forever;
using tau::test::on_fiber;
using tau::test::RuntimeFixture;
using tau::test::Set;

namespace {

using Nanoseconds = std::chrono::nanoseconds;

timespec to_timespec(Nanoseconds time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  return {seconds.count(), (time - seconds).count()};
}

struct Timer {
  explicit Timer(int flags = TFD_NONBLOCK) : fd(tau_timerfd_create(CLOCK_MONOTONIC, flags | TFD_CLOEXEC)) {
    REQUIRE(fd >= 0);
  }
  ~Timer() {
    tau_pollset_closing(fd);
    ::close(fd);
  }
  Timer(const Timer&) = delete;

  std::int32_t set(Nanoseconds first, Nanoseconds period = 0ns, int flags = 0) {
    const itimerspec value{to_timespec(period), to_timespec(first)};
    return tau_timerfd_settime(fd, flags, &value, nullptr);
  }
  /// Expirations, or -errno.
  std::int64_t read() {
    std::uint64_t count = 0;
    const std::int64_t size = tau_timerfd_read(fd, &count, sizeof count);
    return size < 0 ? size : static_cast<std::int64_t>(count);
  }
  /// What the kernel says of it, behind our back.
  bool is_armed_in_kernel() const {
    itimerspec value{};
    CHECK(::timerfd_gettime(fd, &value) == 0);
    return value.it_value.tv_sec != 0 || value.it_value.tv_nsec != 0;
  }
  bool is_readable_in_kernel() const {
    pollfd polled{fd, POLLIN, 0};
    return ::poll(&polled, 1, 0) == 1;
  }

  int fd;
};

/// Whether sets here count for timers.
bool counts(RuntimeFixture& f) { return f.runtime.reactor.readiness_is_cheap(); }

Nanoseconds now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec);
}

}  // namespace

TEST_CASE("a timer in a set ends the wait in time, and the kernel counts for none that a set counts for") {
  RuntimeFixture f(false);
  on_fiber(f, [&] {
    Timer timer;
    Set set(f.plugin);
    CHECK(set.add(timer.fd, TAU_IN, 3) == 0);
    CHECK(set.wait(0ns).empty());  // from here on the set is the loop's
    const auto begun = now();
    CHECK(timer.set(2ms) == 0);
    CHECK(timer.is_armed_in_kernel() == !counts(f));
    const auto events = set.wait(forever);
    CHECK(now() - begun >= 2ms);
    REQUIRE(events.size() == 1);
    CHECK(events[0].events == TAU_IN);
    CHECK(events[0].data == 3);
    CHECK(set.wait(0ns).size() == 1);  // until it is read
    CHECK(timer.read() == 1);
    CHECK(timer.read() == -EAGAIN);
    CHECK(set.wait(1ms).empty());
  });
}

TEST_CASE("a timer that expires before anybody waits, or at that moment, is not lost") {
  RuntimeFixture f(false);
  on_fiber(f, [&] {
    for (int i = 0; i < 300; ++i) {
      Timer timer;
      Set set(f.plugin);
      CHECK(set.add(timer.fd, TAU_IN) == 0);
      CHECK(timer.set(Nanoseconds(1 + i * 50)) == 0);  // the kernel's until the first wait
      CHECK(set.wait(forever).size() == 1);
      CHECK(timer.read() == 1);
    }
  });
}

TEST_CASE("a periodic timer counts what was not read, and an absolute one is due at its time") {
  RuntimeFixture f(false);
  on_fiber(f, [&] {
    Timer timer;
    Set set(f.plugin);
    CHECK(set.add(timer.fd, TAU_IN) == 0);
    CHECK(set.wait(0ns).empty());
    CHECK(timer.set(1ms, 1ms) == 0);
    const auto begun = now();
    CHECK(set.wait(forever).size() == 1);
    while (now() - begun < 4ms) CHECK(set.wait(forever).size() == 1);
    CHECK(timer.read() >= 3);
    itimerspec left{};
    CHECK(tau_timerfd_gettime(timer.fd, &left) == 0);
    CHECK(left.it_interval.tv_nsec == 1'000'000);
    CHECK(left.it_value.tv_nsec <= 1'000'000);
    const auto due = now() + 2ms;
    CHECK(timer.set(due, 0ns, TFD_TIMER_ABSTIME) == 0);
    CHECK(set.wait(forever).size() == 1);
    CHECK(now() >= due);
    CHECK(timer.read() == 1);
    CHECK(timer.set(-1s) == -EINVAL);
    CHECK(timer.set(1ms, 0ns, 0x100) == -EINVAL);
  });
}

TEST_CASE("an edge-triggered timer is reported once an expiry, a one-shot one until it is armed again") {
  RuntimeFixture f(false);
  on_fiber(f, [&] {
    Timer edge, once;
    Set set(f.plugin);
    CHECK(set.add(edge.fd, TAU_IN | TAU_EDGE, 1) == 0);
    CHECK(set.wait(0ns).empty());
    CHECK(edge.set(1ms) == 0);
    CHECK(set.wait(forever).size() == 1);
    CHECK(set.wait(2ms).empty());
    CHECK(edge.set(1ms) == 0);
    CHECK(set.wait(forever).size() == 1);
    CHECK(set.remove(edge.fd) == 0);
    CHECK(set.add(once.fd, TAU_IN | TAU_ONESHOT, 2) == 0);
    CHECK(once.set(1ms, 1ms) == 0);
    CHECK(set.wait(forever).size() == 1);
    CHECK(set.wait(3ms).empty());
    CHECK(set.change(once.fd, TAU_IN | TAU_ONESHOT, 4) == 0);
    const auto again = set.wait(forever);
    REQUIRE(again.size() == 1);
    CHECK(again[0].data == 4);
  });
}

TEST_CASE("setting a timer earlier ends the wait of another fiber in time, and disarming it takes the event away") {
  RuntimeFixture f(false);
  on_fiber(f, [&] {
    Timer timer;
    Set set(f.plugin);
    CHECK(set.add(timer.fd, TAU_IN) == 0);
    bool came = false;
    auto waiter = tau::fiber::spawn([&] { came = set.wait(forever).size() == 1; });
    CHECK(timer.set(1h) == 0);
    Set pause(f.plugin);
    CHECK(pause.wait(1ms).empty());
    CHECK(timer.set(1ms) == 0);
    while (!came) CHECK(pause.wait(1ms).empty());
    CHECK(timer.set(0ns) == 0);
    CHECK(set.wait(1ms).empty());
    CHECK(timer.read() == -EAGAIN);
  });
}

TEST_CASE("a timer that a thread sets, that is duplicated or leaves its set is the kernel's again") {
  RuntimeFixture f(false);
  on_fiber(f, [&] {
    Timer by_thread, twice, out;
    Set set(f.plugin);
    for (const Timer* timer : {&by_thread, &twice, &out}) CHECK(set.add(timer->fd, TAU_IN, static_cast<std::uint64_t>(timer->fd)) == 0);
    CHECK(set.wait(0ns).empty());
    for (Timer* timer : {&by_thread, &twice, &out}) CHECK(timer->set(1h) == 0);

    std::int32_t status = -1;
    std::thread([&] { status = by_thread.set(1ms); }).join();
    CHECK(status == 0);
    auto events = set.wait(forever);
    REQUIRE(events.size() == 1);
    CHECK(events[0].data == static_cast<std::uint64_t>(by_thread.fd));
    CHECK(by_thread.read() == 1);
    CHECK(set.wait(0ns).empty());
    CHECK(by_thread.set(1ms) == 0);
    CHECK(by_thread.is_armed_in_kernel());

    CHECK(twice.set(1ms) == 0);
    tau_pollset_duplicated(twice.fd);
    const int other = ::dup(twice.fd);
    CHECK(set.remove(by_thread.fd) == 0);
    events = set.wait(forever);
    REQUIRE(events.size() == 1);
    CHECK(events[0].data == static_cast<std::uint64_t>(twice.fd));
    std::uint64_t count = 0;
    CHECK(::read(other, &count, sizeof count) == sizeof count);
    ::close(other);

    CHECK(out.set(1ms) == 0);
    CHECK(set.remove(out.fd) == 0);
    CHECK(set.wait(3ms).empty());
    CHECK(out.is_readable_in_kernel());
    CHECK(out.read() == 1);
  });
}

TEST_CASE("a blocking read of a timer waits for it") {
  RuntimeFixture f(false);
  on_fiber(f, [&] {
    Timer timer(0);
    Set set(f.plugin);
    CHECK(set.add(timer.fd, TAU_IN) == 0);
    CHECK(set.wait(0ns).empty());
    const auto begun = now();
    CHECK(timer.set(2ms) == 0);
    CHECK(timer.read() == 1);
    CHECK(now() - begun >= 2ms);
    std::uint32_t small = 0;
    CHECK(tau_timerfd_read(timer.fd, &small, sizeof small) == -EINVAL);
  });
}

TEST_CASE("with the clock stopped a timer goes by the system's") {
  RuntimeFixture f(false);
  on_fiber(f, [&] {
    Timer timer;
    Set set(f.plugin);
    CHECK(set.add(timer.fd, TAU_IN) == 0);
    CHECK(set.wait(0ns).empty());
    CHECK(timer.set(2ms) == 0);
    const auto begun = now();
    REQUIRE(tau_clock_pause(&f.plugin) == TAU_OK);
    CHECK(set.wait(forever).size() == 1);
    CHECK(now() - begun >= 1ms);
    CHECK(timer.read() == 1);
    CHECK(tau_clock_resume(&f.plugin) == TAU_OK);
    CHECK(timer.set(1ms) == 0);
    CHECK(set.wait(forever).size() == 1);
  });
}

TEST_CASE("what is no timer of ours is told so, and another clock's stays the kernel's") {
  RuntimeFixture f(false);
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  Timer known;
  std::uint64_t count = 0;
  CHECK(tau_timerfd_read(ends[0], &count, sizeof count) == TAU_E_NOT_FOUND);
  const int real = tau_timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
  REQUIRE(real >= 0);
  CHECK(tau_timerfd_read(real, &count, sizeof count) == TAU_E_NOT_FOUND);
  CHECK(tau_timerfd_create(-17, 0) == -EINVAL);
  const itimerspec value{};
  CHECK(tau_timerfd_settime(ends[0], 0, &value, nullptr) == -EINVAL);
  for (const int fd : {real, ends[0], ends[1]}) ::close(fd);
}
