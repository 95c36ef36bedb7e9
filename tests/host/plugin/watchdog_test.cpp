// Watchdog: it speaks while something does not return, and there is no thread when nothing is watched.
#include <doctest/doctest.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <iterator>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "plugin/watchdog.hpp"

using namespace std::chrono_literals;
using tau::host::Watchdog;

namespace {

std::size_t threads() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/task"), {}));
}

/// Ends as soon as it is so; a test that hangs has failed.
void wait_for_threads(std::size_t count) {
  while (threads() != count) std::this_thread::yield();
}

struct Said {
  std::mutex mutex;
  std::condition_variable more;
  std::vector<std::string> lines;

  void operator()(std::string_view line) {
    const std::lock_guard lock(mutex);
    lines.emplace_back(line);
    more.notify_one();
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return lines.size();
  }
  std::string wait_for_line(std::size_t number) {
    std::unique_lock lock(mutex);
    more.wait(lock, [&] { return lines.size() > number; });
    return lines[number];
  }
};

}  // namespace

TEST_CASE("what does not return is told again and again, and the innermost is meant") {
  Said said;
  Watchdog watchdog([&said](std::string_view line) { said(line); }, 1ms);
  const Watchdog::Scope outer(watchdog, "one", "plugin_init");
  {
    const Watchdog::Scope inner(watchdog, "two", "a static constructor");
    while (said.wait_for_line(said.count()).find("'two': a static constructor has not returned") == std::string::npos) {
    }
  }
  const std::size_t before = said.count();
  // One line about the inner may still be on its way.
  CHECK((said.wait_for_line(before) + said.wait_for_line(before + 1)).find("'one': plugin_init has not returned") != std::string::npos);
}

TEST_CASE("the thread ends when nothing was watched for a while, and the next watch has one again") {
  const std::size_t alone = threads();
  Said said;
  {
    Watchdog watchdog([&said](std::string_view line) { said(line); }, 1ms, 0ns);
    for (std::size_t round = 0; round < 20; ++round) {
      {
        const std::size_t before = said.count();
        const Watchdog::Scope scope(watchdog, "plugin", "plugin_init");
        CHECK(threads() == alone + 1);
        said.wait_for_line(before);
      }
      wait_for_threads(alone);
    }
  }
  CHECK(threads() == alone);
}

TEST_CASE("a watch right after another finds its thread, whether that ends or stays") {
  const std::size_t alone = threads();
  Said said;
  Watchdog watchdog([&said](std::string_view line) { said(line); }, 1h, 0ns);
  for (int i = 0; i < 2000; ++i) const Watchdog::Scope scope(watchdog, "plugin", "plugin_init");
  {
    const Watchdog::Scope outer(watchdog, "plugin", "plugin_init");
    const Watchdog::Scope inner(watchdog, "plugin", "plugin_init");
    CHECK(threads() == alone + 1);
  }
  wait_for_threads(alone);
  CHECK(said.count() == 0);
}
