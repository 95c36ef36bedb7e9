// What a figure of a C++ peer is made of: the same work as plugins/bench-plugin does, told in the same form.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>
#include <time.h>
#include <unistd.h>

namespace peer {

/// How much of its work a bench is asked to do; 1 is all of it.
struct Scale {
  double factor;
  std::uint64_t of(std::uint64_t count) const {
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(static_cast<double>(count) * factor));
  }
};

inline double now_ns(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// A figure is worth nothing when the work was not done.
inline void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::exit(1);
}

struct Figure {
  std::string_view unit;
  double value;
};

inline void print(std::string_view bench, std::string_view variant, std::initializer_list<Figure> figures) {
  std::string line = "{\"bench\":\"" + std::string(bench) + "\"";
  if (!variant.empty()) line += ",\"case\":\"" + std::string(variant) + "\"";
  for (const Figure& figure : figures) {
    char text[64];
    std::snprintf(text, sizeof text, "\":%.2f", figure.value);
    line += ",\"" + std::string(figure.unit) + text;
  }
  std::printf("%s}\n", line.c_str());
}

/// Both times of one operation.
struct Cost {
  double ns;
  double cpu_ns;
  void print(std::string_view bench) const { peer::print(bench, {}, {{"ns", ns}, {"cpu_ns", cpu_ns}}); }
};

class Stopwatch {
 public:
  Cost of(std::uint64_t operations) const {
    const auto count = static_cast<double>(operations);
    const double wall = now_ns(CLOCK_MONOTONIC) - wall_;
    return {wall / count, (now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_) / count};
  }

 private:
  double wall_ = now_ns(CLOCK_MONOTONIC);
  double cpu_ = now_ns(CLOCK_THREAD_CPUTIME_ID);
};

/// The same lengths of sleep as there, 1 to 200 ms: a linear congruence.
class Lengths {
 public:
  std::uint64_t next_ns() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return 1'000'000 + (state_ >> 33) % 199'000'000;
  }

 private:
  std::uint64_t state_ = 1;
};

inline std::uint64_t resident_bytes() {
  unsigned long size = 0;
  unsigned long resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  check(file != nullptr && std::fscanf(file, "%lu %lu", &size, &resident) == 2, "/proc/self/statm cannot be read");
  std::fclose(file);
  return std::uint64_t{resident} * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

struct Bench {
  std::string_view name;
  void (*run)(Scale scale);
};

/// NAME [SCALE], or --list.
template <std::size_t N>
int play(const Bench (&benches)[N], int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  const Scale scale{argc > 2 ? std::strtod(argv[2], nullptr) : 1.0};
  for (const Bench& bench : benches) {
    if (name == "--list") std::printf("%s ", std::string(bench.name).c_str());
    if (name != bench.name) continue;
    bench.run(scale);
    return 0;
  }
  if (name == "--list") return std::puts("") < 0;
  std::fprintf(stderr, "name a bench, or --list\n");
  return 2;
}

}  // namespace peer
