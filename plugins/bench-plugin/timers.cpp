// What waiting costs: CPU to fall asleep and wake, a deadline that is never reached, memory meanwhile.
#include <cstdio>
#include <unistd.h>

#include "bench.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;

/// The same lengths in each run: a linear congruence.
class Lengths {
 public:
  tau::Duration next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return 1ms + std::chrono::nanoseconds((state_ >> 33) % 199'000'000);
  }

 private:
  std::uint64_t state_ = 1;
};

tau::Task<void> sleep_for(tau::Duration length) { co_await tau::sleep(length); }
tau::Task<void> yield_once() { co_await tau::yield_now(); }

std::uint64_t resident_bytes() {
  unsigned long size = 0;
  unsigned long resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  check(file != nullptr, "/proc/self/statm cannot be read");
  const int found = std::fscanf(file, "%lu %lu", &size, &resident);
  std::fclose(file);
  check(found == 2, "/proc/self/statm holds no two numbers");
  return std::uint64_t{resident} * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

tau::Task<Cost> cost_of_timeout_cancel(std::uint64_t times) {
  const Stopwatch watch;
  for (std::uint64_t i = 0; i < times; ++i) {
    const tau::Result<void> in_time = co_await tau::timeout(60s, yield_once());
    in_time.value();
  }
  co_return Cost(watch, times);
}

tau::Task<std::string> sleep_cpu(Scale scale) {
  const std::uint64_t tasks = scale.of(200'000);
  Lengths lengths;
  std::vector<tau::JoinHandle<void>> handles;
  handles.reserve(tasks);
  const Stopwatch watch;
  for (std::uint64_t i = 0; i < tasks; ++i) handles.push_back(tau::spawn(sleep_for(lengths.next())));
  co_await join(std::move(handles));
  co_return to_json("sleep_cpu", {}, {{"cpu_ns", Cost(watch, tasks).cpu_ns}});
}

tau::Task<std::string> timeout_cancel(Scale scale) {
  const Cost cost = co_await cost_of_timeout_cancel(scale.of(1'000'000));
  co_return to_json("timeout_cancel", cost);
}

tau::Task<std::string> bytes_per_sleeping_task(Scale scale) {
  const std::uint64_t tasks = scale.of(1'000'000);
  std::vector<tau::AbortHandle> sleepers(tasks);  // its pages are there before the count begins
  const std::uint64_t before = resident_bytes();
  for (auto& sleeper : sleepers) {
    auto handle = tau::spawn(sleep_for(1h));
    sleeper = handle.abort_handle();
    handle.detach();
  }
  // Each has had its turn, and sleeps, when a task spawned after them has had its own.
  tau::JoinHandle<void> last = tau::spawn(yield_once());
  const tau::Result<void> ended = co_await last;
  ended.value();
  const std::uint64_t grown = resident_bytes() - before;
  for (const auto& sleeper : sleepers) sleeper.abort();
  const double each = static_cast<double>(grown) / static_cast<double>(tasks);
  co_return to_json("bytes_per_sleeping_task", {}, {{"bytes", each}});
}

}  // namespace bench
