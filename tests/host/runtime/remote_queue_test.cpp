// The door for other threads: nothing that goes in is lost, a loop that is awake is not woken, and one
// that sleeps is woken once.
#include "runtime/remote_queue.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "support/seed.hpp"

using namespace tau::host;

namespace {

struct Call : RemoteCall {
  std::string* log = nullptr;
  std::string text;

  Call(std::string& where, std::string what) : RemoteCall{}, log(&where), text(std::move(what)) {
    arrive = [](RemoteCall* self) {
      auto* call = static_cast<Call*>(self);
      *call->log += call->text;
    };
  }
};

/// A queue whose wakes are counted.
struct Counting {
  std::atomic<int> wakes{0};
  RemoteQueue queue{[](void* self) { ++static_cast<Counting*>(self)->wakes; }, this};

  void drain() {
    queue.drain([](RemoteLink*) {});
  }
};

/// A loop that really sleeps, in a read or a poll of an eventfd.
struct Sleeper {
  int fd = ::eventfd(0, EFD_CLOEXEC);
  std::atomic<std::uint64_t> wakes{0};
  std::uint64_t announced = 0;  // how often it said that it would sleep
  RemoteQueue queue{[](void* self) {
                      auto* sleeper = static_cast<Sleeper*>(self);
                      ++sleeper->wakes;
                      const std::uint64_t one = 1;
                      CHECK(::write(sleeper->fd, &one, sizeof one) == sizeof one);
                    },
                    this};

  Sleeper() { REQUIRE(fd >= 0); }
  ~Sleeper() { ::close(fd); }

  std::uint64_t read_wakes() const {
    std::uint64_t count = 0;
    CHECK(::read(fd, &count, sizeof count) == sizeof count);
    return count;
  }

  /// Asleep until woken: a lost wake-up would leave it here for good.
  void sleep() {
    ++announced;
    if (!queue.prepare_sleep()) return;
    read_wakes();
    queue.end_sleep();
  }

  /// Asleep for a while: a wake may come when the time is over already.
  void nap(int timeout_ms) {
    ++announced;
    if (!queue.prepare_sleep()) return;
    pollfd ready{fd, POLLIN, 0};
    if (::poll(&ready, 1, timeout_ms) == 1) read_wakes();
    queue.end_sleep();
  }
};

/// What a pusher sends: who, and how manieth. The pusher may wait until it has arrived.
struct Parcel : RemoteCall {
  int* expected = nullptr;  // the loop's count of this pusher's parcels
  int* out_of_order = nullptr;
  int number = 0;
  std::atomic<bool> arrived{false};

