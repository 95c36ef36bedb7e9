// Benches that run where it counts: in a plugin like any other, compiled by tau, across the plugin
// boundary. A message names one; the answer is its figure. Driven by tests/bench, and by hand:
//
//   printf 'load plugins/bench-plugin\nsend bench-plugin spawn_join\n' | dist/run.sh script
#include "bench.hpp"

namespace {

struct Bench {
  std::string_view name;
  tau::Task<std::string> (*start)();
};

constexpr Bench benches[] = {
    {"spawn_join", bench::spawn_join},
    {"yield", bench::yield},
    {"sleep_cpu", bench::sleep_cpu},
    {"timeout_cancel", bench::timeout_cancel},
    {"bytes_per_sleeping_task", bench::bytes_per_sleeping_task},
};

class BenchPlugin {
 public:
  /// Payload: a bench's name, as a JSON string.
  tau::Task<std::string> request(std::string_view payload) {
    for (const Bench& bench : benches) {
      if (payload == '"' + std::string(bench.name) + '"') return bench.start();
    }
    std::string names;
    for (const Bench& bench : benches) names += (names.empty() ? "" : ", ") + std::string(bench.name);
    throw std::invalid_argument("there is no bench " + std::string(payload) + "; there are " + names);
  }
};

}  // namespace

TAU_DEFINE_PLUGIN(BenchPlugin)
