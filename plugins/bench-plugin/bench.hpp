// What a bench is: a task that measures and says its figure as one line of JSON.
#pragma once

#include <tau/tau.hpp>

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <time.h>

namespace bench {

/// 20 rounds of 100 000 tasks that return their index, joined in order: ns for one spawn and its join.
tau::Task<std::string> spawn_join();
/// 1 000 tasks that yield 1 000 times each: ns for one yield.
tau::Task<std::string> yield();
/// 200 000 tasks that sleep 1 to 200 ms: CPU ns for one, from spawn to join.
tau::Task<std::string> sleep_cpu();
/// 1 000 000 times a timeout of 60 s around one yield: ns for one.
tau::Task<std::string> timeout_cancel();
/// 1 000 000 tasks asleep at once: bytes that the process has grown by for each.
tau::Task<std::string> bytes_per_sleeping_task();

/// Time since it was made: the clock on the wall, and what this thread had of its processor. The second is
/// the figure to trust on a machine that others use, too.
class Stopwatch {
 public:
  std::uint64_t wall_ns() const { return now_ns(CLOCK_MONOTONIC) - wall_; }
  std::uint64_t cpu_ns() const { return now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_; }

 private:
  static std::uint64_t now_ns(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(time.tv_nsec);
  }

  std::uint64_t wall_ = now_ns(CLOCK_MONOTONIC);
  std::uint64_t cpu_ = now_ns(CLOCK_THREAD_CPUTIME_ID);
};

/// A figure is worth nothing when the work was not done.
inline void check(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

/// `unit` says what `value` counts, and is its key.
struct Figure {
  std::string_view unit;
  double value;
};

inline std::string to_json(std::string_view name, std::initializer_list<Figure> figures) {
  std::string line = "{\"bench\":\"" + std::string(name) + "\"";
  for (const Figure& figure : figures) {
    char text[64];
    std::snprintf(text, sizeof text, "\":%.2f", figure.value);
    line += ",\"" + std::string(figure.unit) + text;
  }
  return line + "}";
}

/// Both times of one operation out of `count`.
inline std::string to_json(std::string_view name, const Stopwatch& watch, double count) {
  const double wall = static_cast<double>(watch.wall_ns()) / count;
  return to_json(name, {{"ns", wall}, {"cpu_ns", static_cast<double>(watch.cpu_ns()) / count}});
}

}  // namespace bench
