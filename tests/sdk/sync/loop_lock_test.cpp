// Goal: the loop and other threads are never inside a LoopLock together; above all not while the first of
// those threads takes away the loop's bias. Method: many fresh locks, each met by a thread at some moment
// while the loop goes in and out, around a counter that would show a lost update.
#include <tau/detail/sync/core.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "support/runtime_fixture.hpp"
#include "support/seed.hpp"

using tau::detail::sync::LoopLock;
using tau::test::RuntimeFixture;

namespace {

struct Counter {
  LoopLock lock;
  std::uint64_t count = 0;  // not atomic: the lock is all that guards it
  bool inside = false;
  bool met = false;

  void add() noexcept {
    met |= inside;
    inside = true;
    ++count;
    inside = false;
  }
};

void spin(std::uint64_t times) {
  for (std::uint64_t i = 0; i < times; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "a lock begins biased on the loop's thread where barriers work, else shared") {
  const bool works = tau::detail::sync::loop_lock_bias && tau_loop_barrier() == TAU_OK;
  LoopLock mine;
  CHECK(mine.is_shared() == !works);
  std::thread([] {
    LoopLock theirs;
    CHECK(theirs.is_shared());
  }).join();
  mine.leave(mine.enter_on_loop());
  CHECK(mine.is_shared() == !works);
  std::thread([&] { mine.leave(mine.enter()); }).join();
  CHECK(mine.is_shared());
  mine.leave(mine.enter_on_loop());
}

TEST_CASE_FIXTURE(RuntimeFixture, "another thread that takes the bias away meets nobody inside") {
  TAU_SEEDED_RANDOM(random);
  constexpr int rounds = 1000;
  std::vector<std::unique_ptr<Counter>> counters;
  for (int i = 0; i < rounds; ++i) counters.push_back(std::make_unique<Counter>());
  std::atomic<int> at{-1}, done{-1};
  const std::uint64_t seed = random();
  std::thread thread([&] {
    std::mt19937_64 mine(seed);
    for (int i = 0; i < rounds; ++i) {
      while (at.load(std::memory_order_relaxed) < i) std::this_thread::yield();
      spin(mine() % 300);
      for (int k = 0; k < 3; ++k) {
        const bool held = counters[static_cast<std::size_t>(i)]->lock.enter();
        counters[static_cast<std::size_t>(i)]->add();
        counters[static_cast<std::size_t>(i)]->lock.leave(held);
      }
      done.store(i, std::memory_order_relaxed);
    }
  });
  for (int i = 0; i < rounds; ++i) {
    Counter& counter = *counters[static_cast<std::size_t>(i)];
    std::uint64_t mine = 0;
    at.store(i, std::memory_order_relaxed);
    while (done.load(std::memory_order_relaxed) < i) {
      const bool held = counter.lock.enter_on_loop();
      counter.add();
      counter.lock.leave(held);
      if (++mine % 1024 == 0) std::this_thread::yield();  // also on a busy machine the other one must come
    }
    const bool held = counter.lock.enter_on_loop();
    CHECK(counter.count == mine + 3);
    CHECK_FALSE(counter.met);
    counter.lock.leave(held);
  }
  thread.join();
}

TEST_CASE_FIXTURE(RuntimeFixture, "several threads and the loop hammer one lock") {
  Counter counter;
  constexpr std::uint64_t each = 20'000;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (std::uint64_t i = 0; i < each; ++i) {
        const bool held = counter.lock.enter();
        ++counter.count;
        counter.lock.leave(held);
      }
    });
  }
  for (std::uint64_t i = 0; i < each; ++i) {
    const bool held = counter.lock.enter_on_loop();
    ++counter.count;
    counter.lock.leave(held);
  }
  for (auto& thread : threads) thread.join();
  CHECK(counter.count == 4 * each);
}
