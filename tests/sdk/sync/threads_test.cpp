// Channels and locks between the loop and other threads.
#include <tau/spawn_blocking.hpp>
#include <tau/sync/mpsc.hpp>
#include <tau/sync/mutex.hpp>
#include <tau/sync/notify.hpp>
#include <tau/sync/oneshot.hpp>
#include <tau/sync/semaphore.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "support/two_plugins.hpp"

using tau::Errc;
using tau::test::AsModule;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

namespace {

tau::Task<> sum_all(tau::mpsc::Receiver<int> rx, std::uint64_t* sum, bool* ended) {
  while (tau::Result<int> value = co_await rx.recv()) *sum += static_cast<std::uint64_t>(*value);
  *ended = true;
}

/// Awaits on behalf of another plugin: for the moment of suspending its code is that plugin's.
template <class A>
class As {
 public:
  As(tau_plugin* owner, A&& awaiter) : owner_(owner), awaiter_(awaiter) {}
  bool await_ready() { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) {
    AsModule as(owner_);
    return awaiter_.await_suspend(suspended);
  }
  decltype(auto) await_resume() { return awaiter_.await_resume(); }

 private:
  tau_plugin* owner_;
  A& awaiter_;
};

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "threads that block send to a task, through a channel that is mostly full") {
  auto [tx, rx] = tau::mpsc::channel<int>(4);
  std::uint64_t sum = 0;
  bool ended = false;
  tau::spawn(sum_all(std::move(rx), &sum, &ended)).detach();
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([tx = tx]() mutable {
      for (int i = 1; i <= 2000; ++i) CHECK(tx.blocking_send(i).has_value());
    });
  }
  { auto gone = std::move(tx); }
  run_until([&] { return ended; });
  for (auto& thread : threads) thread.join();
  CHECK(sum == 3u * 2000u * 2001u / 2u);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a task sends to a thread that blocks, until the sender is gone") {
  auto [tx, rx] = tau::mpsc::channel<int>(4);
  std::uint64_t sum = 0;
  std::thread thread([rx = std::move(rx), &sum]() mutable {
    while (tau::Result<int> value = rx.blocking_recv()) sum += static_cast<std::uint64_t>(*value);
  });
  auto body = [](tau::mpsc::Sender<int> mine) -> tau::Task<> {
    for (int i = 1; i <= 5000; ++i) {
      const tau::Result<void> sent = co_await mine.send(i);
      CHECK(sent.has_value());
    }
  };
  auto sending = tau::spawn(body(std::move(tx)));
  run_until([&] { return sending.is_finished(); });
  sending.detach();  // until then the ended task keeps its parameters
  thread.join();
  CHECK(sum == 5000u * 5001u / 2u);
}

TEST_CASE_FIXTURE(RuntimeFixture, "threads that do not wait: try_send and an unbounded send") {
  auto [tx, rx] = tau::mpsc::unbounded_channel<int>();
  std::uint64_t sum = 0;
  bool ended = false;
  tau::spawn(sum_all(std::move(rx), &sum, &ended)).detach();
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([tx = tx]() mutable {
      for (int i = 1; i <= 3000; ++i) CHECK(tx.send(i).has_value());
    });
  }
  { auto gone = std::move(tx); }
  run_until([&] { return ended; });
  for (auto& thread : threads) thread.join();
  CHECK(sum == 3u * 3000u * 3001u / 2u);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a receiver that a thread drops is seen by a task that waits, and the other way round") {
  auto [tx, rx] = tau::mpsc::channel<int>(1);
  REQUIRE(tx.try_send(1).has_value());
  Errc seen = Errc::invalid;
  bool told = false;
  auto body = [&, &tx = tx]() -> tau::Task<> {
    const tau::Result<void> sent = co_await tx.send(2);
    seen = sent ? Errc::busy : Errc::closed;
    co_await tx.closed();
    told = true;
  };
  tau::spawn(body).detach();
  settle();
  std::thread([rx = std::move(rx)] {}).join();
  run_until([&] { return told; });
  CHECK(seen == Errc::closed);

  auto [tx2, rx2] = tau::mpsc::channel<int>(1);
  std::uint64_t sum = 0;
  bool ended = false;
  tau::spawn(sum_all(std::move(rx2), &sum, &ended)).detach();
  settle();
  std::thread([tx2 = std::move(tx2)] {}).join();
  run_until([&] { return ended; });
  CHECK(sum == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a blocked thread is told when the other end goes") {
  auto [tx, rx] = tau::mpsc::channel<int>(1);
  REQUIRE(tx.try_send(1).has_value());
  std::atomic<int> refused{0};
  std::thread sender([&refused, tx = tx]() mutable {
    if (tx.blocking_send(2).error() == Errc::closed) ++refused;
  });
  auto [tx2, rx2] = tau::mpsc::channel<int>(1);
  std::thread receiver([&refused, rx2 = std::move(rx2)]() mutable {
    if (rx2.blocking_recv().error() == Errc::closed) ++refused;
  });
  { auto gone = std::move(rx); }
  { auto gone = std::move(tx2); }
  sender.join();
  receiver.join();
  CHECK(refused == 2);
}

