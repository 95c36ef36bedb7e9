// Thousands of generations, two at a time: all unmapped, memory flat.
#include <doctest/doctest.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <string>

#include "loading.hpp"

using namespace tau::host;
using namespace tau::test;

namespace {

long resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::atol(line.c_str() + 6);
  }
  return 0;
}

}  // namespace

TEST_CASE("generations that overlap leave neither mappings nor memory behind") {
  const char* given = std::getenv("TAU_CYCLES");
  const int cycles = given != nullptr ? std::atoi(given) : 2'000;
  Loading l;
  std::atomic<long> alive{0};
  Plugin* old = nullptr;
  std::size_t heap = 0;
  long resident = 0;
  int mapped = 0;
  for (int i = 0; i < cycles; ++i) {
    Plugin& young = l.load("busy");
    reinterpret_cast<void (*)(std::atomic<long>*)>(young.module->symbol("plugin_lend"))(&alive);
    reinterpret_cast<int (*)()>(young.module->symbol("plugin_work"))();
    if (old != nullptr && !l.unload(*old)) ++mapped;
    old = &young;
    if (i == cycles / 4) {
      heap = mallinfo2().uordblks;
      resident = resident_kib();
    }
  }
  // One generation is alive now as it was then; the rest of the difference is noise of the allocator. A
  // sanitizer keeps what was freed, so its memory says nothing.
  if (!TAU_SANITIZED) {
    CHECK(mallinfo2().uordblks <= heap + 16 * 1024);
    CHECK(resident_kib() <= resident + 1024);
  }
  CHECK(l.unload(*old));
  CHECK(mapped == 0);
  CHECK(alive == 0);
}
