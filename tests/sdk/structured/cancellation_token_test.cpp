#include <tau/cancellation_token.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "gate.hpp"
#include "support/counted.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::CancellationToken;
using tau::test::Counted;
using tau::test::Gate;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

namespace {

tau::Task<> until(CancellationToken token, int* ended) {
  co_await token.cancelled();
  ++*ended;
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "cancelling wakes all who wait, and who comes later does not wait") {
  CancellationToken token;
  int ended = 0;
  for (int i = 0; i < 3; ++i) tau::spawn(until(token, &ended)).detach();
  settle();
  CHECK(ended == 0);
  CHECK_FALSE(token.is_cancelled());
  token.cancel();
  CHECK(token.is_cancelled());
  token.cancel();
  settle();
  CHECK(ended == 3);
  tau::spawn(until(token, &ended)).detach();
  runtime.turn(false);
  CHECK(ended == 4);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a child is cancelled with its parent, a parent not with its child") {
  CancellationToken root;
  CancellationToken left = root.child_token(), right = root.child_token(), deep = left.child_token().child_token();
  int ends[4] = {};
  tau::spawn(until(root, &ends[0])).detach();
  tau::spawn(until(left, &ends[1])).detach();
  tau::spawn(until(right, &ends[2])).detach();
  tau::spawn(until(deep, &ends[3])).detach();
  settle();
  left.cancel();
  settle();
  CHECK(deep.is_cancelled());
  CHECK_FALSE(right.is_cancelled());
  CHECK_FALSE(root.is_cancelled());
  CHECK(ends[0] + ends[2] == 0);
  CHECK(ends[1] + ends[3] == 2);
  root.cancel();
  settle();
  CHECK(ends[0] + ends[2] == 2);
  CHECK(root.child_token().is_cancelled());
}

TEST_CASE_FIXTURE(RuntimeFixture, "waits that are dropped are unlinked all the way up") {
  CancellationToken root;
  int ended = 0;
  std::vector<tau::JoinHandle<void>> handles;
  for (int i = 0; i < 4; ++i) handles.push_back(tau::spawn(until(root.child_token().child_token(), &ended)));
  settle();
  for (auto& handle : handles) handle.abort();
  settle();
  root.cancel();  // walks its lists
  settle();
  CHECK(ended == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a thousand generations are cancelled without a thousand calls on the stack") {
  CancellationToken root;
  CancellationToken last = root;
  int ended = 0;
  for (int i = 0; i < 1000; ++i) {
    last = last.child_token();
    tau::spawn(until(last, &ended)).detach();
  }
  settle();
  root.cancel();
  settle();
  CHECK(ended == 1000);
}

TEST_CASE_FIXTURE(RuntimeFixture, "run_until_cancelled hands on the value, or nothing and then it has been destroyed") {
  CancellationToken token;
  Gate gate;
  int alive = 0;
  auto work = [&]() -> tau::Task<int> {
    Counted counted(alive);
    co_return co_await gate.wait();
  };
  std::vector<std::optional<int>> values;
  auto body = [&]() -> tau::Task<> {
    values.push_back(co_await token.run_until_cancelled(work()));
    gate.shut();
    values.push_back(co_await token.run_until_cancelled(work()));
    CHECK(alive == 0);
    auto at_once = []() -> tau::Task<int> { co_return 3; };
    values.push_back(co_await token.run_until_cancelled(at_once()));
    CHECK_FALSE((co_await token.run_until_cancelled(tau::sleep(1h))).has_value());
  };
  tau::spawn(body).detach();
  settle();
  gate.open(2);
  settle();
  token.cancel();
  settle();
  CHECK(values == std::vector<std::optional<int>>{2, std::nullopt, std::nullopt});
}

TEST_CASE_FIXTURE(RuntimeFixture, "a drop guard cancels at the end of its scope, unless it was disarmed") {
  CancellationToken token;
  {
    auto guard = token.drop_guard();
    CHECK(std::move(guard).disarm() == token);
  }
  CHECK_FALSE(token.is_cancelled());
  { auto guard = token.drop_guard(); }
  CHECK(token.is_cancelled());
}

TEST_CASE_FIXTURE(RuntimeFixture, "another thread cancels, and makes and drops children meanwhile") {
  for (int round = 0; round < 20; ++round) {
    CancellationToken root;
    int ended = 0;
    for (int i = 0; i < 10; ++i) tau::spawn(until(root.child_token(), &ended)).detach();
    settle();
    std::atomic<bool> seen{false};
    std::thread other([&] {
      for (int i = 0; i < 100; ++i) CancellationToken child = root.child_token();
      CancellationToken child = root.child_token();
      root.cancel();
      seen = child.is_cancelled();
    });
    run_until([&] { return ended == 10; });
    other.join();
    CHECK(seen);
  }
}

TEST_CASE_FIXTURE(TwoPlugins, "a plugin unloaded while its tasks wait for a token leaves the token to others") {
  CancellationToken token;
  int ended = 0, others_ended = 0;
  tau::spawn(until(token, &ended)).detach();
  as_other([&] { tau::spawn(until(token.child_token(), &others_ended)).detach(); });
  settle();
  unload_other();
  token.cancel();
  settle();
  CHECK(ended == 1);
  CHECK(others_ended == 0);
}
