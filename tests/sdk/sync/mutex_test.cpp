#include <tau/spawn.hpp>
#include <tau/sync/mutex.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::Errc;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

namespace {

tau::Task<> append_slowly(tau::Mutex<std::string> mutex, char name) {
  tau::MutexGuard<std::string> guard = co_await mutex.lock();
  const std::string before = *guard;
  co_await tau::sleep(1ms);
  *guard = before + name;
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "one at a time, in the order in which they asked, across awaits") {
  tau::Mutex<std::string> mutex("");
  for (char name : {'a', 'b', 'c', 'd'}) tau::spawn(append_slowly(mutex, name)).detach();
  advance(10ms);
  CHECK(**mutex.try_lock() == "abcd");
}

TEST_CASE_FIXTURE(RuntimeFixture, "try_lock finds it taken, and free again") {
  tau::Mutex<int> mutex;
  CHECK(**mutex.try_lock() == 0);
  auto guard = mutex.try_lock();
  REQUIRE(guard.has_value());
  **guard = 5;
  CHECK_FALSE(mutex.try_lock().has_value());
  guard->unlock();
  CHECK_FALSE(static_cast<bool>(*guard));
  CHECK(**mutex.try_lock() == 5);
  CHECK(mutex.blocking_lock().error() == Errc::wrong_thread);
}

TEST_CASE_FIXTURE(RuntimeFixture, "abort who holds, who waits and who was just given the lock") {
  tau::Mutex<std::string> mutex("");
  auto holder = tau::spawn(append_slowly(mutex, 'a'));
  auto waiting = tau::spawn(append_slowly(mutex, 'b'));
  auto given = tau::spawn(append_slowly(mutex, 'c'));
  tau::spawn(append_slowly(mutex, 'd')).detach();
  settle();
  waiting.abort();
  settle();
  holder.abort();
  runtime.turn(false);  // the lock is given to the third
  given.abort();
  advance(5ms);
  CHECK(**mutex.try_lock() == "d");
}

TEST_CASE_FIXTURE(RuntimeFixture, "a guard keeps the value alive after the mutex") {
  std::optional<tau::MutexGuard<std::string>> guard;
  {
    tau::Mutex<std::string> mutex("kept");
    guard = mutex.try_lock();
  }
  CHECK(**guard == "kept");
}

TEST_CASE_FIXTURE(RuntimeFixture, "copies are the same mutex") {
  tau::Mutex<int> mutex(1);
  tau::Mutex<int> copy = mutex;
  auto guard = mutex.try_lock();
  CHECK_FALSE(copy.try_lock().has_value());
  guard.reset();
  **copy.try_lock() = 2;
  CHECK(**mutex.try_lock() == 2);
}

TEST_CASE_FIXTURE(TwoPlugins, "unload who holds the lock: the other plugin gets it, and the value as it was left") {
  std::optional<tau::Mutex<std::string>> mutex;
  as_other([&] { mutex.emplace(""); });
  auto half = [](tau::Mutex<std::string> mine) -> tau::Task<> {
    tau::MutexGuard<std::string> guard = co_await mine.lock();
    *guard += "half";
    co_await tau::sleep(24h);
    *guard += " done";
  };
  as_other([&] {
    tau::spawn(half(*mutex)).detach();
    tau::spawn(half(*mutex)).detach();
  });
  settle();
  tau::spawn(append_slowly(*mutex, '!')).detach();
  settle();
  unload_other();
  advance(2ms);
  CHECK(**mutex->try_lock() == "half!");
}