  Parcel() : RemoteCall{} {
    arrive = [](RemoteCall* self) {
      auto* parcel = static_cast<Parcel*>(self);
      if ((*parcel->expected)++ != parcel->number) ++*parcel->out_of_order;
      parcel->arrived.store(true, std::memory_order_release);
      parcel->arrived.notify_one();
    };
  }
};

constexpr int pushers = 4;
constexpr int parcels_each = 3000;

/// Sends all parcels of `pushers` threads, with waits in between that let the loop fall asleep.
template <class Sleep>
void deliver_all(Sleeper& sleeper, std::mt19937_64& random, Sleep sleep) {
  std::vector<std::deque<Parcel>> parcels(pushers);
  std::vector<int> expected(pushers, 0);
  int out_of_order = 0;
  std::vector<std::thread> threads;
  for (int who = 0; who < pushers; ++who) {
    auto& mine = parcels[static_cast<std::size_t>(who)];
    for (int i = 0; i < parcels_each; ++i) {
      Parcel& parcel = mine.emplace_back();
      parcel.expected = &expected[static_cast<std::size_t>(who)];
      parcel.out_of_order = &out_of_order;
      parcel.number = i;
    }
    threads.emplace_back([&sleeper, &mine, seed = random()] {
      std::mt19937_64 dice(seed);
      for (Parcel& parcel : mine) {
        sleeper.queue.push(&parcel);
        switch (dice() % 8) {
          case 0:
          case 1:
          case 2: parcel.arrived.wait(false, std::memory_order_acquire); break;
          case 3: sleeper.queue.nudge(); break;
          case 4: std::this_thread::yield(); break;
          default: break;
        }
      }
    });
  }
  const auto all_here = [&] {
    for (int count : expected) {
      if (count != parcels_each) return false;
    }
    return true;
  };
  for (;;) {
    sleeper.queue.drain([](RemoteLink*) {});
    if (all_here()) break;
    sleep();
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(out_of_order == 0);
}

}  // namespace

TEST_CASE("what arrived runs in its order, calls by themselves and tasks by the loop") {
  Counting counting;
  std::string log;
  Call a(log, "a"), c(log, "c");
  RemoteLink task{};
  CHECK_FALSE(counting.queue.pending());
  counting.queue.push(&a);
  counting.queue.push_task(&task);
  counting.queue.push(&c);
  CHECK(counting.queue.pending());
  counting.queue.drain([&](RemoteLink* link) {
    CHECK(link == &task);
    log += "task";
  });
  CHECK(log == "ataskc");
  CHECK_FALSE(counting.queue.pending());
  counting.drain();
  CHECK(log == "ataskc");
}

TEST_CASE("a task that is on its way is not pushed again before the loop has released it") {
  Counting counting;
  std::string log;
  Call a(log, "a");
  RemoteLink task{};
  auto arrive = [&](RemoteLink* link) {
    CHECK(link == &task);
    log += "task";
  };
  counting.queue.push_task(&task);
  counting.queue.push(&a);
  counting.queue.push_task(&task);
  counting.queue.drain(arrive);
  CHECK(log == "taska");
  counting.queue.push_task(&task);
  CHECK_FALSE(counting.queue.pending());
  task.release();
  counting.queue.push_task(&task);
  counting.queue.drain(arrive);
  CHECK(log == "taskatask");
}

TEST_CASE("a loop that is awake is not woken") {
  Counting counting;
  std::string log;
  Call a(log, "a"), b(log, "b");
  counting.queue.push(&a);
  counting.queue.nudge();
  counting.drain();
  CHECK(counting.queue.prepare_sleep());
  counting.queue.end_sleep();
  counting.queue.push(&b);
  counting.queue.nudge();
  CHECK(counting.wakes == 0);
  counting.drain();
  CHECK(log == "ab");
}

TEST_CASE("a loop that sleeps is woken once, whatever is pushed before it looks") {
  Counting counting;
  std::string log;
  Call a(log, "a"), b(log, "b");
  RemoteLink task{};
  REQUIRE(counting.queue.prepare_sleep());
  counting.queue.push(&a);
  CHECK(counting.wakes == 1);
  counting.queue.push(&b);
  counting.queue.push_task(&task);
  counting.queue.nudge();
  CHECK(counting.wakes == 1);
  counting.queue.end_sleep();
  counting.drain();

  REQUIRE(counting.queue.prepare_sleep());
  counting.queue.nudge();
  CHECK(counting.wakes == 2);
  counting.queue.end_sleep();
}

TEST_CASE("a loop with something waiting does not fall asleep") {
  Counting counting;
  std::string log;
  Call a(log, "a");
  counting.queue.push(&a);
  CHECK_FALSE(counting.queue.prepare_sleep());
  counting.drain();
  counting.queue.nudge();
  CHECK(counting.queue.pending());
  CHECK_FALSE(counting.queue.prepare_sleep());
  // It said that it is awake again: nobody wakes it.
  counting.queue.nudge();
  CHECK(counting.wakes == 0);
  counting.drain();
  CHECK(counting.queue.prepare_sleep());
  counting.queue.end_sleep();
}

TEST_CASE("an entry may be pushed again, and may free itself, as soon as it has arrived") {
  Counting counting;
  struct Again : RemoteCall {
    RemoteQueue* queue;
    int left;
  };
  auto* again = new Again;
  again->queue = &counting.queue;
  again->left = 3;
  again->arrive = [](RemoteCall* self) {
    auto* call = static_cast<Again*>(self);
    if (call->left-- == 0) {
      delete call;
    } else {
      call->queue->push(call);
    }
  };
  std::string log;
  Call after(log, "x");
  counting.queue.push(again);
  counting.queue.push(&after);
  int drains = 0;
  while (counting.queue.pending()) {
    counting.drain();  // what is pushed meanwhile waits for the next one
    ++drains;
  }
  CHECK(drains == 4);
  CHECK(log == "x");
}

TEST_CASE("a signal handler wakes a loop that sleeps") {
  static RemoteQueue* nudged;
  Sleeper sleeper;
  nudged = &sleeper.queue;
  struct sigaction action = {}, before;
  action.sa_handler = [](int) { nudged->nudge(); };
  ::sigaction(SIGUSR1, &action, &before);
  REQUIRE(sleeper.queue.prepare_sleep());
  ::raise(SIGUSR1);
  CHECK(sleeper.read_wakes() == 1);
  sleeper.queue.end_sleep();
  CHECK(sleeper.queue.pending());
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_CASE("no wake-up is lost while threads push and the loop falls asleep") {
  TAU_SEEDED_RANDOM(random);
  Sleeper sleeper;
  deliver_all(sleeper, random, [&] { sleeper.sleep(); });
  // One wake for each announcement at most, also for one that was taken back at the last moment.
  CHECK(sleeper.wakes <= sleeper.announced);
}

TEST_CASE("a loop that wakes by itself at times misses nothing either") {
  TAU_SEEDED_RANDOM(random);
  Sleeper sleeper;
  std::mt19937_64 naps(random());
  // Without limit at times: a wake that was lost would not be made good by the clock.
  deliver_all(sleeper, random, [&] { sleeper.nap(naps() % 2 ? -1 : static_cast<int>(naps() % 2)); });
  CHECK(sleeper.wakes <= sleeper.announced);
}
