// What a task costs: to start and join it, and to switch to it.
#include <vector>

#include "bench.hpp"

namespace bench {
namespace {

tau::Task<std::uint64_t> index_itself(std::uint64_t index) { co_return index; }

tau::Task<void> yield_often(int times) {
  for (int i = 0; i < times; ++i) co_await tau::yield_now();
}

}  // namespace

tau::Task<std::string> spawn_join() {
  constexpr int rounds = 20;
  constexpr std::uint64_t tasks = 100'000;
  std::vector<tau::JoinHandle<std::uint64_t>> handles;
  handles.reserve(tasks);
  const Stopwatch watch;
  for (int round = 0; round < rounds; ++round) {
    for (std::uint64_t i = 0; i < tasks; ++i) handles.push_back(tau::spawn(index_itself(i)));
    std::uint64_t sum = 0;
    for (auto& handle : handles) {
      const tau::Result<std::uint64_t> index = co_await handle;
      sum += index.value();
    }
    check(sum == tasks * (tasks - 1) / 2, "a task returned another's index");
    handles.clear();
  }
  co_return to_json("spawn_join", watch, rounds * tasks);
}

tau::Task<std::string> yield() {
  constexpr int tasks = 1'000;
  constexpr int times = 1'000;
  std::vector<tau::JoinHandle<void>> handles;
  handles.reserve(tasks);
  const Stopwatch watch;
  for (int i = 0; i < tasks; ++i) handles.push_back(tau::spawn(yield_often(times)));
  for (auto& handle : handles) {
    const tau::Result<void> ended = co_await handle;
    ended.value();
  }
  co_return to_json("yield", watch, tasks * times);
}

}  // namespace bench