TEST_CASE_FIXTURE(RuntimeFixture, "oneshot from a thread to a task, and from a task to a thread") {
  auto [tx, rx] = tau::oneshot::channel<std::unique_ptr<int>>();
  auto [tx2, rx2] = tau::oneshot::channel<int>();
  int got = 0;
  std::thread thread([&got, tx = std::move(tx), rx2 = std::move(rx2)]() mutable {
    CHECK(tx.send(std::make_unique<int>(41)).has_value());
    got = *rx2.blocking_recv();
  });
  auto body = [&, &rx = rx, &tx2 = tx2]() -> tau::Task<> {
    tau::Result<std::unique_ptr<int>> value = co_await rx;
    CHECK(tx2.send(**value + 1).has_value());
  };
  auto handle = tau::spawn(body);
  run_until([&] { return handle.is_finished(); });
  thread.join();
  CHECK(got == 42);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a mutex between tasks and threads: no update is lost") {
  tau::Mutex<std::uint64_t> mutex(0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([mutex] {
      for (int i = 0; i < 3000; ++i) {
        auto guard = mutex.blocking_lock();
        ++**guard;
      }
    });
  }
  auto body = [](tau::Mutex<std::uint64_t> mine) -> tau::Task<> {
    for (int i = 0; i < 3000; ++i) {
      tau::MutexGuard<std::uint64_t> guard = co_await mine.lock();
      const std::uint64_t before = *guard;
      if (i % 64 == 0) co_await tau::yield_now();
      *guard = before + 1;
    }
  };
  auto first = tau::spawn(body(mutex)), second = tau::spawn(body(mutex));
  run_until([&] { return first.is_finished() && second.is_finished(); });
  for (auto& thread : threads) thread.join();
  CHECK(**mutex.try_lock() == 4 * 3000);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a semaphore between tasks and threads: all permits come back") {
  tau::Semaphore semaphore(3);
  std::atomic<int> out{0}, most{0};
  auto enter = [&](int n) {
    const int now = out += n;
    int seen = most.load();
    while (seen < now && !most.compare_exchange_weak(seen, now)) {
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 1000; ++i) {
        const int n = 1 + (i + t) % 3;
        auto permit = semaphore.blocking_acquire(static_cast<std::size_t>(n));
        enter(n);
        out -= n;
      }
    });
  }
  auto body = [&](int t) -> tau::Task<> {
    for (int i = 0; i < 1000; ++i) {
      const int n = 1 + (i + t) % 3;
      tau::Result<tau::SemaphorePermit> permit = co_await semaphore.acquire_many(static_cast<std::size_t>(n));
      enter(n);
      if (i % 16 == 0) co_await tau::yield_now();
      out -= n;
    }
  };
  auto first = tau::spawn(body(0)), second = tau::spawn(body(1));
  run_until([&] { return first.is_finished() && second.is_finished(); });
  for (auto& thread : threads) thread.join();
  CHECK(most <= 3);
  CHECK(semaphore.available_permits() == 3);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a thread notifies tasks: one by one, and all") {
  tau::Notify notify, answer;
  int woken = 0;
  auto body = [&]() -> tau::Task<> {
    for (int i = 0; i < 500; ++i) {
      co_await notify.notified();
      ++woken;
      answer.notify_one();
    }
  };
  auto handle = tau::spawn(body);
  tau::Semaphore turns(1);
  auto relay = [&]() -> tau::Task<> {
    for (int i = 0; i < 500; ++i) {
      co_await answer.notified();
      turns.add_permits(1);
    }
  };
  tau::spawn(relay).detach();
  std::thread thread([&] {
    for (int i = 0; i < 500; ++i) {
      auto turn = turns.blocking_acquire();
      turn->forget();
      notify.notify_one();
    }
  });
  run_until([&] { return handle.is_finished(); });
  thread.join();
  CHECK(woken == 500);
  settle();

  int all = 0;
  auto waiter = [&]() -> tau::Task<> {
    co_await notify.notified();
    ++all;
  };
  for (int i = 0; i < 10; ++i) tau::spawn(waiter).detach();
  settle();
  std::thread([&] { notify.notify_waiters(); }).join();
  run_until([&] { return all == 10; });
  CHECK(all == 10);
}

