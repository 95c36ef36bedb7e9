#include <tau/spawn_blocking.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/counted.hpp"
#include "support/runtime_fixture.hpp"
#include "support/seed.hpp"

using namespace std::chrono_literals;
using tau::test::RuntimeFixture;

TEST_CASE_FIXTURE(RuntimeFixture, "a blocking call runs elsewhere and its value comes home") {
  std::thread::id there;
  auto handle = tau::spawn_blocking([&] {
    there = std::this_thread::get_id();
    return 6 * 7;
  });
  run_until([&] { return handle.is_finished(); });
  CHECK(**handle.try_join() == 42);
  CHECK(there != std::this_thread::get_id());
}

TEST_CASE_FIXTURE(RuntimeFixture, "an exception of a blocking call ends its task") {
  auto handle = tau::spawn_blocking([]() -> int { throw std::runtime_error("disk on fire"); });
  run_until([&] { return handle.is_finished(); });
  CHECK(handle.try_join()->error() == tau::Errc::threw);
  CHECK(handle.what() == "disk on fire");
}

TEST_CASE_FIXTURE(RuntimeFixture, "aborting drops a queued call and abandons a running one") {
  std::latch started(4), release(1);
  std::atomic<int> ran{0};
  std::vector<tau::JoinHandle<void>> running, queued;
  for (int i = 0; i < 4; ++i) {
    running.push_back(tau::spawn_blocking([&] {
      started.count_down();
      release.wait();
      ++ran;
    }));
  }
  settle();
  started.wait();
  for (int i = 0; i < 10; ++i) queued.push_back(tau::spawn_blocking([&] { ++ran; }));
  settle();
  for (auto& handle : queued) handle.abort();
  for (auto& handle : running) handle.abort();
  settle();
  CHECK(plugin.jobs.load() == 4);
  CHECK(plugin.live_tasks == 0);
  release.count_down();
  run_until([&] { return plugin.jobs.load() == 0; });
  CHECK(ran == 4);
}

TEST_CASE_FIXTURE(RuntimeFixture, "an unload cancels queued calls and waits for running ones, while others go on") {
  tau_plugin other;
  other.phase = tau::host::Phase::running;
  std::latch started(4), release(1);
  {
    tau::test::AsModule as(&other);
    for (int i = 0; i < 4; ++i) {
      tau::spawn_blocking([&] {
        started.count_down();
        release.wait();
      }).detach();
    }
    settle();
    for (int i = 0; i < 100; ++i) tau::spawn_blocking([] {}).detach();
    settle();
  }
  started.wait();
  CHECK(other.jobs.load() == 104);
  other.phase = tau::host::Phase::unloading;
  runtime.begin_unload();
  tau::host::empty_owner(runtime, other);
  settle();
  CHECK(other.jobs.load() == 4);
  CHECK_FALSE(tau::host::is_emptied(other));
  bool went_on = false;
  auto mine = [&]() -> tau::Task<> {
    went_on = true;
    co_return;
  };
  tau::spawn(mine).detach();
  settle();
  CHECK(went_on);
  release.count_down();
  run_until([&] { return tau::host::is_emptied(other); });
  runtime.end_unload();
  check_empty(other);
  runtime.executor.reclaim(other);
}

TEST_CASE_FIXTURE(RuntimeFixture, "block_on from another thread waits for the loop") {
  std::atomic<bool> done{false};
  int value = 0;
  std::thread thread([&] {
    auto task = []() -> tau::Task<int> {
      co_await tau::yield_now();
      co_return 11;
    };
    value = *tau::block_on(task());
    done = true;
    runtime.remote.nudge();
  });
  run_until([&] { return done.load(); });
  thread.join();
  CHECK(value == 11);
}

TEST_CASE_FIXTURE(RuntimeFixture, "threads spawn onto the loop and abort tasks while it sleeps, runs and unloads") {
  TAU_SEEDED_RANDOM(random);
  constexpr int per_thread = 5000;
  std::atomic<int> threads_left{3}, alive{0};
  int ran = 0;
  struct Token {
    explicit Token(std::atomic<int>& count) : alive(&count) { ++*alive; }
    Token(const Token& other) : alive(other.alive) { ++*alive; }
    ~Token() { --*alive; }
    std::atomic<int>* alive;
  };
  std::vector<std::thread> threads;
  std::vector<std::atomic<tau::TaskId>> ids(64);
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, seed = random()] {
      std::mt19937_64 mine(seed);
      auto count = [](int* total, Token) -> tau::Task<> {
        ++*total;
        co_return;
      };
      bool refused = false;
      for (int i = 0; i < per_thread; ++i) {
        bool taken = tau::spawn_on_loop(count(&ran, Token(alive))).has_value();
        refused |= !taken;
        CHECK(taken != refused);  // once refused, always refused
        tau::AbortHandle(ids[mine() % ids.size()].load()).abort();
        if (mine() % 64 == 0) std::this_thread::yield();
      }
      --threads_left;
      runtime.remote.nudge();
    });
  }
  auto sleeper = []() -> tau::Task<> { co_await tau::yield_now(); };
  std::size_t next = 0;
  while (threads_left.load() > 1 || ran == 0) {
    auto handle = tau::spawn(sleeper());
    ids[next++ % ids.size()] = handle.task_id();
    handle.detach();
    runtime.turn(next % 3 == 0);
  }
  unload(plugin);
  for (auto& thread : threads) thread.join();
  settle();
  CHECK(ran > 0);
  CHECK(alive == 0);
}
