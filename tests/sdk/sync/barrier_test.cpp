#include <tau/spawn.hpp>
#include <tau/sync/barrier.hpp>
#include <tau/sync/once_cell.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::Errc;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

namespace {

tau::Task<> meet(tau::Barrier barrier, int* through, int* leaders) {
  const tau::BarrierWaitResult result = co_await barrier.wait();
  ++*through;
  *leaders += result.is_leader();
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "a barrier lets all through when the last has come, round after round") {
  tau::Barrier barrier(3);
  int through = 0, leaders = 0;
  for (int round = 1; round <= 3; ++round) {
    tau::spawn(meet(barrier, &through, &leaders)).detach();
    tau::spawn(meet(barrier, &through, &leaders)).detach();
    settle();
    CHECK(through == 3 * (round - 1));
    tau::spawn(meet(barrier, &through, &leaders)).detach();
    settle();
    CHECK(through == 3 * round);
    CHECK(leaders == round);
  }
  tau::Barrier alone(0);
  tau::spawn(meet(alone, &through, &leaders)).detach();
  settle();
  CHECK(through == 10);
}

TEST_CASE_FIXTURE(TwoPlugins, "who is aborted or unloaded while it waits was not here") {
  tau::Barrier barrier(3);
  int through = 0, leaders = 0;
  auto first = tau::spawn(meet(barrier, &through, &leaders));
  as_other([&] { tau::spawn(meet(barrier, &through, &leaders)).detach(); });
  settle();
  first.abort();
  settle();
  unload_other();
  tau::spawn(meet(barrier, &through, &leaders)).detach();
  tau::spawn(meet(barrier, &through, &leaders)).detach();
  settle();
  CHECK(through == 0);
  // The last comes, and one of those who waited is aborted before its turn: the round is over all the same.
  tau::spawn(meet(barrier, &through, &leaders)).detach();
  settle();
  CHECK(through == 3);
  CHECK(leaders == 1);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a cell is made once, by whoever comes first; the others wait for it") {
  tau::OnceCell<std::string> cell;
  int made = 0;
  auto make = [&]() -> tau::Task<std::string> {
    ++made;
    co_await tau::sleep(1ms);
    co_return "made";
  };
  std::vector<std::string*> got;
  auto use = [&]() -> tau::Task<> {
    std::string* value = co_await cell.get_or_init(make);
    got.push_back(value);
  };
  for (int i = 0; i < 3; ++i) tau::spawn(use).detach();
  settle();
  CHECK_FALSE(cell.initialized());
  CHECK(cell.get() == nullptr);
  CHECK(cell.set("no").error() == Errc::busy);
  advance(2ms);
  tau::spawn(use).detach();
  settle();
  CHECK(made == 1);
  REQUIRE(got.size() == 4);
  for (std::string* value : got) CHECK(value == cell.get());
  CHECK(*cell.get() == "made");
  CHECK(cell.set("again").error() == Errc::exists);
}

TEST_CASE_FIXTURE(RuntimeFixture, "if who makes it is aborted, throws or fails, the next one tries") {
  tau::OnceCell<int> cell;
  std::vector<int> got;
  auto slowly = [&]() -> tau::Task<int> {
    co_await tau::sleep(24h);
    co_return 1;
  };
  auto throwing = []() -> tau::Task<int> {
    co_await tau::yield_now();
    throw std::runtime_error("no");
  };
  auto failing = []() -> tau::Task<tau::Result<int>> { co_return Errc::timed_out; };
  auto working = []() -> tau::Task<tau::Result<int>> { co_return 4; };
  auto first = [&]() -> tau::Task<> { got.push_back(*co_await cell.get_or_init(slowly)); };
  auto second = [&]() -> tau::Task<> { got.push_back(*co_await cell.get_or_init(throwing)); };
  auto third = [&]() -> tau::Task<> {
    tau::Result<int*> value = co_await cell.get_or_try_init(failing);
    CHECK(value.error() == Errc::timed_out);
  };
  auto fourth = [&]() -> tau::Task<> {
    tau::Result<int*> value = co_await cell.get_or_try_init(working);
    got.push_back(**value);
  };
  auto aborted = tau::spawn(first);
  settle();
  auto threw = tau::spawn(second);
  tau::spawn(third).detach();
  tau::spawn(fourth).detach();
  settle();
  CHECK(got.empty());
  aborted.abort();
  settle();
  CHECK(threw.try_join()->error() == Errc::threw);
  CHECK(got == std::vector<int>{4});
  CHECK(*cell.get() == 4);
}

TEST_CASE_FIXTURE(TwoPlugins, "a cell that an unloaded plugin was making is made by another; threads set and see it") {
  tau::OnceCell<int> cell;
  auto slowly = [&]() -> tau::Task<int> {
    co_await tau::sleep(24h);
    co_return 1;
  };
  auto quickly = []() -> tau::Task<int> { co_return 2; };
  auto theirs = [&]() -> tau::Task<> { (void)co_await cell.get_or_init(slowly); };
  auto ours = [&]() -> tau::Task<> { (void)co_await cell.get_or_init(quickly); };
  as_other([&] { tau::spawn(theirs).detach(); });
  settle();
  tau::spawn(ours).detach();
  settle();
  CHECK_FALSE(cell.initialized());
  unload_other();
  settle();
  CHECK(*cell.get() == 2);

  tau::OnceCell<int> set;
  int seen = 0;
  auto wait = [&]() -> tau::Task<> { seen = *co_await set.get_or_init(slowly); };
  std::thread([set] { CHECK(set.set(3).has_value()); }).join();
  tau::spawn(wait).detach();
  settle();
  CHECK(seen == 3);
}
