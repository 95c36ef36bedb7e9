// Goal: whatever is done to an mpsc channel and a semaphore, in whatever order, what must hold does.
// Method: a seeded choice of steps, tasks that come and are aborted in any state, and a count of what ought
// to be there, compared after each step.
#include <tau/spawn.hpp>
#include <tau/sync/mpsc.hpp>
#include <tau/sync/semaphore.hpp>

#include <doctest/doctest.h>

#include <deque>
#include <map>
#include <set>
#include <vector>

#include "support/runtime_fixture.hpp"
#include "support/seed.hpp"

using tau::Errc;
using tau::test::RuntimeFixture;

namespace {

struct Log {
  std::set<int> sent;        // known to be in the channel
  std::vector<int> received;
};

tau::Task<> send_some(tau::mpsc::Sender<int> tx, int first, int count, Log* log) {
  for (int i = 0; i < count; ++i) {
    const tau::Result<void> done = co_await tx.send(first + i);
    if (!done) co_return;
    log->sent.insert(first + i);
  }
}

tau::Task<> reserve_and_send(tau::mpsc::Sender<int> tx, int value, Log* log) {
  tau::Result<tau::mpsc::Permit<int>> permit = co_await tx.reserve();
  if (!permit) co_return;
  co_await tau::yield_now();
  std::move(*permit).send(value);
  log->sent.insert(value);
}

tau::Task<> receive_some(tau::mpsc::Receiver<int>* rx, int count, Log* log) {
  for (int i = 0; i < count; ++i) {
    tau::Result<int> value = co_await rx->recv();
    if (!value) co_return;
    log->received.push_back(*value);
  }
}

tau::Task<> hold_permits(tau::Semaphore semaphore, std::size_t n, int turns, std::size_t* held, std::size_t most) {
  tau::Result<tau::SemaphorePermit> permit = co_await semaphore.acquire_many(n);
  if (!permit) co_return;
  struct Count {
    std::size_t* held;
    std::size_t n;
    Count(std::size_t* h, std::size_t k) : held(h), n(k) { *held += n; }
    ~Count() { *held -= n; }
  } count(held, n);
  CHECK(*held <= most);
  for (int i = 0; i < turns; ++i) co_await tau::yield_now();
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "mpsc at random: each value arrives once, in each sender's order, or was never sent") {
  TAU_SEEDED_RANDOM(random);
  for (int round = 0; round < 20; ++round) {
    const std::size_t capacity = 1 + random() % 5;
    auto [tx, rx] = tau::mpsc::channel<int>(capacity);
    Log log;
    std::deque<tau::JoinHandle<void>> tasks;
    tau::JoinHandle<void> receiver;
    int next = 0;
    for (int step = 0; step < 400; ++step) {
      switch (random() % 9) {
        case 0:
        case 1: {
          const int count = 1 + static_cast<int>(random() % 4);
          tasks.push_back(tau::spawn(send_some(tx, next, count, &log)));
          next += 100;
          break;
        }
        case 2:
          tasks.push_back(tau::spawn(reserve_and_send(tx, next, &log)));
          next += 100;
          break;
        case 3:
          if (tx.try_send(next)) log.sent.insert(next);
          next += 100;
          break;
        case 4:
          if (!tasks.empty()) {
            tasks[random() % tasks.size()].abort();
          }
          break;
        case 5:
          if (receiver.is_finished()) {
            receiver = tau::spawn(receive_some(&rx, 1 + static_cast<int>(random() % 6), &log));
          } else {
            receiver.abort();
          }
          break;
        case 6:
          if (receiver.is_finished()) {
            if (auto value = rx.try_recv()) log.received.push_back(**value);
          }
          break;
        default:
          runtime.turn(false);
          break;
      }
      REQUIRE(rx.len() + tx.capacity() <= capacity);
    }
    tasks.clear();
    receiver.abort();
    settle();
    while (true) {
      settle();  // senders still waiting go on as room comes
      auto value = rx.try_recv();
      if (!value) break;
      log.received.push_back(**value);
    }
    CHECK(tx.capacity() == capacity);
    std::set<int> received(log.received.begin(), log.received.end());
    CHECK(received.size() == log.received.size());
    CHECK(received == log.sent);
    std::map<int, int> last;
    for (int value : log.received) {
      auto [entry, fresh] = last.try_emplace(value / 100, value);
      if (!fresh) CHECK(entry->second < value);
      entry->second = value;
    }
    { auto gone = std::move(tx); }
    CHECK(rx.try_recv()->error() == Errc::closed);
  }
}

TEST_CASE_FIXTURE(RuntimeFixture, "a semaphore at random: never more permits out than there are, none lost") {
  TAU_SEEDED_RANDOM(random);
  for (int round = 0; round < 20; ++round) {
    const std::size_t most = 1 + random() % 6;
    tau::Semaphore semaphore(most);
    std::size_t held = 0;
    std::deque<tau::JoinHandle<void>> tasks;
    for (int step = 0; step < 400; ++step) {
      switch (random() % 4) {
        case 0: {
          const std::size_t n = random() % (most + 1);
          const int turns = static_cast<int>(random() % 4);
          tasks.push_back(tau::spawn(hold_permits(semaphore, n, turns, &held, most)));
          break;
        }
        case 1:
          if (!tasks.empty()) tasks[random() % tasks.size()].abort();
          break;
        case 2:
          if (auto permit = semaphore.try_acquire(1 + random() % most)) {
            CHECK(held + permit->num_permits() + semaphore.available_permits() <= most);
          }
          break;
        default:
          runtime.turn(false);
          break;
      }
      REQUIRE(held + semaphore.available_permits() <= most);
    }
    tasks.clear();
    settle();
    CHECK(held == 0);
    CHECK(semaphore.available_permits() == most);
  }
}
