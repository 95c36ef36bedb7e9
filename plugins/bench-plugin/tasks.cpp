// What a task costs: to start and join it, to switch to it, and to wait for several things within one.
#include "bench.hpp"

namespace bench {
namespace {

tau::Task<std::uint64_t> index_itself(std::uint64_t index) { co_return index; }

tau::Task<void> yield_often(std::uint64_t times) {
  for (std::uint64_t i = 0; i < times; ++i) co_await tau::yield_now();
}

tau::Task<std::uint64_t> yield_once(std::uint64_t index) {
  co_await tau::yield_now();
  co_return index;
}

tau::Stream<std::uint64_t> count_to(std::uint64_t end) {
  for (std::uint64_t i = 0; i < end; ++i) co_yield i;
}

}  // namespace

tau::Task<Cost> cost_of_spawn_join(std::uint64_t rounds, std::uint64_t tasks) {
  std::vector<tau::JoinHandle<std::uint64_t>> handles;
  handles.reserve(tasks);
  const Stopwatch watch;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    for (std::uint64_t i = 0; i < tasks; ++i) handles.push_back(tau::spawn(index_itself(i)));
    std::uint64_t sum = 0;
    for (auto& handle : handles) {
      const tau::Result<std::uint64_t> index = co_await handle;
      sum += index.value();
    }
    check(sum == tasks * (tasks - 1) / 2, "a task returned another's index");
    handles.clear();
  }
  co_return Cost(watch, rounds * tasks);
}

tau::Task<Cost> cost_of_yield(std::uint64_t tasks, std::uint64_t times) {
  std::vector<tau::JoinHandle<void>> handles;
  handles.reserve(tasks);
  const Stopwatch watch;
  for (std::uint64_t i = 0; i < tasks; ++i) handles.push_back(tau::spawn(yield_often(times)));
  co_await join(std::move(handles));
  co_return Cost(watch, tasks * times);
}

tau::Task<std::string> spawn_join(Scale scale) {
  const Cost cost = co_await cost_of_spawn_join(20, scale.of(100'000));
  co_return to_json("spawn_join", cost);
}

tau::Task<std::string> yield(Scale scale) {
  const Cost cost = co_await cost_of_yield(scale.of(1'000), 1'000);
  co_return to_json("yield", cost);
}

tau::Task<std::string> select2(Scale scale) {
  const std::uint64_t times = scale.of(1'000'000);
  const tau::Notify never;
  const Stopwatch watch;
  for (std::uint64_t i = 0; i < times; ++i) {
    auto first = co_await tau::select(never.notified(), tau::yield_now());
    check(first.index() == 1, "a notification came that nobody sent");
  }
  co_return to_json("select2", Cost(watch, times));
}

tau::Task<std::string> join_all(Scale scale) {
  constexpr std::uint64_t branches = 100;
  const std::uint64_t rounds = scale.of(10'000);
  const Stopwatch watch;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    std::vector<tau::Task<std::uint64_t>> tasks;
    tasks.reserve(branches);
    for (std::uint64_t i = 0; i < branches; ++i) tasks.push_back(yield_once(i));
    const std::vector<std::uint64_t> indices = co_await tau::join_all(std::move(tasks));
    for (std::uint64_t i = 0; i < branches; ++i) check(indices[i] == i, "a branch returned another's index");
  }
  co_return to_json("join_all", Cost(watch, rounds * branches));
}

tau::Task<std::string> stream_map_filter(Scale scale) {
  const std::uint64_t items = scale.of(10'000'000);
  auto triple = [](std::uint64_t item) { return 3 * item; };
  auto is_even = [](const std::uint64_t& item) { return item % 2 == 0; };
  auto add = [](std::uint64_t sum, std::uint64_t item) { return sum + item; };
  const Stopwatch watch;
  const std::uint64_t sum = co_await count_to(items).map(triple).filter(is_even).fold(std::uint64_t{0}, add);
  const Cost cost(watch, items);
  const std::uint64_t evens = (items + 1) / 2;
  check(sum == 3 * evens * (evens - 1), "an item is missing");
  co_return to_json("stream_map_filter", cost);
}

tau::Task<std::string> spawn_blocking_rtt(Scale scale) {
  const std::uint64_t times = scale.of(100'000);
  const Stopwatch watch;
  for (std::uint64_t i = 0; i < times; ++i) {
    auto call = [i] { return i; };
    tau::JoinHandle<std::uint64_t> handle = tau::spawn_blocking(call);
    const tau::Result<std::uint64_t> back = co_await handle;
    check(back.value() == i, "a call returned another's value");
  }
  co_return to_json("spawn_blocking_rtt", Cost(watch, times));
}

}  // namespace bench
