// tau_park and the condition variables: on the loop, on threads, and across.
#include <tau/fiber.hpp>
#include <tau/rt/source.h>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "support/runtime_fixture.hpp"

using namespace std::chrono_literals;
using tau::Task;
using tau::test::RuntimeFixture;

namespace {
constexpr std::uint64_t no_limit = UINT64_MAX;
std::uint64_t after(std::chrono::nanoseconds delay) { return tau_now() + static_cast<std::uint64_t>(delay.count()); }
}  // namespace

TEST_CASE("an unpark that came first is not lost, and two of them are one") {
  RuntimeFixture f;
  tau_parker parker{};
  tau_unpark(&parker);
  tau_unpark(&parker);
  std::vector<std::int32_t> got;
  (void)tau::fiber::spawn([&] {
    got.push_back(tau_park(&f.plugin, &parker, no_limit));
    got.push_back(tau_park(&f.plugin, &parker, after(5ms)));
  });
  f.settle();
  CHECK(got == std::vector<std::int32_t>{TAU_OK});
  f.advance(6ms);
  CHECK(got == std::vector<std::int32_t>{TAU_OK, TAU_E_TIMED_OUT});
}

TEST_CASE("the loop sleeps while the thread's own stack waits") {
  RuntimeFixture f(false);
  f.settle();  // turns that may not sleep
  struct Counted : tau_source {
    int turns = 0;
  } counted{};
  counted.owner = &f.plugin;
  counted.prepare = [](tau_source* self) {
    ++static_cast<Counted*>(self)->turns;
    return std::int64_t{-1};
  };
  REQUIRE(tau_source_add(&counted) == TAU_OK);
  tau_parker nobody{};
  CHECK(tau_park(&f.plugin, &nobody, after(20ms)) == TAU_E_TIMED_OUT);
  CHECK(counted.turns <= 10);
  tau_source_remove(&counted);
}

TEST_CASE("a deadline is never early, and an unpark before it wins") {
  RuntimeFixture f;
  tau_parker parker{};
  std::uint64_t late = 0, due = 0;
  (void)tau::fiber::spawn([&] {
    due = after(3ms);
    CHECK(tau_park(&f.plugin, &parker, due) == TAU_E_TIMED_OUT);
    late = tau_now();
    CHECK(tau_park(&f.plugin, &parker, after(3ms)) == TAU_OK);
  });
  f.settle();
  f.advance(2ms);
  CHECK(late == 0);
  f.advance(1100us);
  CHECK(late >= due);
  tau_unpark(&parker);
  f.settle();
  f.advance(10ms);
}

TEST_CASE("threads unpark a suspended call, thousands of times, with deadlines in between") {
  RuntimeFixture f(false);
  constexpr int rounds = 3000;
  tau_parker parker{};
  std::atomic<int> sent{0};
  int got = 0, timeouts = 0;
  bool done = false;
  (void)tau::fiber::spawn([&] {
    while (got < rounds) {
      const auto status = tau_park(&f.plugin, &parker, after(std::chrono::microseconds(got % 3 == 0 ? 20 : 100000)));
      if (status == TAU_OK) {
        got = sent.load();
      } else {
        ++timeouts;
        CHECK(status == TAU_E_TIMED_OUT);
      }
    }
    done = true;
  });
  std::thread other([&] {
    for (int i = 1; i <= rounds; ++i) {
      sent = i;
      tau_unpark(&parker);
      if (i % 7 == 0) std::this_thread::yield();
    }
  });
  f.run_until([&] { return done; });
  other.join();
  CHECK(got == rounds);
}

TEST_CASE("a thread parks and is unparked from the loop, or by its deadline") {
  RuntimeFixture f(false);
  tau_parker parker{};
  std::atomic<int> phase{0};
  std::thread other([&] {
    CHECK(tau_park(&f.plugin, &parker, after(2ms)) == TAU_E_TIMED_OUT);
    phase = 1;
    CHECK(tau_park(&f.plugin, &parker, no_limit) == TAU_OK);
    phase = 2;
    f.runtime.remote.nudge();  // the loop has nothing else to wake up for
  });
  auto unpark = [&]() -> Task<> {
    while (phase == 0) co_await tau::sleep(1ms);
    tau_unpark(&parker);
  };
  (void)tau::spawn(unpark());
  f.run_until([&] { return phase == 2; });
  other.join();
}

