#include <tau/spawn.hpp>
#include <tau/sync/rwlock.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::Errc;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

namespace {

tau::Task<> read_for(tau::RwLock<std::string> lock, tau::Duration time, std::vector<std::string>* seen) {
  tau::RwLockReadGuard<std::string> guard = co_await lock.read();
  seen->push_back(*guard);
  co_await tau::sleep(time);
}

tau::Task<> append(tau::RwLock<std::string> lock, char name) {
  tau::RwLockWriteGuard<std::string> guard = co_await lock.write();
  const std::string before = *guard;
  co_await tau::sleep(1ms);
  *guard = before + name;
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "many read at a time, one writes alone") {
  tau::RwLock<std::string> lock("v");
  std::vector<std::string> seen;
  for (int i = 0; i < 3; ++i) tau::spawn(read_for(lock, 1ms, &seen)).detach();
  settle();
  CHECK(seen.size() == 3);
  CHECK(lock.try_read().has_value());
  CHECK_FALSE(lock.try_write().has_value());
  tau::spawn(append(lock, '1')).detach();
  tau::spawn(append(lock, '2')).detach();
  settle();
  CHECK_FALSE(lock.try_read().has_value());
  advance(5ms);
  CHECK(**lock.try_read() == "v12");
  CHECK(lock.try_write().has_value());
  CHECK(lock.blocking_read().error() == Errc::wrong_thread);
  CHECK(lock.blocking_write().error() == Errc::wrong_thread);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a stream of readers does not starve a writer") {
  tau::RwLock<std::string> lock("");
  std::vector<std::string> seen;
  bool stop = false;
  auto stream = [&]() -> tau::Task<> {
    while (!stop) {
      tau::spawn(read_for(lock, 10ms, &seen)).detach();
      co_await tau::sleep(1ms);
    }
  };
  tau::spawn(stream).detach();
  advance(5ms);
  tau::spawn(append(lock, 'w')).detach();
  advance(20ms);
  stop = true;
  advance(30ms);
  REQUIRE(seen.size() > 20);
  CHECK(seen.front().empty());
  CHECK(seen.back() == "w");
  CHECK(seen[8] == "w");  // whoever came after the writer read after him
}

TEST_CASE_FIXTURE(RuntimeFixture, "abort a writer in each state: readers behind him go on") {
  tau::RwLock<std::string> lock("");
  std::vector<std::string> seen;
  auto reading = lock.try_read();
  auto waiting = tau::spawn(append(lock, 'x'));
  tau::spawn(read_for(lock, 1ms, &seen)).detach();
  settle();
  CHECK(seen.empty());
  waiting.abort();
  settle();
  CHECK(seen.size() == 1);
  advance(2ms);

  auto given = tau::spawn(append(lock, 'y'));
  tau::spawn(read_for(lock, 1ms, &seen)).detach();
  settle();
  reading.reset();
  given.abort();  // he has got it, and not had his turn
  advance(2ms);
  CHECK(seen == std::vector<std::string>{"", ""});

  auto holding = tau::spawn(append(lock, 'z'));
  settle();
  CHECK_FALSE(lock.try_read().has_value());
  holding.abort();
  settle();
  CHECK(lock.try_write().has_value());
}

TEST_CASE_FIXTURE(RuntimeFixture, "a writer who goes on as a reader lets readers in, and no writer") {
  tau::RwLock<std::string> lock("");
  auto writing = lock.try_write();
  **writing = "new";
  auto reading = std::move(*writing).downgrade();
  CHECK(*reading == "new");
  CHECK(**lock.try_read() == "new");
  CHECK_FALSE(lock.try_write().has_value());
  reading.unlock();
  writing.reset();
  CHECK(lock.try_write().has_value());
}

TEST_CASE_FIXTURE(RuntimeFixture, "threads and tasks share a lock: no update is lost, none is seen half done") {
  struct Pair {
    std::uint64_t a = 0, b = 0;
  };
  tau::RwLock<Pair> lock;
  std::atomic<int> torn{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([lock, t, &torn] {
      for (int i = 0; i < 2000; ++i) {
        if ((i + t) % 2) {
          auto guard = lock.blocking_write();
          ++(*guard)->a;
          ++(*guard)->b;
        } else {
          auto guard = lock.blocking_read();
          torn += (*guard)->a != (*guard)->b;
        }
      }
    });
  }
  auto body = [&]() -> tau::Task<> {
    for (int i = 0; i < 1000; ++i) {
      tau::RwLockWriteGuard<Pair> guard = co_await lock.write();
      ++guard->a;
      if (i % 32 == 0) co_await tau::yield_now();
      ++guard->b;
    }
  };
  auto writing = tau::spawn(body);
  run_until([&] { return writing.is_finished(); });
  for (auto& thread : threads) thread.join();
  CHECK(torn == 0);
  CHECK((*lock.try_read())->a == 3000);
}

TEST_CASE_FIXTURE(TwoPlugins, "unload who reads and who waits to write: the lock is free") {
  tau::RwLock<std::string> lock("");
  std::vector<std::string> seen;
  as_other([&] {
    tau::spawn(read_for(lock, 24h, &seen)).detach();
    tau::spawn(append(lock, 'x')).detach();
  });
  settle();
  auto mine = tau::spawn(append(lock, '!'));
  settle();
  CHECK_FALSE(mine.is_finished());
  unload_other();
  advance(2ms);
  CHECK(**lock.try_read() == "!");
}
