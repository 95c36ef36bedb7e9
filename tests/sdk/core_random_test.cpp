// Tasks that spawn, await, abort, detach, time out, throw and gather each other at random.
//
// Method: each actor has a number and a Presence, an object that lives exactly as long as its frame. What an
// actor does is written down as its fate; whoever joins it compares the outcome with the fate: a value only
// from one that returned, `threw` only from one that threw, `canceled` only from one that was aborted and did
// neither. At the end every Presence is gone, once, and the runtime counts nothing.
#include <tau/join_set.hpp>
#include <tau/spawn.hpp>
#include <tau/spawn_blocking.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "support/runtime_fixture.hpp"
#include "support/seed.hpp"

using namespace std::chrono_literals;
using tau::Errc;
using tau::Task;
using tau::test::RuntimeFixture;

namespace {

struct Fate {
  bool returned = false;
  bool threw = false;
  bool abort_asked = false;
  int destroyed = 0;
};

struct Known {
  std::atomic<tau::TaskId> id{0};  // other threads read it
  int number = 0;
};

class World;

/// Says that an actor's frame is there, and when it is not any more.
class Presence {
 public:
  Presence(World& world, int number, int task) noexcept : world_(&world), number_(number), task_(task) {}
  Presence(Presence&& other) noexcept
      : world_(std::exchange(other.world_, nullptr)), number_(other.number_), task_(other.task_) {}
  ~Presence();
  int number() const noexcept { return number_; }
  /// The actor whose task it runs in: itself if it was spawned.
  int task() const noexcept { return task_; }

 private:
  World* world_;
  int number_;
  int task_;
};

Task<int> act(World& world, Presence self, int depth);

struct Thrown : std::runtime_error {
  explicit Thrown(int actor) : std::runtime_error("on purpose"), number(actor) {}
  int number;
};

class World {
 public:
  World(std::mt19937_64& random, int steps, bool threads)
      : threads(threads), steps_(steps), random_(random) {}

  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  bool one_in(int n) { return below(n) == 0; }

  bool ended() const { return steps_ <= 0; }
  bool step() { return steps_-- > 0; }

  /// A new number; its actor is made by whoever asked.
  Presence born(int task = -1) {
    fates.emplace_back();
    const int number = static_cast<int>(fates.size()) - 1;
    return Presence(*this, number, task < 0 ? number : task);
  }

  tau::JoinHandle<int> spawn(int depth, int* number = nullptr) {
    Presence born_now = born();
    const int it = born_now.number();
    if (number) *number = it;
    auto handle = tau::spawn(act(*this, std::move(born_now), depth));
    remember(handle.task_id(), it);
    return handle;
  }
  void remember(tau::TaskId id, int number) {
    if (id == 0) return;
    Known& place = known[next_++ % known.size()];
    place.number = number;
    place.id = id;
  }

  void abort(int number, const tau::AbortHandle& handle) {
    fates[static_cast<std::size_t>(number)].abort_asked = true;
    handle.abort();
  }
  void abort_anyone() {
    const Known& someone = known[static_cast<std::size_t>(below(static_cast<int>(known.size())))];
    if (someone.id != 0) abort(someone.number, tau::AbortHandle(someone.id));
  }
  const Fate& fate(int number) const { return fates[static_cast<std::size_t>(number)]; }

  /// Whether a join may have said this.
  void judge(int number, const tau::Result<int>& result) {
    const Fate& f = fate(number);
    if (result) {
      ++values;
      CHECK(*result == number);
      CHECK(f.returned);
    } else if (result.error() == Errc::threw) {
      ++throws;
      CHECK(f.threw);
    } else {
      ++cancels;
      CHECK(result.error() == Errc::canceled);
      CHECK((f.abort_asked || threads));  // threads do not write down whom they abort
      CHECK_FALSE(f.returned);
      CHECK_FALSE(f.threw);
    }
  }

  /// Handles kept aside: looked at, dropped or aborted later.
  void keep(int number, tau::JoinHandle<int> handle) {
    auto& place = kept_[static_cast<std::size_t>(below(static_cast<int>(kept_.size())))];
    if (auto result = place.second.try_join(); result && place.second.task_id() != 0)
      judge(place.first, *result);
    place = {number, std::move(handle)};
  }
  void drop_kept() { kept_ = {}; }