TEST_CASE_FIXTURE(RuntimeFixture, "bodies of spawn_blocking may use both ends") {
  auto [tx, rx] = tau::mpsc::channel<int>(2);
  auto sending = tau::spawn_blocking([tx = std::move(tx)]() mutable {
    for (int i = 0; i < 500; ++i) (void)tx.blocking_send(i);
  });
  auto receiving = tau::spawn_blocking([rx = std::move(rx)]() mutable {
    int sum = 0;
    while (tau::Result<int> value = rx.blocking_recv()) sum += *value;
    return sum;
  });
  run_until([&] { return sending.is_finished() && receiving.is_finished(); });
  CHECK(**receiving.try_join() == 500 * 499 / 2);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a waiter that is destroyed between a thread's grant and its waking passes it on") {
  tau::Semaphore semaphore(0);
  std::vector<int> order;
  auto body = [&](int name) -> tau::Task<> {
    tau::Result<tau::SemaphorePermit> permit = co_await semaphore.acquire();
    order.push_back(name);
    permit->forget();
  };
  auto first = tau::spawn(body(1));
  auto second = tau::spawn(body(2));
  settle();
  std::thread([&] { semaphore.add_permits(1); }).join();
  CHECK(plugin.remote_calls.load() == 1);
  first.abort();
  // The call arrives at the start of a turn and wakes the first; the abort takes its turn before it runs.
  run_until([&] { return second.is_finished(); });
  CHECK(order == std::vector<int>{2});
  CHECK(semaphore.available_permits() == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "a thread grants to a plugin that is being unloaded: the next one gets it") {
  tau::Notify notify;
  int others = 0, ours = 0;
  auto body = [&](tau_plugin* owner, int* woken) -> tau::Task<> {
    auto notified = notify.notified();
    co_await As<tau::Notified>(owner, std::move(notified));
    ++*woken;
  };
  as_other([&] { tau::spawn(body(&other, &others)).detach(); });
  settle();
  tau::spawn(body(&plugin, &ours)).detach();
  settle();
  other.phase = tau::host::Phase::unloading;
  std::thread([&] { notify.notify_one(); }).join();
  settle();
  CHECK(others == 0);
  CHECK(ours == 0);
  unload_other();
  settle();
  CHECK(others == 0);
  CHECK(ours == 1);
}

TEST_CASE_FIXTURE(TwoPlugins, "a thread wakes waiters of two plugins with one call, and one of them is unloaded before it arrives") {
  tau::Notify notify;
  int others = 0, ours = 0;
  auto body = [&](tau_plugin* owner, int* woken) -> tau::Task<> {
    auto notified = notify.notified();
    co_await As<tau::Notified>(owner, std::move(notified));
    ++*woken;
  };
  as_other([&] { tau::spawn(body(&other, &others)).detach(); });
  settle();
  tau::spawn(body(&plugin, &ours)).detach();
  settle();
  std::thread([&] { notify.notify_waiters(); }).join();
  CHECK(other.remote_calls.load() == 1);
  CHECK(plugin.remote_calls.load() == 0);
  unload_other();  // drops its task first, then waits for the call
  settle();
  CHECK(others == 0);
  CHECK(ours == 1);
}

TEST_CASE_FIXTURE(TwoPlugins, "threads keep sending while the receiver's plugin is unloaded: they see it closed") {
  auto [tx, rx] = tau::mpsc::channel<int>(4);
  auto body = [&](tau::mpsc::Receiver<int> mine) -> tau::Task<> {
    for (;;) {
      auto recv = mine.recv();
      tau::Result<int> value = co_await As<decltype(recv)>(&other, std::move(recv));
      if (!value) co_return;
    }
  };
  as_other([&, &rx = rx] { tau::spawn(body(std::move(rx))).detach(); });
  std::atomic<int> sent{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&sent, tx = tx]() mutable {
      while (tx.blocking_send(1)) ++sent;
    });
  }
  run_until([&] { return sent.load() > 500; });
  unload_other();
  for (auto& thread : threads) thread.join();
  CHECK(tx.is_closed());
}
