// A runtime, and a plugin that is this very program: for tests of the sdk and of the runtime as a whole.
//
// Time is the test's: advance() moves it and lets everything due happen. At its end the fixture unloads
// the plugin the way the host does and checks that nothing is left.
#pragma once

#include <tau/detail/module.hpp>
#include <tau/rt/task.h>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

#include "pollset/pollsets.hpp"
#include "runtime/empty_owner.hpp"
#include "runtime/runtime.hpp"

namespace tau::test {

/// Makes `owner` the module's own while it lives.
class AsModule {
 public:
  explicit AsModule(tau_plugin* owner) noexcept : before_(tau_module_owner) { tau_module_owner = owner; }
  ~AsModule() { tau_module_owner = before_; }
  AsModule(const AsModule&) = delete;
  AsModule& operator=(const AsModule&) = delete;

 private:
  tau_plugin* before_;
};

class RuntimeFixture {
 public:
  explicit RuntimeFixture(bool manual_clock = true)
      : runtime(make_reactor(), {.blocking_threads = 4, .manual_clock = manual_clock}), module_(&plugin) {
    plugin.id = 1;
    plugin.name = "test";
    plugin.phase = host::Phase::running;
  }

  ~RuntimeFixture() {
    unload(plugin);
    check_empty(plugin);
  }

  /// Runs until nothing is ready.
  void settle() {
    do {
      runtime.turn(false);
    } while (runtime.executor.ready() || runtime.remote.pending() || runtime.fibers.due());
  }

  /// Moves the manual clock on, stopping at every deadline on the way.
  void advance(std::chrono::nanoseconds by) {
    std::uint64_t target = runtime.clock.now() + static_cast<std::uint64_t>(by.count());
    settle();
    for (;;) {
      std::uint64_t next = runtime.wheel.next_wake_ns();
      next = std::min(next, runtime.sources.deadline_ns(runtime.clock.now() + 1));
      if (next > target) break;
      runtime.clock.advance(next > runtime.clock.now() ? next - runtime.clock.now() : 0);
      settle();
    }
    runtime.clock.advance(target - runtime.clock.now());
    settle();
  }

  /// Turns, sleeping in the reactor, until `done`: for what other threads bring about.
  template <class Done>
  void run_until(Done&& done) {
    runtime.run_until(done);
  }

  /// Everything but closing the module.
  void unload(tau_plugin& owner) {
    owner.phase = host::Phase::unloading;
    runtime.begin_unload();
    runtime.fibers.unwind(owner);
    run_until([&] { return owner.fibers == 0; });
    host::empty_owner(runtime, owner);
    run_until([&] { return host::is_emptied(owner); });
    runtime.end_unload();
    host::pollsets().close_owner(owner);
    runtime.executor.reclaim(owner);
  }

  static void check_empty(tau_plugin& owner) {
    CHECK(owner.live_tasks == 0);
    CHECK(owner.tasks == 0);
    CHECK(owner.timers == 0);
    CHECK(owner.waits == 0);
    CHECK(owner.ios == 0);
    CHECK(owner.fds == 0);
    CHECK(owner.fd_waits == 0);
    CHECK(owner.buffers == 0);
    CHECK(owner.subscriptions == 0);
    CHECK(owner.resources == 0);
    CHECK(owner.requests == 0);
    CHECK(owner.children == 0);
    CHECK(owner.lookups == 0);
    CHECK(owner.sources == 0);
    CHECK(owner.timed_sources == 0);
    CHECK(owner.source_calls == 0);
    CHECK(owner.signals.load() == 0);
    CHECK(owner.fibers == 0);
    CHECK(owner.jobs.load() == 0);
    CHECK(owner.frames.live() == 0);
  }

  host::Runtime runtime;
  tau_plugin plugin;

 private:
  static std::unique_ptr<host::Reactor> make_reactor() {
    std::string why;
    auto reactor = host::make_reactor("auto", &why);
    REQUIRE_MESSAGE(reactor, why);
    return reactor;
  }

  AsModule module_;
};

}  // namespace tau::test
