// What a bench is: a task that does a known amount of work, checks that it was done, and says what it cost as
// lines of JSON.
#pragma once

#include <tau/tau.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <time.h>
#include <vector>

namespace bench {

/// How much of its work a bench is asked to do; 1 is all of it, as its comment says.
class Scale {
 public:
  explicit Scale(double factor) noexcept : factor_(factor) {}
  /// `count` scaled, and at least 1.
  std::uint64_t of(std::uint64_t count) const noexcept {
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(static_cast<double>(count) * factor_));
  }

 private:
  double factor_;
};

/// Time since it was made: the clock on the wall, and what this thread had of its processor. The second is
/// the figure to trust on a machine that others use, too.
class Stopwatch {
 public:
  double wall_ns() const { return now_ns(CLOCK_MONOTONIC) - wall_; }
  double cpu_ns() const { return now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_; }

 private:
  static double now_ns(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
  }

  double wall_ = now_ns(CLOCK_MONOTONIC);
  double cpu_ = now_ns(CLOCK_THREAD_CPUTIME_ID);
};

/// A figure is worth nothing when the work was not done.
inline void check(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

/// Waits for all of them, in order.
inline tau::Task<void> join(std::vector<tau::JoinHandle<void>> handles) {
  for (auto& handle : handles) {
    const tau::Result<void> ended = co_await handle;
    ended.value();
  }
}

/// `unit` says what `value` counts, and is its key.
struct Figure {
  std::string_view unit;
  double value;
};

/// `variant` tells apart what one bench measures in several ways.
inline std::string to_json(std::string_view name, std::string_view variant, std::initializer_list<Figure> figures) {
  std::string line = "{\"bench\":\"" + std::string(name) + "\"";
  if (!variant.empty()) line += ",\"case\":\"" + std::string(variant) + "\"";
  for (const Figure& figure : figures) {
    char text[64];
    std::snprintf(text, sizeof text, "\":%.2f", figure.value);
    line += ",\"" + std::string(figure.unit) + text;
  }
  return line + "}";
}

/// Both times of one operation.
struct Cost {
  Cost(const Stopwatch& watch, std::uint64_t operations)
      : wall_ns(watch.wall_ns() / static_cast<double>(operations)),
        cpu_ns(watch.cpu_ns() / static_cast<double>(operations)) {}
  double wall_ns;
  double cpu_ns;
};

inline std::string to_json(std::string_view name, const Cost& cost, std::string_view variant = {}) {
  return to_json(name, variant, {{"ns", cost.wall_ns}, {"cpu_ns", cost.cpu_ns}});
}

// ---- tasks.cpp ----------------------------------------------------------------------------------------

/// `rounds` of `tasks` that return their index, joined in order: one spawn and its join.
tau::Task<Cost> cost_of_spawn_join(std::uint64_t rounds, std::uint64_t tasks);
/// `tasks` that yield `times` each: one yield.
tau::Task<Cost> cost_of_yield(std::uint64_t tasks, std::uint64_t times);

/// 20 rounds of 100 000.
tau::Task<std::string> spawn_join(Scale scale);
/// 1 000 tasks, 1 000 times each.
tau::Task<std::string> yield(Scale scale);
/// 1 000 000 times a select of a yield and of a notification that never comes.
tau::Task<std::string> select2(Scale scale);
/// 10 000 times join_all over 100 tasks that yield once: for each of them.
tau::Task<std::string> join_all(Scale scale);
/// 10 000 000 numbers, tripled, the even ones kept and added up.
tau::Task<std::string> stream_map_filter(Scale scale);
/// 100 000 calls on the blocking pool, one after the other.
tau::Task<std::string> spawn_blocking_rtt(Scale scale);

// ---- timers.cpp ---------------------------------------------------------------------------------------

/// A timeout of 60 s around one yield, `times`.
tau::Task<Cost> cost_of_timeout_cancel(std::uint64_t times);

/// 200 000 tasks that sleep 1 to 200 ms: CPU time of one, from spawn to join.
tau::Task<std::string> sleep_cpu(Scale scale);
/// 1 000 000 times.
tau::Task<std::string> timeout_cancel(Scale scale);
/// 1 000 000 tasks asleep for an hour: bytes that the process has grown by for each.
tau::Task<std::string> bytes_per_sleeping_task(Scale scale);

// ---- channels.cpp: 3 000 000 numbers from one task to another, added up ---------------------------------

/// Through a bounded channel of 128.
tau::Task<std::string> mpsc_128(Scale scale);
/// Through one without bounds: all are sent before the first is received.
tau::Task<std::string> mpsc_unbounded(Scale scale);
/// As mpsc_128, and the receiving task is of another plugin, bench-peer.
tau::Task<std::string> mpsc_cross_plugin(Scale scale);
/// Through a broadcast channel of 128; its sender yields after each 128, or the receiver would lag.
tau::Task<std::string> broadcast(Scale scale);
/// Through a watch; its sender yields after each, or the receiver would see the last alone.
tau::Task<std::string> watch(Scale scale);

/// 200 000 times: two oneshots, and two spawned tasks that hand each other a value through them, joined.
tau::Task<std::string> oneshot_pingpong(Scale scale);
/// 100 000 round trips between a task and a thread, through two bounded channels of 1.
tau::Task<std::string> cross_thread_rtt(Scale scale);

// ---- locks.cpp: for one taking and giving back ----------------------------------------------------------

/// 3 000 000 times by one task (free); 100 000 times by each of 10 that yield while they hold it (contended).
tau::Task<std::string> mutex(Scale scale);
/// The same with a semaphore of 2 permits.
tau::Task<std::string> semaphore(Scale scale);
/// 1 000 000 times: one task wakes another, which wakes it.
tau::Task<std::string> notify(Scale scale);

// ---- plugins.cpp ----------------------------------------------------------------------------------------

/// 3 000 000 times: borrows bench-peer's object by name, uses it and gives it back.
tau::Task<std::string> resource_get(Scale scale);
/// 100 000 events to 1, 10 and 100 subscribers, received by all of them: for one event.
tau::Task<std::string> event_publish(Scale scale);
/// 10 000 000 calls of another plugin's object and closure, beside one of the same kind of one's own.
tau::Task<std::string> cross_plugin_call(Scale scale);

// ---- idle.cpp -------------------------------------------------------------------------------------------

/// yield, spawn_join and timeout_cancel beside 1 000 000 sleeping tasks and 10 000 connections that are
/// waited for, over their cost without. Where the limit of descriptors allows for fewer, fewer, and said.
tau::Task<std::string> idle_mass(Scale scale);

}  // namespace bench