  const bool threads;
  bool closing = false;
  std::vector<Fate> fates;
  std::array<Known, 64> known;
  long values = 0, throws = 0, cancels = 0, timeouts = 0, gathered = 0;

 private:
  long steps_;
  std::mt19937_64& random_;
  std::size_t next_ = 0;
  std::array<std::pair<int, tau::JoinHandle<int>>, 32> kept_;
};

Presence::~Presence() {
  if (!world_) return;
  ++world_->fates[static_cast<std::size_t>(number_)].destroyed;
  if (world_->closing || world_->ended()) return;
  if (world_->one_in(16)) world_->abort_anyone();
  if (world_->one_in(32)) world_->spawn(6).detach();
}

Task<> joins(World& world, int depth) {
  int number;
  auto handle = world.spawn(depth, &number);
  if (world.one_in(3)) co_await tau::yield_now();
  if (world.one_in(3)) world.abort(number, handle.abort_handle());
  if (world.one_in(6)) world.abort(number, handle.abort_handle());
  if (world.one_in(6)) co_await tau::sleep(std::chrono::microseconds(world.below(1000)));
  auto result = co_await handle;
  world.judge(number, result);
  if (result) CHECK(world.fate(number).destroyed == 1);
}

Task<> awaits(World& world, int task_of, int depth) {
  Presence child = world.born(task_of);
  const int number = child.number();
  auto task = act(world, std::move(child), depth);
  try {
    const int value = co_await std::move(task);
    CHECK(value == number);
    CHECK(world.fate(number).returned);
  } catch (const Thrown& thrown) {
    CHECK(thrown.number == number);
    CHECK(world.fate(number).threw);
  }
}

Task<> limits(World& world, int task_of, int depth) {
  Presence child = world.born(task_of);
  const int number = child.number();
  auto task = act(world, std::move(child), depth);
  const tau::TimePoint deadline = tau::Clock::now() + std::chrono::microseconds(world.below(1500));
  try {
    auto result = co_await tau::timeout_at(deadline, std::move(task));
    const Fate& fate = world.fate(number);
    if (result) {
      CHECK(*result == number);
      CHECK(fate.returned);
    } else {
      ++world.timeouts;
      CHECK(result.error() == Errc::timed_out);
      CHECK(tau::Clock::now() >= deadline);
      CHECK_FALSE(fate.returned);
      CHECK_FALSE(fate.threw);
      CHECK(fate.destroyed == 1);
    }
  } catch (const Thrown& thrown) {
    CHECK(thrown.number == number);
    CHECK(world.fate(number).threw);
  }
}

Task<> gathers(World& world, int depth) {
  const int count = 1 + world.below(4);
  std::vector<int> numbers;
  tau::JoinSet<int> set;
  for (int i = 0; i < count; ++i) {
    Presence child = world.born();
    numbers.push_back(child.number());
    const tau::AbortHandle abort = set.spawn(act(world, std::move(child), depth));
    world.remember(abort.id(), numbers.back());
  }
  if (world.one_in(4)) {
    set.abort_all();
    for (int number : numbers) world.fates[static_cast<std::size_t>(number)].abort_asked = true;
  }
  const int wanted = world.one_in(3) ? world.below(count) : count;
  long returned = 0, threw = 0;
  for (int i = 0; i < wanted; ++i) {
    auto next = co_await set.join_next();
    REQUIRE(next.has_value());
    if (*next) {
      CHECK(std::count(numbers.begin(), numbers.end(), **next) == 1);
      CHECK(world.fate(**next).returned);
      ++returned;
    } else {
      threw += next->error() == Errc::threw;
    }
  }
  if (wanted == count) {
    ++world.gathered;
    CHECK(set.empty());
    CHECK(returned ==
          std::count_if(numbers.begin(), numbers.end(), [&](int n) { return world.fate(n).returned; }));
    CHECK(threw == std::count_if(numbers.begin(), numbers.end(), [&](int n) { return world.fate(n).threw; }));
  } else {
    for (int number : numbers)
      world.fates[static_cast<std::size_t>(number)].abort_asked = true;  // by ~JoinSet
  }
}

Task<> blocks(World& world) {
  const bool throws = world.one_in(8);
  auto call = [throws] {
    if (throws) throw std::runtime_error("on purpose");
    return 42;
  };
  auto handle = tau::spawn_blocking(call);
  if (world.one_in(4)) handle.abort();
  auto result = co_await handle;
  if (result) {
    CHECK(*result == 42);
    CHECK_FALSE(throws);
  } else {
    CHECK((result.error() == Errc::canceled || (throws && result.error() == Errc::threw)));
  }
}

// What an actor does: a few steps, each of any kind, deeper ones fewer.
Task<int> act(World& world, Presence self, int depth) {
  const int number = self.number();
  for (int length = world.below(8); length > 0 && world.step(); --length) {
    switch (world.below(depth < 5 ? 14 : 6)) {
      case 0:
        world.abort_anyone();
        break;
      case 1:
        if (world.one_in(8)) world.abort(self.task(), tau::AbortHandle(tau::current_task_id()));
        if (!world.one_in(4)) break;
        world.fates[static_cast<std::size_t>(number)].threw = true;
        throw Thrown(number);
      case 2:
      case 3:
        co_await tau::yield_now();
        break;
      case 4:
      case 5:
        co_await tau::sleep(std::chrono::microseconds(world.below(2000)));
        break;
      case 6:
        world.spawn(depth + 1).detach();
        break;
      case 7: {
        int kept;
        auto handle = world.spawn(depth + 1, &kept);
        world.keep(kept, std::move(handle));
        break;
      }
      case 8:
      case 9:
        co_await joins(world, depth + 1);
        break;
      case 10:
        co_await awaits(world, self.task(), depth + 1);
        break;
      case 11:
        co_await limits(world, self.task(), depth + 1);
        break;
      case 12:
        co_await gathers(world, depth + 1);
        break;
      case 13:
        if (world.threads) co_await blocks(world);
        break;
    }
  }
  world.fates[static_cast<std::size_t>(number)].returned = true;
  co_return number;
}

/// Runs until all steps are done; unloads in the middle of it or lets everybody come to an end.
void play(RuntimeFixture& fixture, World& world) {
  tau::host::Runtime& runtime = fixture.runtime;
  while (!world.ended()) {
    if (fixture.plugin.live_tasks < 64) world.spawn(0).detach();
    if (world.one_in(8)) world.abort_anyone();
    if (world.one_in(2)) runtime.clock.advance(static_cast<std::uint64_t>(world.below(400'000)));
    runtime.turn(false);
  }
  if (world.one_in(2)) {
    world.closing = true;
    fixture.unload(fixture.plugin);
  } else {
    while (fixture.plugin.live_tasks != 0) {
      runtime.clock.advance(1'000'000);
      runtime.turn(false);
      if (world.threads) std::this_thread::yield();
    }
  }
  world.drop_kept();
  fixture.settle();
  CHECK(fixture.plugin.tasks == 0);
  CHECK(std::all_of(world.fates.begin(), world.fates.end(), [](const Fate& f) { return f.destroyed == 1; }));
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "any mix of tasks ends with legal outcomes, and nothing is left") {
  TAU_SEEDED_RANDOM(random);
  World world(random, 100'000, false);
  play(*this, world);
  CHECK(world.values > 100);
  CHECK(world.throws > 10);
  CHECK(world.cancels > 100);
  CHECK(world.timeouts > 100);
  CHECK(world.gathered > 100);
}

TEST_CASE_FIXTURE(RuntimeFixture, "the same with blocking calls, while another thread wakes and aborts") {
  TAU_SEEDED_RANDOM(random);
  World world(random, 20'000, true);
  std::atomic<bool> stop{false};
  std::thread thread([&, seed = random()] {
    std::mt19937_64 mine(seed);
    while (!stop) {
      const tau::TaskId id = world.known[mine() % world.known.size()].id;
      if (id != 0) mine() % 4 == 0 ? tau_abort(id) : tau_wake(id);
      std::this_thread::yield();
    }
  });
  play(*this, world);
  stop = true;
  thread.join();
  settle();
}
