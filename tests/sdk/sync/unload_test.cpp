// What is left of each channel and lock when one of the two plugins that share it is unloaded in the middle.
//
// The files of the single primitives have the plain cases; here are the other direction of each, and what is
// under way: a grant that had no turn yet, a permit in hand, a wait for the other end's going.
#include <tau/spawn.hpp>
#include <tau/sync/barrier.hpp>
#include <tau/sync/broadcast.hpp>
#include <tau/sync/mpsc.hpp>
#include <tau/sync/mutex.hpp>
#include <tau/sync/once_cell.hpp>
#include <tau/sync/oneshot.hpp>
#include <tau/sync/rwlock.hpp>
#include <tau/sync/semaphore.hpp>
#include <tau/sync/watch.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "support/counted.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::Errc;
using tau::Result;
using tau::Task;
using tau::test::Counted;
using tau::test::TwoPlugins;

TEST_CASE_FIXTURE(TwoPlugins, "unload who waits for a mutex, or was just given it: it goes to the next") {
  tau::Mutex<std::string> mutex;
  std::vector<int> order;
  auto body = [&](int name) -> Task<> {
    tau::MutexGuard<std::string> guard = co_await mutex.lock();
    order.push_back(name);
    *guard += "x";
  };
  auto held = mutex.try_lock();
  REQUIRE(held.has_value());
  spawn_other(body, 1).detach();
  settle();
  tau::spawn(body(2)).detach();
  settle();
  SUBCASE("it waits") {}
  SUBCASE("it was given it, and had no turn yet") { held.reset(); }
  unload_other();
  held.reset();
  settle();
  CHECK(order == std::vector<int>{2});
  CHECK(**mutex.try_lock() == "x");
}

TEST_CASE_FIXTURE(TwoPlugins, "unload who writes, or who waits to: all the readers behind him are let in") {
  tau::RwLock<int> lock(0);
  int reading = 0;
  auto writes = [&]() -> Task<> {
    tau::RwLockWriteGuard<int> guard = co_await lock.write();
    *guard = 7;
    co_await tau::sleep(1h);
  };
  auto reads = [&]() -> Task<> {
    tau::RwLockReadGuard<int> guard = co_await lock.read();
    ++reading;
    co_await tau::sleep(1s);
    CHECK((*guard == 0 || *guard == 7));
  };
  std::optional<tau::RwLockReadGuard<int>> held;
  int value = 7;
  SUBCASE("who writes") {}
  SUBCASE("who waits to write, behind a reader") {
    held = lock.try_read();
    value = 0;
  }
  spawn_other(writes).detach();
  settle();
  for (int i = 0; i < 3; ++i) tau::spawn(reads()).detach();
  settle();
  CHECK(reading == 0);
  unload_other();
  settle();
  CHECK(reading == 3);
  held.reset();
  advance(2s);
  auto now = lock.try_write();
  REQUIRE(now.has_value());
  CHECK(**now == value);
}

TEST_CASE_FIXTURE(TwoPlugins, "unload the last to come to a barrier: those it let through go on, once") {
  tau::Barrier barrier(2);
  int through = 0;
  auto body = [&]() -> Task<> {
    const tau::BarrierWaitResult result = co_await barrier.wait();
    CHECK_FALSE(result.is_leader());
    ++through;
  };
  auto leads = [&]() -> Task<> {
    const tau::BarrierWaitResult result = co_await barrier.wait();
    CHECK(result.is_leader());
    co_await tau::sleep(1h);
  };
  tau::spawn(body()).detach();
  settle();
  spawn_other(leads).detach();
  runtime.turn(false);
  unload_other();
  settle();
  CHECK(through == 1);
  // The round is over for both: nobody counts as here.
  tau::spawn(body()).detach();
  settle();
  CHECK(through == 1);
  (void)through;
}

TEST_CASE_FIXTURE(TwoPlugins, "unload who waits for a cell: who makes it goes on, and it is there for later ones") {
  tau::OnceCell<std::string> cell;
  int got = 0;
  auto make = []() -> Task<std::string> {
    co_await tau::sleep(1s);
    co_return "made";
  };
  auto body = [&]() -> Task<> {
    std::string* const value = co_await cell.get_or_init(make);
    CHECK(*value == "made");
    ++got;
  };
  tau::spawn(body()).detach();
  settle();
  spawn_other(body).detach();
  tau::spawn(body()).detach();
  settle();
  unload_other();
  advance(2s);
  CHECK(got == 2);
  REQUIRE(cell.get() != nullptr);
  CHECK(*cell.get() == "made");
}

