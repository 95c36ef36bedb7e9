// What an unload waits for, says and leaves mapped: with real modules on a real runtime, whose clock is the test's.
#include <doctest/doctest.h>
#include <dlfcn.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "loading.hpp"

using namespace tau::host;
using namespace tau::test;

TEST_CASE("a guard held elsewhere keeps the module mapped until it is given back, from any thread") {
  Loading l;
  Plugin& plugin = l.load("hello");
  const auto copy = plugin.module->copy();
  l.runtime.retain(plugin);
  l.runtime.retain(plugin);
  bool ended = false;
  l.unloader.unload(plugin, [&](Plugin&, const UnloadResult& r) { ended = r.unmapped; });
  l.settle();
  CHECK(plugin.phase == Phase::pinned);
  CHECK(is_mapped(copy));
  CHECK(l.registry.find("hello") == nullptr);

  // The name is free again meanwhile.
  Plugin& next = l.load("hello");
  CHECK(next.generation == plugin.generation + 1);
  CHECK(l.registry.find("hello") == &next);

  l.runtime.release(plugin);
  l.settle();
  CHECK(is_mapped(copy));
  std::thread last([&] { l.runtime.release(plugin); });
  l.runtime.run_until([&] { return ended; });  // sleeps until the other thread wakes it
  last.join();
  CHECK_FALSE(is_mapped(copy));
  CHECK(l.registry.all().size() == 1);
}

TEST_CASE("a resource held by another plugin pins, and the holder is named") {
  Loading l;
  Plugin& lender = l.load("hello", "lender");
  Plugin& user = l.load("hello", "user");
  int object = 7;
  void* got = nullptr;
  tau_resource* reference = nullptr;
  REQUIRE(l.runtime.resources.put(lender, "seven", 1, &object, nullptr) == TAU_OK);
  REQUIRE(l.runtime.resources.get(user, "seven", 1, &got, &reference) == TAU_OK);
  bool ended = false;
  l.unloader.unload(lender, [&](Plugin&, const UnloadResult& r) { ended = r.unmapped; });
  l.settle();
  CHECK(lender.phase == Phase::pinned);
  CHECK(l.reports.empty());
  l.runtime.clock.advance(Unloader::default_patience_ns + 1'000'000);
  l.settle();
  REQUIRE(l.reports.size() == 1);
  CHECK(l.reports[0] ==
        "plugin 'lender' is not unloaded after 5 s; the host waits for: 1 guard held elsewhere (resources of it are "
        "held by 'user')");
  // What the user never gave back is given back when its own module is gone.
  CHECK(l.unload(user));
  l.runtime.run_until([&] { return ended; });
  CHECK(l.reports.size() == 1);
}

TEST_CASE("unloading waits for a job that runs, says so once, and others go on meanwhile") {
  const int gate = eventfd(0, EFD_CLOEXEC);
  REQUIRE(gate >= 0);
  Loading l;
  Plugin& blocked = l.load("jobs", "blocked");
  Plugin& other = l.load("jobs", "other");
  std::atomic<long> ran{0}, ended{0}, turns{0};
  auto* block = entry<std::int32_t(int, std::atomic<long>*, std::atomic<long>*)>(blocked, "plugin_block");
  REQUIRE(block(gate, &ran, &ended) == TAU_OK);
  REQUIRE(entry<std::int32_t(std::atomic<long>*)>(other, "plugin_tick")(&turns) == TAU_OK);
  while (ran == 0) std::this_thread::yield();  // not wait(): a module has a table of waiters of its own
  const auto copy = blocked.module->copy();
  bool unmapped = false;
  l.unloader.unload(blocked, [&](Plugin&, const UnloadResult& r) { unmapped = r.unmapped; });
  for (int i = 0; i < 100; ++i) l.runtime.turn(false);
  CHECK(blocked.phase == Phase::unloading);
  CHECK(is_mapped(copy));
  CHECK(turns >= 100);
  CHECK(block(gate, &ran, &ended) == TAU_E_UNLOADING);
  l.runtime.clock.advance(Unloader::default_patience_ns + 1'000'000);
  for (int i = 0; i < 100; ++i) l.runtime.turn(false);
  l.runtime.clock.advance(Unloader::default_patience_ns + 1'000'000);
  for (int i = 0; i < 100; ++i) l.runtime.turn(false);
  REQUIRE(l.reports.size() == 1);
  CHECK(l.reports[0] == "plugin 'blocked' is not unloaded after 5 s; the host waits for: 1 blocking job running");
  const std::uint64_t open = 1;
  REQUIRE(write(gate, &open, sizeof open) == sizeof open);
  l.runtime.run_until([&] { return unmapped; });
  CHECK_FALSE(is_mapped(copy));  // though the pool's thread, which touched a thread_local, lives on
  CHECK(ended == 1);
  CHECK(other.phase == Phase::running);
  CHECK(l.unload(other));
  close(gate);
}

