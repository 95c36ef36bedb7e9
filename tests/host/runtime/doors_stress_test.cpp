// All doors at once, with real threads and a loop that really sleeps, while plugins come and go.
//
// Method: each thread takes a guard of some plugin that is open, uses the doors on its behalf and gives the
// guard back, or asks something of tasks whose ids it has read at any time. The loop spawns, lets tasks end,
// unloads each plugin after a while and frees its record as the registry does. What each door promised is
// counted. A wake-up that is lost leaves the loop asleep; what is ordered too weakly is for the thread
// sanitizer to find (the orders of steps themselves are tried by tests/doors).
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/empty_owner.hpp"
#include "runtime/runtime.hpp"
#include "support/seed.hpp"

using namespace tau::host;

namespace {

constexpr int generations = 200;
constexpr int tasks_each = 200;
constexpr std::uint64_t arrivals_each = 16;
constexpr int threads = 3;

struct Counts {
  std::atomic<std::uint64_t> calls_sent{0}, calls_refused{0}, jobs_sent{0}, jobs_refused{0}, asked{0}, stale{0};
  // The loop's.
  std::uint64_t started = 0, abandoned = 0, jobs_done = 0, jobs_run = 0, spawned = 0, dropped = 0;

  std::uint64_t arrived() const { return started + abandoned + jobs_done; }
};

struct House {
  House()
      : runtime(make_reactor("auto", &why), {.blocking_threads = 2, .manual_clock = false}) {}

  std::string why;
  Runtime runtime;
  Counts counts;
  std::array<std::atomic<tau_task_id>, 64> ids{};
  std::atomic<bool> stop{false};
  int ended = 0;  // threads

  std::mutex mutex;
  Owner* open = nullptr;  // under mutex: whose guard can be had

  /// A guard of the plugin that is open, or null.
  Owner* visit() {
    const std::lock_guard lock(mutex);
    if (open) runtime.retain(*open);
    return open;
  }

  void show(Owner* owner) {
    const std::lock_guard lock(mutex);
    open = owner;
  }

  void spawn(Owner& owner, std::uint64_t choice) {
    // Ends at its n-th poll; `data` counts them down.
    static constexpr tau_task_fns fns{[](tau_task* self) -> std::int32_t {
                                        auto left = reinterpret_cast<std::uintptr_t>(self->data) - 1;
                                        self->data = reinterpret_cast<void*>(left);
                                        return left == 0 ? TAU_READY : TAU_PENDING;
                                      },
                                      [](tau_task*) { ++house->counts.dropped; }};
    tau_task_id id = 0;
    if (runtime.executor.spawn(owner, &fns, nullptr, reinterpret_cast<void*>(1 + choice % 4), &id) < 0) return;
    ++counts.spawned;
    if (choice & 16) runtime.executor.detach(runtime.executor.find(id));
    ids[choice / 32 % ids.size()].store(id, std::memory_order_relaxed);
  }