TEST_CASE_FIXTURE(TwoPlugins, "unbounded: unload the sender, what it sent is received, then the end; and the receiver, it reads closed") {
  std::vector<std::string> seen;
  bool ended = false;
  SUBCASE("the sender") {
    auto [tx, rx] = tau::mpsc::unbounded_channel<std::string>();
    auto sends = [](tau::mpsc::UnboundedSender<std::string> end) -> Task<> {
      CHECK(end.send("one").has_value());
      CHECK(end.send("two").has_value());
      co_await tau::sleep(1h);
    };
    auto receives = [&](tau::mpsc::Receiver<std::string> end) -> Task<> {
      for (;;) {
        Result<std::string> value = co_await end.recv();
        if (!value) break;
        seen.push_back(*value);
      }
      ended = true;
    };
    spawn_other(sends, std::move(tx)).detach();
    tau::spawn(receives(std::move(rx))).detach();
    settle();
    CHECK_FALSE(ended);
    unload_other();
    settle();
    CHECK(seen == std::vector<std::string>{"one", "two"});
    CHECK(ended);
  }
  SUBCASE("the receiver") {
    auto [tx, rx] = tau::mpsc::unbounded_channel<std::string>();
    auto receives = [&](tau::mpsc::Receiver<std::string> end) -> Task<> {
      Result<std::string> value = co_await end.recv();
      if (value) seen.push_back(*value);
      co_await tau::sleep(1h);
    };
    auto watches = [&](tau::mpsc::UnboundedSender<std::string> end) -> Task<> {
      co_await end.closed();
      ended = true;
    };
    spawn_other(receives, std::move(rx)).detach();
    tau::spawn(watches(tx)).detach();
    CHECK(tx.send("one").has_value());
    CHECK(tx.send("never received").has_value());
    settle();
    CHECK(seen == std::vector<std::string>{"one"});
    unload_other();
    CHECK(tx.is_closed());
    CHECK(tx.send("late").error() == Errc::closed);
    settle();
    CHECK(ended);
  }
}

TEST_CASE_FIXTURE(TwoPlugins, "bounded: unload who holds a permit, or waits to send: the room goes to the next, their values nowhere") {
  auto [tx, rx] = tau::mpsc::channel<std::string>(1);
  int sent = 0;
  auto sends = [&](tau::mpsc::Sender<std::string> end, std::string text) -> Task<> {
    const Result<void> done = co_await end.send(std::move(text));
    CHECK(done.has_value());
    ++sent;
  };
  auto keeps = [](tau::mpsc::Sender<std::string> end) -> Task<> {
    Result<tau::mpsc::Permit<std::string>> permit = co_await end.reserve();
    CHECK(permit.has_value());
    co_await tau::sleep(1h);
  };
  SUBCASE("who holds a permit") { spawn_other(keeps, tx).detach(); }
  SUBCASE("who waits to send, with a permit out") {
    spawn_other(keeps, tx).detach();
    settle();
    spawn_other(sends, tx, "theirs").detach();
  }
  settle();
  tau::spawn(sends(tx, "mine")).detach();
  settle();
  CHECK(sent == 0);
  unload_other();
  settle();
  CHECK(sent == 1);
  CHECK(**rx.try_recv() == "mine");
  CHECK_FALSE(rx.try_recv().has_value());
  CHECK(tx.capacity() == 1);
}