TEST_CASE("a condition variable hands over between fibers and threads, and nothing is lost") {
  RuntimeFixture f(false);
  struct Queue {
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    int cond = 0;  // only its address counts
    std::deque<int> items;
    bool closed = false;
  } queue;
  std::atomic<int> sum{0}, ended{0};
  auto consume = [&] {
    pthread_mutex_lock(&queue.mutex);
    for (;;) {
      while (queue.items.empty() && !queue.closed) tau_cond_wait(&f.plugin, &queue.cond, &queue.mutex, no_limit);
      if (queue.items.empty()) break;
      sum += queue.items.front();
      queue.items.pop_front();
    }
    pthread_mutex_unlock(&queue.mutex);
    ++ended;
    f.runtime.remote.nudge();
  };
  auto produce = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      pthread_mutex_lock(&queue.mutex);
      queue.items.push_back(i);
      pthread_mutex_unlock(&queue.mutex);
      tau_cond_signal(&queue.cond);
    }
  };
  (void)tau::fiber::spawn(consume);
  (void)tau::fiber::spawn(consume);
  std::thread consumer(consume), producer([&] { produce(0, 2000); });
  auto feed = [&]() -> Task<> {
    for (int i = 2000; i < 3000; i += 10) {
      produce(i, i + 10);
      co_await tau::yield_now();
    }
    while (sum != 2999 * 3000 / 2) co_await tau::sleep(1ms);
    pthread_mutex_lock(&queue.mutex);
    queue.closed = true;
    pthread_mutex_unlock(&queue.mutex);
    tau_cond_broadcast(&queue.cond);
  };
  (void)tau::spawn(feed());
  f.run_until([&] { return ended == 3; });
  consumer.join();
  producer.join();
  CHECK(sum == 2999 * 3000 / 2);
}

namespace {

/// What a fiber that waits at a condition variable leaves when it is unwound.
struct CondFiber {
  RuntimeFixture& f;
  pthread_mutex_t& mutex;
  int& cond;
  bool held = false, signalled = false;
  tau_fiber* fiber = nullptr;

  CondFiber(RuntimeFixture& f, pthread_mutex_t& mutex, int& cond) : f(f), mutex(mutex), cond(cond) {
    REQUIRE(tau_fiber_start(&f.plugin, 0, &run, [](void*) {}, this, &fiber) == TAU_OK);
  }
  ~CondFiber() { destroy(); }
  CondFiber(const CondFiber&) = delete;
  void destroy() {
    if (fiber) tau_fiber_destroy(std::exchange(fiber, nullptr));
  }

  static void run(void* argument) {
    auto& self = *static_cast<CondFiber*>(argument);
    struct Release {
      CondFiber& self;
      explicit Release(CondFiber& self) noexcept : self(self) {}
      ~Release() {
        self.held = pthread_mutex_trylock(&self.mutex) != 0;
        pthread_mutex_unlock(&self.mutex);
      }
    } release(self);
    pthread_mutex_lock(&self.mutex);
    tau_cond_wait(&self.f.plugin, &self.cond, &self.mutex, no_limit);
    self.signalled = true;
  }
};

}  // namespace

TEST_CASE("a condition wait that is unwound holds the mutex again, and passes a signal on") {
  RuntimeFixture f;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  int cond = 0;
  CondFiber first(f, mutex, cond), second(f, mutex, cond);
  tau_cond_signal(&cond);  // the first one's
  first.destroy();         // which goes before it has run
  f.settle();
  CHECK(first.held);
  CHECK_FALSE(first.signalled);
  CHECK(second.signalled);
  CHECK(second.held);
}

TEST_CASE("a timed condition wait ends at its deadline with the mutex held") {
  RuntimeFixture f;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  int cond = 0;
  std::int32_t status = 0;
  (void)tau::fiber::spawn([&] {
    pthread_mutex_lock(&mutex);
    status = tau_cond_wait(&f.plugin, &cond, &mutex, after(4ms));
    pthread_mutex_unlock(&mutex);
  });
  f.advance(3ms);
  CHECK(status == 0);
  f.advance(2ms);
  CHECK(status == TAU_E_TIMED_OUT);
}
