// What a compile costs: nothing changed, one source edited, everything new. Figures, no verdict.
#define DOCTEST_CONFIG_IMPLEMENT
#include "support.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

using namespace tau::host;
using namespace tau::host::test;
using Clock = std::chrono::steady_clock;

namespace {

double milliseconds(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

double children_cpu_ms() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto ms = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

bool measure(const char* what, const Compiler& compiler, const fs::path& plugin) {
  const auto begin = Clock::now();
  const double cpu = children_cpu_ms();
  const auto result = compiler.compile({.source = plugin, .stop = {}});
  std::printf("%-44s %8.1f ms  %8.1f ms CPU\n", what, milliseconds(begin), children_cpu_ms() - cpu);
  if (!result.ok) std::printf("%s\n", result.error.c_str());
  return result.ok;
}

}  // namespace

int main() {
  doctest::Context context;  // support.hpp checks by its macros
  context.setAsDefaultForAssertsOutOfTestCases();
  context.setAssertHandler([](const doctest::AssertData& data) {
    if (data.m_failed) std::abort();
  });

  const Compiler compiler(shared_tau().installation());
  const auto first = fresh_plugin();
  if (!measure("first plugin, with the foundation", compiler, first)) return 1;
  const auto plugin = fresh_plugin();
  // Three hundred headers of its own, as a plugin with a library inside has.
  std::string includes;
  for (int i = 0; i < 300; ++i) {
    write_file(plugin / ("h" + std::to_string(i) + ".h"), "#pragma once\nenum { h" + std::to_string(i) + " };\n");
    includes += "#include \"h" + std::to_string(i) + ".h\"\n";
  }
  write_file(plugin / "plain.cpp", includes + text_of(plugin / "plain.cpp"));
  if (!measure("next plugin, cold", compiler, plugin)) return 1;
  write_file(plugin / "plain.cpp", text_of(plugin / "plain.cpp") + "int edited;\n");
  if (!measure("one source edited", compiler, plugin)) return 1;

  std::vector<double> times;
  for (int i = 0; i < 200; ++i) {
    const auto begin = Clock::now();
    if (!compiler.compile({.source = plugin, .stop = {}}).fresh) return 1;
    times.push_back(milliseconds(begin));
  }
  std::sort(times.begin(), times.end());
  std::printf("{\"bench\":\"freshness_check\",\"ms\":%.3f,\"p99\":%.3f,\"target\":1}\n", times[100], times[198]);
  std::printf("%-44s %8.3f ms  (99th of 100: %.3f ms)   target: at most 1 ms\n", "nothing changed, 300 headers", times[100], times[198]);
  return 0;
}
