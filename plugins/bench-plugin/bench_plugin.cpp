// Benches that run where it counts: in a plugin like any other, compiled by tau, across the plugin
// boundary. A message names one, and how much of its work is to be done; the answer is a line of JSON for each
// figure. `tau bench` asks for them (plugins/bench.list); by hand:
//
//   printf 'load plugins/bench-plugin\nsend bench-plugin "spawn_join 0.1"\n' | dist/run.sh script
#include "bench.hpp"

#include <cstdlib>

namespace {

struct Bench {
  std::string_view name;
  tau::Task<std::string> (*start)(bench::Scale);
};

constexpr Bench benches[] = {
    {"spawn_join", bench::spawn_join},
    {"yield", bench::yield},
    {"select2", bench::select2},
    {"join_all", bench::join_all},
    {"stream_map_filter", bench::stream_map_filter},
    {"spawn_blocking_rtt", bench::spawn_blocking_rtt},
    {"sleep_cpu", bench::sleep_cpu},
    {"timeout_cancel", bench::timeout_cancel},
    {"bytes_per_sleeping_task", bench::bytes_per_sleeping_task},
    {"mpsc_128", bench::mpsc_128},
    {"mpsc_unbounded", bench::mpsc_unbounded},
    {"mpsc_cross_plugin", bench::mpsc_cross_plugin},
    {"broadcast", bench::broadcast},
    {"watch", bench::watch},
    {"oneshot_pingpong", bench::oneshot_pingpong},
    {"cross_thread_rtt", bench::cross_thread_rtt},
    {"mutex", bench::mutex},
    {"semaphore", bench::semaphore},
    {"notify", bench::notify},
    {"resource_get", bench::resource_get},
    {"event_publish", bench::event_publish},
    {"cross_plugin_call", bench::cross_plugin_call},
    {"idle_mass", bench::idle_mass},
};

class BenchPlugin {
 public:
  /// Payload, a JSON string: a bench's name, and after a blank how much of its work (1 if left out).
  tau::Task<std::string> request(std::string_view payload) {
    std::string_view asked = payload;
    if (asked.size() >= 2 && asked.front() == '"') asked = asked.substr(1, asked.size() - 2);
    const std::string_view name = asked.substr(0, asked.find(' '));
    double scale = 1;
    if (name.size() != asked.size()) scale = std::strtod(std::string(asked.substr(name.size() + 1)).c_str(), nullptr);
    if (!(scale > 0 && scale <= 1)) throw std::invalid_argument("a bench is scaled by a number above 0, 1 at most");
    for (const Bench& bench : benches) {
      if (name == bench.name) return bench.start(bench::Scale(scale));
    }
    std::string names;
    for (const Bench& bench : benches) names += (names.empty() ? "" : ", ") + std::string(bench.name);
    throw std::invalid_argument("there is no bench " + std::string(payload) + "; there are " + names);
  }
};

}  // namespace

TAU_DEFINE_PLUGIN(BenchPlugin)