TEST_CASE_FIXTURE(TwoPlugins, "unload the receivers of every kind: who waits for them to go is told") {
  auto [bounded, bounded_rx] = tau::mpsc::channel<int>(1);
  auto [once, once_rx] = tau::oneshot::channel<int>();
  auto [broadcast, broadcast_rx] = tau::broadcast::channel<int>(1);
  auto [watch, watch_rx] = tau::watch::channel<int>(0);
  std::vector<std::string> gone;
  auto told = [&](auto* end, std::string name) -> Task<> {
    co_await end->closed();
    gone.push_back(name);
  };
  auto holds = [](auto end) -> Task<> {
    co_await tau::sleep(1h);
    auto last = std::move(end);
  };
  spawn_other(holds, std::move(bounded_rx)).detach();
  spawn_other(holds, std::move(once_rx)).detach();
  spawn_other(holds, std::move(broadcast_rx)).detach();
  spawn_other(holds, std::move(watch_rx)).detach();
  settle();
  SUBCASE("the survivor waits") {
    auto first = tau::spawn(told(&bounded, "mpsc"));
    tau::spawn(told(&once, "oneshot")).detach();
    tau::spawn(told(&broadcast, "broadcast")).detach();
    tau::spawn(told(&watch, "watch")).detach();
    settle();
    CHECK(gone.empty());
    first.abort();  // a wait that is cancelled disturbs nobody
    settle();
    tau::spawn(told(&bounded, "mpsc")).detach();
    settle();
    unload_other();
    settle();
    std::sort(gone.begin(), gone.end());
    CHECK(gone == std::vector<std::string>{"broadcast", "mpsc", "oneshot", "watch"});
  }
  SUBCASE("the unloaded one waits for its own ends") {
    spawn_other(told, &bounded, "mpsc").detach();
    spawn_other(told, &once, "oneshot").detach();
    spawn_other(told, &broadcast, "broadcast").detach();
    spawn_other(told, &watch, "watch").detach();
    settle();
    unload_other();
    settle();
    CHECK(gone.empty());
  }
  CHECK(bounded.try_send(1).error() == Errc::closed);
  CHECK(once.send(1).error() == Errc::closed);
  CHECK(broadcast.send(1).error() == Errc::closed);
  CHECK(watch.send(1).error() == Errc::closed);
}

TEST_CASE_FIXTURE(TwoPlugins, "unload a broadcast's slow receiver: the values that waited for it alone are let go") {
  int alive = 0;
  auto [tx, rx] = tau::broadcast::channel<Counted>(4);
  auto slow = [](tau::broadcast::Receiver<Counted> end) -> Task<> {
    co_await tau::sleep(1h);
    auto last = std::move(end);
  };
  auto second = tx.subscribe();
  spawn_other(slow, std::move(rx)).detach();
  settle();
  for (int i = 0; i < 3; ++i) CHECK(tx.send(Counted(alive)).has_value());
  for (int i = 0; i < 3; ++i) CHECK(second.try_recv()->has_value());
  CHECK(alive == 3);
  unload_other();
  CHECK(alive == 0);
  CHECK(tx.receiver_count() == 1);
  CHECK(*tx.send(Counted(alive)) == 1);
}

TEST_CASE_FIXTURE(TwoPlugins, "watch: unload who waits for a value, and who would have sent it: wait_for ends with closed") {
  auto [tx, rx] = tau::watch::channel<int>(0);
  int theirs = 0;
  std::optional<Result<int>> mine;
  auto at_least = [](const int& value) { return value >= 10; };
  auto waits_here = [&](tau::watch::Receiver<int> end) -> Task<> {
    Result<tau::watch::Ref<int>> found = co_await end.wait_for(at_least);
    if (found) {
      mine = Result<int>(**found);
    } else {
      mine = Result<int>(found.error());
    }
  };
  auto waits_there = [&](tau::watch::Receiver<int> end) -> Task<> {
    Result<tau::watch::Ref<int>> found = co_await end.wait_for(at_least);
    theirs += found.has_value() ? 1 : 100;
  };
  auto sends = [](tau::watch::Sender<int> end) -> Task<> {
    CHECK(end.send(5).has_value());
    co_await tau::sleep(1h);
    CHECK(end.send(10).has_value());
  };
  tau::spawn(waits_here(rx)).detach();
  spawn_other(waits_there, rx).detach();
  spawn_other(sends, std::move(tx)).detach();
  settle();
  CHECK(*rx.borrow() == 5);
  unload_other();
  settle();
  CHECK(theirs == 0);
  REQUIRE(mine.has_value());
  CHECK(mine->error() == Errc::closed);
}

TEST_CASE_FIXTURE(TwoPlugins, "oneshot: unload who sent, and a value that was sent before is still received") {
  auto [tx, rx] = tau::oneshot::channel<std::string>();
  std::string got;
  auto sends = [](tau::oneshot::Sender<std::string> end) -> Task<> {
    CHECK(end.send("last words").has_value());
    co_await tau::sleep(1h);
  };
  auto receives = [&](tau::oneshot::Receiver<std::string> end) -> Task<> {
    Result<std::string> value = co_await end;
    got = value ? *value : "closed";
  };
  spawn_other(sends, std::move(tx)).detach();
  settle();
  unload_other();
  tau::spawn(receives(std::move(rx))).detach();
  settle();
  CHECK(got == "last words");
}