  static House* house;
};
House* House::house = nullptr;

/// Comes to the loop by spawn_remote; the loop deletes it.
struct Call {
  Owner* owner;
  std::uint64_t choice;
  static void start(void* self) {
    std::unique_ptr<Call> call(static_cast<Call*>(self));
    ++House::house->counts.started;
    House::house->spawn(*call->owner, call->choice);
  }
  static void abandon(void* self) {
    delete static_cast<Call*>(self);
    ++House::house->counts.abandoned;
  }
};

struct Job : tau_job {
  int ran = 0;  // written by the pool's thread, read by the loop's
  explicit Job(Owner& by) : tau_job{} {
    owner = &by;
    run = [](tau_job* self) { ++static_cast<Job*>(self)->ran; };
    done = [](tau_job* self) {
      std::unique_ptr<Job> job(static_cast<Job*>(self));
      CHECK(job->ran == (job->status == TAU_OK));
      ++House::house->counts.jobs_done;
      House::house->counts.jobs_run += static_cast<std::uint64_t>(job->ran);
    };
  }
};

/// One of the other threads.
void guest(House& house, std::uint64_t seed) {
  std::mt19937_64 dice(seed);
  Runtime& runtime = house.runtime;
  while (!house.stop.load(std::memory_order_relaxed)) {
    if (dice() % 4) {
      const tau_task_id id = house.ids[dice() % house.ids.size()].load(std::memory_order_relaxed);
      if (!id) continue;
      const std::int32_t status = runtime.executor.request(id, std::uint64_t{1} << (dice() % 3));
      ++(status == TAU_OK ? house.counts.asked : house.counts.stale);
      continue;
    }
    Owner* owner = house.visit();
    if (!owner) {
      std::this_thread::yield();
      continue;
    }
    // For a while: the plugin may be on its way out before the guard is given back.
    for (auto uses = 1 + dice() % 8; uses != 0; --uses) {
      switch (dice() % 3) {
        case 0: {
          auto* call = new Call{owner, dice()};
          if (runtime.spawn_remote(*owner, &Call::start, &Call::abandon, call) == TAU_OK) {
            ++house.counts.calls_sent;
          } else {
            delete call;
            ++house.counts.calls_refused;
          }
          break;
        }
        case 1: {
          auto* job = new Job(*owner);
          if (runtime.pool.submit(job) == TAU_OK) {
            ++house.counts.jobs_sent;
          } else {
            delete job;
            ++house.counts.jobs_refused;
          }
          break;
        }
        default: std::this_thread::yield();
      }
    }
    runtime.release(*owner);
  }
  // The loop waits for this, perhaps asleep.
  struct Ended : RemoteCall {
    House* house;
  };
  auto* ended = new Ended;
  ended->arrive = [](RemoteCall* self) {
    std::unique_ptr<Ended> call(static_cast<Ended*>(self));
    ++call->house->ended;
  };
  ended->house = &house;
  runtime.remote.push(ended);
}

/// The way of the unloader and the registry, but for the module.
void unload(House& house, std::unique_ptr<Owner> owner) {
  Runtime& runtime = house.runtime;
  owner->phase = Phase::unloading;
  runtime.begin_unload();
  empty_owner(runtime, *owner);
  runtime.turn(false);
  house.show(nullptr);
  runtime.run_until([&] { return is_emptied(*owner) && owner->refs.load() == 0 && is_emptied(*owner); });
  runtime.end_unload();
  owner->phase = Phase::closed;
  CHECK(owner->tasks == 0);
  CHECK(owner->live_tasks == 0);
  runtime.executor.reclaim(*owner);
}

}  // namespace

TEST_CASE("all doors are used while plugins come and go, and every promise is kept") {
  TAU_SEEDED_RANDOM(random);
  House house;
  House::house = &house;
  std::vector<std::thread> guests;
  for (int i = 0; i < threads; ++i) guests.emplace_back(guest, std::ref(house), random());
  for (int generation = 0; generation < generations; ++generation) {
    auto owner = std::make_unique<Owner>();
    owner->phase = Phase::running;
    house.show(owner.get());
    for (int i = 0; i < tasks_each; ++i) {
      house.spawn(*owner, random());
      if (i % 4 == 0) house.runtime.turn(false);
    }
    // Asleep until enough of others' calls and jobs have come.
    const std::uint64_t wanted = house.counts.arrived() + arrivals_each;
    house.runtime.run_until([&] { return house.counts.arrived() >= wanted; });
    if (generation % 2) house.show(nullptr);  // or some come in until it closes its door
    unload(house, std::move(owner));
  }
  house.stop = true;
  house.runtime.run_until([&] { return house.ended == threads; });
  for (std::thread& thread : guests) thread.join();

  const Counts& counts = house.counts;
  CHECK(counts.started + counts.abandoned == counts.calls_sent);
  CHECK(counts.jobs_done == counts.jobs_sent);
  CHECK(counts.dropped == counts.spawned);
  CHECK(counts.asked > 100);
  CHECK(counts.stale > 100);
  CHECK(counts.started > 10);
  CHECK(counts.jobs_run > 10);
  CHECK(counts.abandoned + counts.calls_refused + counts.jobs_refused != 0);
  MESSAGE(counts.asked.load(), " requests, ", counts.stale.load(), " stale; calls: ", counts.started, " started, ",
          counts.abandoned, " abandoned, ", counts.calls_refused.load(), " refused; jobs: ", counts.jobs_done,
          " of which ", counts.jobs_run, " ran, and ", counts.jobs_refused.load(), " refused; ", counts.spawned,
          " tasks");
}