TEST_CASE("thread_locals of a pool thread that goes on living do not keep the module mapped") {
  const int gate = eventfd(1, EFD_CLOEXEC | EFD_SEMAPHORE);
  REQUIRE(gate >= 0);
  Loading l;
  Plugin& plugin = l.load("jobs");
  std::atomic<long> ran{0}, ended{0};
  entry<void()>(plugin, "plugin_touch")();  // on the loop's thread
  REQUIRE(entry<std::int32_t(int, std::atomic<long>*, std::atomic<long>*)>(plugin, "plugin_block")(gate, &ran, &ended) ==
          TAU_OK);
  l.runtime.run_until([&] { return ended == 1; });
  CHECK(plugin.thread_exits == 2);
  CHECK(l.runtime.pool.threads() == 1);
  CHECK(l.unload(plugin));
  CHECK(l.runtime.pool.threads() == 1);
  close(gate);
}

TEST_CASE("a plugin is unloaded once, however often that is asked, and everybody is told") {
  Loading l;
  Plugin& plugin = l.load("hello");
  int told = 0;
  l.unloader.unload(plugin, [&](Plugin& p, const UnloadResult& r) {
    told += r.unmapped ? 1 : 0;
    l.unloader.unload(p, [&](Plugin&, const UnloadResult&) { ++told; });
  });
  l.unloader.unload(plugin, [&](Plugin&, const UnloadResult&) { ++told; });
  CHECK(plugin.phase == Phase::running);  // nothing happens before the loop's next turn
  l.settle();
  CHECK(told == 3);
  CHECK(l.registry.all().empty());
}

TEST_CASE("all are unloaded, the newest first, and one that is pinned holds up nobody") {
  Loading l;
  for (const char* name : {"first", "second", "third"}) l.load("hello", name);
  Plugin& third = *l.registry.find("third");
  l.runtime.retain(third);
  bool all = false;
  l.unloader.unload_all([&] { all = true; });
  while (l.registry.all().size() == 3) l.runtime.turn(false);
  CHECK(third.phase == Phase::pinned);
  CHECK(l.registry.all().front()->name == "first");
  while (l.registry.all().size() == 2) l.runtime.turn(false);
  CHECK(third.phase == Phase::pinned);
  CHECK(l.registry.all().size() == 1);
  CHECK_FALSE(all);
  l.runtime.release(third);
  l.runtime.run_until([&] { return all; });
  CHECK(l.registry.all().empty());
  bool at_once = false;
  l.unloader.unload_all([&] { at_once = true; });
  CHECK(at_once);
}

TEST_CASE("a plugin may be unloaded and another loaded when one is through") {
  Loading l;
  Plugin& plugin = l.load("hello");
  std::uint64_t next = 0;
  l.unloader.unload(plugin, [&](Plugin&, const UnloadResult&) { next = l.load("plain_c").id; });
  l.settle();
  REQUIRE(l.registry.find(next) != nullptr);
  CHECK(l.registry.find(next)->name == "plain_c");
}

TEST_CASE("a module that stays mapped is said to, with what may keep it") {
  Loading l;
  Plugin& plugin = l.load("pinned");
  void* itself = dlopen(plugin.module->copy().c_str(), RTLD_NOW | RTLD_NOLOAD);
  REQUIRE(itself != nullptr);
  dlclose(itself);
  CHECK_FALSE(l.unload(plugin));
  REQUIRE(l.reports.size() == 1);
  CHECK(has(l.reports[0], "plugin 'pinned' is unloaded but stays mapped: the dynamic linker still holds it"));
  CHECK(has(l.reports[0], "it calls dlopen"));
  CHECK(plugin.stuck);
  std::string why;
  l.unloader.unload(plugin, [&](Plugin&, const UnloadResult& r) { why = r.why; });
  CHECK(has(why, "unloaded before"));
  dlclose(itself);  // what the fixture should have done
}
