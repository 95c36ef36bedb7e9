// Keys whose value is each fiber's, and each thread's.
#include <tau/fiber.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "plugin/fiber_keys.hpp"
#include "plugin/thread_exit.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::Task;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

namespace {

Task<> nap(std::chrono::nanoseconds delay) { co_await tau::sleep(delay); }

void count(void* counter) { ++*static_cast<std::atomic<int>*>(counter); }

}  // namespace

TEST_CASE("each fiber sees its own value across suspensions") {
  RuntimeFixture f;
  tau_fls_key key = 0;
  REQUIRE(tau_fls_create(&f.plugin, nullptr, &key) == TAU_OK);
  int values[5];
  int right = 0;
  for (int& value : values) {
    (void)tau::fiber::spawn([&] {
      CHECK(tau_fls_get(key) == nullptr);
      CHECK(tau_fls_set(key, &value) == TAU_OK);
      for (int i = 0; i < 5; ++i) {
        CHECK(tau::block_on(nap(1ms)));
        if (tau_fls_get(key) == &value) ++right;
      }
    });
  }
  f.advance(10ms);
  CHECK(right == 25);
  CHECK(tau_fls_delete(key) == TAU_OK);
  CHECK(tau_fls_delete(key) == TAU_E_NOT_FOUND);
  CHECK(tau_fls_set(key, &right) == TAU_E_NOT_FOUND);
}

TEST_CASE("a forked child finds and sets the values of the stack that it goes on on") {
  RuntimeFixture f;
  tau_fls_key key = 0;
  REQUIRE(tau_fls_create(&f.plugin, nullptr, &key) == TAU_OK);
  int before = 0, after = 0, status = -1;
  (void)tau::fiber::spawn([&] {
    CHECK(tau_fls_set(key, &before) == TAU_OK);
    const pid_t child = ::fork();
    if (child == 0) {
      const bool found = tau_fls_get(key) == &before;
      const bool set = tau_fls_set(key, &after) == TAU_OK && tau_fls_get(key) == &after;
      ::_exit(found && set ? 7 : 1);
    }
    ::waitpid(child, &status, 0);
    CHECK(tau_fls_get(key) == &before);
  });
  f.settle();
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
  CHECK(tau_fls_delete(key) == TAU_OK);
}

TEST_CASE("a value is destroyed with its fiber, a thread's with its thread") {
  RuntimeFixture f;
  std::atomic<int> destroyed{0};
  tau_fls_key key = 0;
  REQUIRE(tau_fls_create(&f.plugin, &count, &key) == TAU_OK);
  (void)tau::fiber::spawn([&] { CHECK(tau_fls_set(key, &destroyed) == TAU_OK); });
  f.settle();
  CHECK(destroyed == 1);
  std::thread([&] {
    CHECK(tau_fls_get(key) == nullptr);
    CHECK(tau_fls_set(key, &destroyed) == TAU_OK);
    CHECK(tau_fls_get(key) == &destroyed);
  }).join();
  CHECK(destroyed == 2);
  tau::host::fiber_keys::forget(f.plugin);
}

TEST_CASE("unloading destroys a plugin's values on every stack and thread, and nobody else's") {
  TwoPlugins two;
  std::atomic<int> mine{0}, theirs{0};
  tau_fls_key my_key = 0, their_key = 0;
  REQUIRE(tau_fls_create(&two.plugin, &count, &my_key) == TAU_OK);
  REQUIRE(tau_fls_create(&two.other, &count, &their_key) == TAU_OK);
  std::atomic<bool> set{false}, leave{false};
  std::thread thread([&] {
    CHECK(tau_fls_set(their_key, &theirs) == TAU_OK);
    set = true;
    while (!leave) std::this_thread::yield();
  });
  while (!set) std::this_thread::yield();
  auto body = [&]() -> Task<> {
    CHECK(tau_fls_set(my_key, &mine) == TAU_OK);
    CHECK(tau_fls_set(their_key, &theirs) == TAU_OK);
    co_return;
  };
  (void)tau::spawn(body());
  two.settle();
  two.unload_other();
  tau::host::thread_exit::drain(two.other);
  CHECK(theirs == 2);
  CHECK(mine == 0);
  leave = true;
  thread.join();
  tau::host::fiber_keys::forget(two.other);
  CHECK(tau_fls_set(their_key, &theirs) == TAU_E_NOT_FOUND);
  two.runtime.fibers.drop_locals(two.plugin);
  CHECK(mine == 1);
  tau::host::fiber_keys::forget(two.plugin);
}
