#include "bench_host.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string_view>
#include <vector>

#include "bench_builds.hpp"
#include "console.hpp"

namespace tau::host {
namespace {

using Clock = std::chrono::steady_clock;
using Figures = std::optional<std::string>;

double ns_since(Clock::time_point begun) {
  return std::chrono::duration<double, std::nano>(Clock::now() - begun).count();
}

/// What this thread had of its processor.
double cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

std::uint64_t scaled(std::uint64_t count, double scale) {
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(static_cast<double>(count) * scale));
}

Figures failed(const std::string& why) {
  console::error_line("tau", why);
  return std::nullopt;
}

/// What a plugin that answers at once is beside: the same by a virtual function.
class Answering {
 public:
  virtual ~Answering() = default;
  virtual std::string request(std::string_view payload) = 0;
};

class Echo final : public Answering {
 public:
  std::string request(std::string_view payload) override { return std::string(payload); }
};

/// The second that there is, or the compiler would call the first directly.
class Silent final : public Answering {
 public:
  std::string request(std::string_view) override { return {}; }
};

double cost_of_virtual_call(std::uint64_t times) {
  Echo echo;
  Silent silent;
  volatile bool asked = true;
  Answering& answering = asked ? static_cast<Answering&>(echo) : silent;
  std::size_t size = 0;
  const double begun = cpu_ns();
  for (std::uint64_t i = 0; i < times; ++i) size += answering.request("1").size();
  const double each = (cpu_ns() - begun) / static_cast<double>(times);
  return size == times ? each : 0;
}

/// 1 000 000 messages, each sent when the one before was answered.
Figures plugin_call(Session& session, const std::filesystem::path& tree, double scale) {
  const std::uint64_t times = scaled(1'000'000, scale);
  Plugin* plugin = session.load(tree);
  if (!plugin) return std::nullopt;
  std::uint64_t answered = 0;
  const auto begun = Clock::now();
  const double cpu_begun = cpu_ns();
  for (std::uint64_t i = 0; i < times; ++i) {
    session.runtime().requests.send(*plugin, plugin->request, i, "1", [&](std::int32_t status, const std::string* answer) {
      answered += status == 0 && answer && *answer == "1";
    });
  }
  const double cpu = (cpu_ns() - cpu_begun) / static_cast<double>(times);
  const double each = ns_since(begun) / static_cast<double>(times);
  if (answered != times) return failed("a message was not answered at once");
  const double direct = cost_of_virtual_call(times);
  char line[160];
  std::snprintf(line, sizeof line, "{\"bench\":\"plugin_call\",\"ns\":%.2f,\"cpu_ns\":%.2f,\"beyond_ns\":%.2f}", each,
                cpu, cpu - direct);
  return line;
}

/// 1 000 times, from the module's file.
Figures load_unload(Session& session, const std::filesystem::path& tree, double scale) {
  const std::uint64_t times = scaled(1'000, scale);
  const CompileResult built = session.builder().compiler().compile({.source = tree});
  if (!built.ok) return failed(built.error);
  const auto begun = Clock::now();
  for (std::uint64_t i = 0; i < times; ++i) {
    Plugin* plugin = session.load(built.module);
    if (!plugin || !session.unload(*plugin)) return failed("it did not load and unload");
  }
  char line[160];
  std::snprintf(line, sizeof line, "{\"bench\":\"load_unload\",\"us\":%.2f,\"module_bytes\":%ju}",
                ns_since(begun) / 1e3 / static_cast<double>(times), std::filesystem::file_size(built.module));
  return line;
}

/// 200 times; the median.
Figures freshness_check(Session& session, const std::filesystem::path& tree, double scale) {
  const std::uint64_t times = scaled(200, scale);
  const Compiler& compiler = session.builder().compiler();
  CompileResult built = compiler.compile({.source = tree});
  std::vector<double> taken;
  for (std::uint64_t i = 0; i < times && built.ok; ++i) {
    const auto begun = Clock::now();
    built = compiler.compile({.source = tree});
    taken.push_back(ns_since(begun) / 1e6);
    if (built.ok && !built.fresh) return failed(tree.string() + " was compiled although nothing had changed");
  }
  if (!built.ok) return failed(built.error);
  std::sort(taken.begin(), taken.end());
  char line[160];
  std::snprintf(line, sizeof line, "{\"bench\":\"freshness_check\",\"ms\":%.3f}", taken[taken.size() / 2]);
  return line;
}

}  // namespace

std::optional<std::string> measure_in_host(Session& session, const std::string& name,
                                           const std::filesystem::path& tree, double scale) {
  if (name == "plugin_call") return plugin_call(session, tree, scale);
  if (name == "load_unload") return load_unload(session, tree, scale);
  if (name == "freshness_check") return freshness_check(session, tree, scale);
  if (name == "cold_build" || name == "edit_to_running" || name == "warm_start") {
    std::string why;
    const Figures figures = measure_builds(name, session.builder().compiler().installation().root / "run.sh", tree, scale, why);
    return figures ? figures : failed(why);
  }
  return failed("the host does not measure '" + name + "'");
}

}  // namespace tau::host
