#include "bench_builds.hpp"

#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <vector>

#include "compiler/cache.hpp"
#include "compiler/command.hpp"
#include "home.hpp"

namespace tau::host {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Taken {
  double to_init_s = 0;
  double cpu_s = 0;  // with the compilers that it has waited for
};

double cpu_of_children_s() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Copies of a plugin; they go with it, and what was built of them.
class Scratch {
 public:
  Scratch() {
    std::error_code ignored;
    std::string name = (fs::canonical(fs::temp_directory_path(ignored), ignored) / "tau-bench-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) folder_ = name;
  }
  Scratch(const Scratch&) = delete;
  ~Scratch() {
    const Cache cache(tau_home());
    std::vector<std::string> busy;
    for (const fs::path& copy : copies_) cache.clean_plugin(copy.string(), busy);
    std::error_code ignored;
    if (!folder_.empty()) fs::remove_all(folder_, ignored);
  }

  explicit operator bool() const { return !folder_.empty(); }
  fs::path copy(const fs::path& tree, const std::string& name) {
    std::error_code ignored;  // what is missing then does not compile
    fs::copy(tree, folder_ / name, fs::copy_options::recursive, ignored);
    return copies_.emplace_back(folder_ / name);
  }

 private:
  fs::path folder_;
  std::vector<fs::path> copies_;
};

class Starter {
 public:
  explicit Starter(fs::path start) : start_(std::move(start)), environment_(build_environment()) {
    environment_.push_back("CCACHE_DISABLE=1");  // a compiler cache would answer for the compiler
  }

  /// One run of tau on one plugin, to its end. Empty, with what it said kept, if it failed.
  std::optional<Taken> run(const fs::path& plugin) {
    Taken taken;
    const double cpu = cpu_of_children_s();
    const auto begun = Clock::now();
    Command command;
    command.arguments = {start_.string(), "run", plugin.string()};
    command.environment = environment_;
    command.on_line = [&](std::string_view line) {
      if (line.find("] started, edition ") == std::string_view::npos) return;
      taken.to_init_s = std::chrono::duration<double>(Clock::now() - begun).count();
    };
    const CommandResult result = run_command(command);
    taken.cpu_s = cpu_of_children_s() - cpu;
    if (result.ok() && taken.to_init_s > 0) return taken;
    said_ = result.output + result.error;
    return std::nullopt;
  }
  const std::string& said() const { return said_; }

 private:
  fs::path start_;
  std::vector<std::string> environment_;
  std::string said_;
};

void edit(const fs::path& file, std::uint64_t number) {
  std::ifstream in(file);
  std::string text(std::istreambuf_iterator<char>(in), {});
  const std::string line = "int edition = ";
  const auto at = text.find(line);
  if (at != std::string::npos) text.replace(at + line.size(), text.find(';', at) - at - line.size(), std::to_string(number));
  std::ofstream(file) << text;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

std::optional<std::string> measure_builds(const std::string& name, const fs::path& start, const fs::path& tree,
                                          double scale, std::string& why) {
  Scratch scratch;
  if (!scratch) {
    why = "no temporary folder can be made";
    return std::nullopt;
  }
  const bool cold = name == "cold_build";
  const bool edited = name == "edit_to_running";
  const double times = (cold ? 3 : edited ? 5 : 31) * scale;
  Starter starter(start);
  // The first build of all also makes what plugins share: the precompiled header and the sdk's archive.
  const fs::path first = scratch.copy(tree, "first");
  bool ok = starter.run(first).has_value();
  std::vector<double> wall_s;
  std::vector<double> cpu_s;
  for (std::uint64_t i = 1; ok && (i == 1 || static_cast<double>(i) <= times); ++i) {
    if (edited) edit(first / "bench_start.cpp", i);
    const auto taken = starter.run(cold ? scratch.copy(tree, "cold" + std::to_string(i)) : first);
    ok = taken.has_value();
    if (!ok) break;
    wall_s.push_back(taken->to_init_s);
    cpu_s.push_back(taken->cpu_s);
  }
  if (!ok) {
    why = name + " failed:\n" + starter.said();
    return std::nullopt;
  }
  const bool seconds = cold || edited;
  const double unit = seconds ? 1 : 1e3;
  char line[160];
  std::snprintf(line, sizeof line, "{\"bench\":\"%s\",\"%s\":%.3f,\"cpu_%s\":%.3f}", name.c_str(), seconds ? "s" : "ms",
                median(wall_s) * unit, seconds ? "s" : "ms", median(cpu_s) * unit);
  return line;
}

}  // namespace tau::host
