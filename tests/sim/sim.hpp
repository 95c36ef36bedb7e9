// Simulation: a whole runtime in one thread, in which a seed decides everything.
//
// The executor, the wheel, the remote queue, the registries and the unloader are the product's. The clock
// is turned by hand, the reactor completes what the seed says, and "other threads" are calls of the doors
// at moments that the seed picks: between two turns, in the middle of a task's poll, while the loop sleeps.
// Plugins are generations of records whose code is this program's; a canary says when it would be gone.
//
// After each event the accounts are compared with the simulation's own; when everything has been given
// time, nothing may be left waiting; at the end nothing may be left at all. A schedule is short, so that a
// hundred thousand of them are tried, and its seed plays it again.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <tau/spawn.hpp>

#include "plugin/unload.hpp"
#include "scripted_reactor.hpp"
#include "support/runtime_fixture.hpp"

namespace tau::sim {

/// What is wrong on purpose, in the world around the runtime.
enum class Bug { none, ignores_cancel, forgets_withdrawal, completes_twice, loses_request, wakes_twice, closes_early };

/// What must have happened somewhere in many schedules, or they prove nothing.
enum class Saw {
  task, bare_poll, stale_request, call_started, call_abandoned, pinned, unloaded, slept, woken_asleep,
  operation, timer, join_value, join_threw, join_canceled, in_time, timed_out, heard, borrowed, left_behind,
  dropped_at_once, count
};
inline constexpr const char* saw_names[] = {
    "tasks",          "polls for a bare wake", "stale requests",
    "calls started",  "calls abandoned",       "pinned plugins",  "unloads",
    "sleeps of the loop", "sleeps that another thread ended", "operations", "timers of raw tasks",
    "joined values",  "joined exceptions",     "joined canceled", "limits kept",
    "timeouts",       "events heard",          "resources borrowed", "things left behind",
    "tasks dropped on the spot"};

/// splitmix64: cheap to seed.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) noexcept : state_(seed) {}
  std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  unsigned below(unsigned n) noexcept { return static_cast<unsigned>(next() % n); }
  bool one_in(unsigned n) noexcept { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

/// One generation of one plugin.
struct Tenant {
  host::Plugin* plugin = nullptr;
  const host::Module* module = nullptr;
  unsigned number = 0;
  bool leaving = false;  // its unload was asked for
  bool closed = false;   // its code is gone
  std::uint64_t tasks = 0;
  std::uint64_t unfinished = 0;
  std::uint64_t guards = 0;  // in the hands of other threads
};

/// What the simulation knows of one task.
struct Record {
  Tenant* home = nullptr;
  unsigned number = 0;
  tau_task_id id = 0;
  const tau_task_fns* inner = nullptr;
  bool polling = false;
  bool dropping = false;
  bool finished = false;
  bool threw = false;
  bool abort_asked = false;
  bool detached = false;
  int drops = 0;
  unsigned asked = 0;          // wakes by id
  unsigned bare = 0;           // polls without a place to go on
  std::uint64_t due_at = 0;    // the latest event that must be followed by a poll
  std::uint64_t polled_at = 0;
};

class Sim {
 public:

  Sim(std::uint64_t seed, Bug bug);
  ~Sim();
  Sim(const Sim&) = delete;
  Sim& operator=(const Sim&) = delete;

  /// The whole schedule. A violation goes to `on_violation`, which does not return.
  void play();

  // ---- for the actors ----
  void require(bool holds, const char* what) const {
    if (!holds) on_violation(*this, what);
  }
  void log(const char* what, std::uint64_t a = 0, std::uint64_t b = 0) {
    if (events_.size() < events_.capacity()) events_.push_back({step_, what, a, b});
  }

  /// Spawns {poll, drop} for `home`; null, and nothing is taken over, when it takes nothing new.
  Record* spawn(Tenant& home, const tau_task_fns* fns, void* resume, void* data);
  /// Spawns an actor; the handle is empty when it was refused.
  JoinHandle<int> spawn_actor(Tenant& home, unsigned depth, Record** record = nullptr);
  void spawn_raw(Tenant& home);
  /// Its joiner has got its frame, and the task is gone without a drop.
  void released(Record& record);

  Tenant* any_open();
  Record* any_record();
  void abort(Record& record);  // on the loop
  void wake(Record& record);   // on the loop
  void drop(Record& record);   // on the loop, on the spot
  /// Something that another thread might do just now.
  void outsider();
  std::uint64_t now() const noexcept { return runtime->clock.now(); }
  std::uint64_t step() const noexcept { return step_; }
  Record* record_of(tau_task* task) { return by_slot_.at(task); }

  Dice dice;
  const Bug bug;
  ScriptedReactor* reactor = nullptr;
  std::unique_ptr<host::Runtime> runtime;
  std::deque<Tenant> tenants;
  std::deque<Record> records;
  std::deque<Record*> selves;  // what actors know of themselves
  bool closing = false;  // nobody begins anything new
  int published = 0;     // events of actors, each a higher number
  int presences = 0;     // actors' frames, and what raw tasks hold

  [[nodiscard]] std::string events(std::size_t last) const;

  void saw(Saw what) noexcept { ++tally[static_cast<int>(what)]; }
  static std::array<std::uint64_t, static_cast<int>(Saw::count)> tally;  // of all schedules

  static void (*on_violation)(const Sim& sim, const char* what);

 private:
  struct Event {
    std::uint64_t step;
    const char* what;
    std::uint64_t a, b;
  };
  struct Call;
  friend struct Wrapped;

  void happen();
  void open();
  void unload(Tenant& tenant);
  void turn(bool may_sleep);
  void asleep(std::int64_t timeout_ns);
  void advance(std::uint64_t ns);
  void request(Record& record, std::uint64_t what);
  void send_call(Tenant& home);
  void give_back(Tenant& tenant);
  void check();
  void settle();
  void come_to_rest();
  void leave();
  static void closes(const host::Module* module);
  static void forget_actors();

  host::Registry registry_;
  host::Watchdog watchdog_{nullptr, {}};
  std::unique_ptr<host::Unloader> unloader_;
  std::unordered_map<tau_task*, Record*> by_slot_;
  std::vector<Event> events_;
  std::uint64_t step_ = 0;
  std::uint64_t calls_sent_ = 0;
  std::uint64_t calls_arrived_ = 0;

  static Sim* instance_;
};

}  // namespace tau::sim
