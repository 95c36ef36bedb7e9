// What loading and unloading costs, by the size of the module's file. Figures, no verdict.
#define DOCTEST_CONFIG_IMPLEMENT
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "loading.hpp"

using namespace tau::host;
using namespace tau::test;
using Steady = std::chrono::steady_clock;

namespace {

double microseconds(Steady::time_point begin, Steady::time_point end) {
  return std::chrono::duration<double, std::micro>(end - begin).count();
}

double median(std::vector<double>& all) {
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
  return all[all.size() / 2];
}

void measure(const char* name) {
  Loading l;
  std::vector<double> loads, unloads, both;
  for (int i = 0; i < 1000; ++i) {
    const auto begin = Steady::now();
    Plugin& plugin = l.load(name);
    const auto loaded = Steady::now();
    if (!l.unload(plugin)) std::abort();
    const auto end = Steady::now();
    loads.push_back(microseconds(begin, loaded));
    unloads.push_back(microseconds(loaded, end));
    both.push_back(microseconds(begin, end));
  }
  const double cycle = median(both);
  std::printf("{\"bench\":\"load_unload_%s\",\"us\":%.1f,\"load_us\":%.1f,\"unload_us\":%.1f,\"target\":1000}\n",
              name, cycle, median(loads), median(unloads));
  std::printf("  load and unload %-14s %7zu KiB   load %6.0f us   unload %6.0f us   both %6.0f us (medians)   target: at most 1000 us\n", name,
              static_cast<std::size_t>(std::filesystem::file_size(fixture(name))) / 1024, median(loads),
              median(unloads), cycle);
}

}  // namespace

int main() {
  doctest::Context context;  // loading.hpp checks by its macros
  context.setAsDefaultForAssertsOutOfTestCases();
  context.setAssertHandler([](const doctest::AssertData& data) {
    if (data.m_failed) std::abort();
  });
  measure("hello");
  measure("busy_stripped");
  measure("busy");
}
