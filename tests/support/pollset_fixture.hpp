// A pollset of a test's, and a fiber to wait at it.
#pragma once

#include <tau/fiber.hpp>
#include <tau/rt/io.h>
#include <tau/rt/pollset.h>

#include <doctest/doctest.h>

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "runtime_fixture.hpp"

namespace tau::test {

struct Set {
  explicit Set(tau_plugin& owner) : owner(owner) { REQUIRE(tau_pollset_create(&owner, &fd) == TAU_OK); }
  ~Set() {
    if (fd < 0) return;
    tau_pollset_closing(fd);
    ::close(fd);
  }
  Set(const Set&) = delete;

  std::int32_t add(int target, std::uint32_t events, std::uint64_t data = 7) {
    const tau_poll_event event{events, 0, data};
    return tau_pollset_ctl(fd, TAU_POLLSET_ADD, target, &event);
  }
  std::int32_t change(int target, std::uint32_t events, std::uint64_t data = 7) {
    const tau_poll_event event{events, 0, data};
    return tau_pollset_ctl(fd, TAU_POLLSET_MOD, target, &event);
  }
  std::int32_t remove(int target) { return tau_pollset_ctl(fd, TAU_POLLSET_DEL, target, nullptr); }
  std::vector<tau_poll_event> wait(std::chrono::nanoseconds timeout, int capacity = 16) {
    std::vector<tau_poll_event> events(static_cast<std::size_t>(capacity));
    status = tau_pollset_wait(&owner, fd, events.data(), capacity, timeout.count(), nullptr);
    events.resize(status > 0 ? static_cast<std::size_t>(status) : 0);
    return events;
  }

  tau_plugin& owner;
  int fd = -1;
  std::int32_t status = 0;
};

constexpr auto forever = std::chrono::nanoseconds(-1);

/// Runs `body` on a fiber to its end.
template <class Body>
void on_fiber(RuntimeFixture& f, Body body) {
  bool done = false;
  (void)tau::fiber::spawn([&] {
    body();
    done = true;
  });
  f.run_until([&] { return done; });
}

}  // namespace tau::test
