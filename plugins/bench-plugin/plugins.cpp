// What it costs to have to do with another plugin: to find its objects, to call them, to tell it things.
#include "../bench-peer/bench_peer.hpp"
#include "bench.hpp"

namespace bench {

struct Event {
  std::uint64_t number;
};

namespace {

/// Receives `count` events and adds their numbers up.
tau::Task<std::uint64_t> sum_of(tau::event::Subscription<Event> events, std::uint64_t count) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const tau::Result<Event> event = co_await events.next();
    sum += event.value().number;
  }
  co_return sum;
}

tau::Task<Cost> cost_of_publishing(int subscribers, std::uint64_t events) {
  constexpr std::uint64_t at_once = 32;  // half of what a subscription holds
  std::vector<tau::JoinHandle<std::uint64_t>> sums;
  for (int i = 0; i < subscribers; ++i) {
    sums.push_back(tau::spawn(sum_of(tau::event::subscribe<Event>("bench/events").value(), events)));
  }
  const Stopwatch watch;
  for (std::uint64_t i = 0; i < events; ++i) {
    const tau::Result<std::size_t> told = tau::event::publish("bench/events", Event{i});
    check(told.value() == static_cast<std::size_t>(subscribers), "a subscriber is missing");
    if (i % at_once == at_once - 1) co_await tau::yield_now();
  }
  for (auto& handle : sums) {
    const tau::Result<std::uint64_t> sum = co_await handle;
    check(sum.value() == events * (events - 1) / 2, "an event was lost");
  }
  co_return Cost(watch, events);
}

struct Own final : bench_peer::Counting {
  std::uint64_t count() noexcept override { return ++count_; }

 private:
  std::uint64_t count_ = 0;
};

/// The second that there is, or the compiler would call the first directly.
struct Stuck final : bench_peer::Counting {
  std::uint64_t count() noexcept override { return 0; }
};

double cost_of_calls(bench_peer::Counting& object, std::uint64_t times) {
  const std::uint64_t before = object.count();
  const Stopwatch watch;
  std::uint64_t last = before;
  for (std::uint64_t i = 0; i < times; ++i) last = object.count();
  const Cost cost(watch, times);
  check(last == before + times, "a call was lost");
  return cost.cpu_ns;
}

}  // namespace

tau::Task<std::string> resource_get(Scale scale) {
  const std::uint64_t times = scale.of(3'000'000);
  const Stopwatch watch;
  for (std::uint64_t i = 0; i < times; ++i) {
    auto counter = tau::resource::get<bench_peer::Counter>(bench_peer::counter_name);
    check(counter.has_value(), "bench-peer's counter is not there");
    ++(*counter)->value;
  }
  const Cost cost(watch, times);
  auto counter = tau::resource::get<bench_peer::Counter>(bench_peer::counter_name).value();
  check(counter->value >= times, "a borrowing was lost");
  co_return to_json("resource_get", cost);
}

tau::Task<std::string> event_publish(Scale scale) {
  const std::uint64_t events = scale.of(100'000);
  std::string lines;
  for (int subscribers : {1, 10, 100}) {
    const Cost cost = co_await cost_of_publishing(subscribers, events);
    const std::string variant = std::to_string(subscribers) + (subscribers == 1 ? " subscriber" : " subscribers");
    lines += (lines.empty() ? "" : "\n") + to_json("event_publish", cost, variant);
  }
  co_return lines;
}

tau::Task<std::string> cross_plugin_call(Scale scale) {
  const std::uint64_t times = scale.of(10'000'000);
  Own own;
  Stuck stuck;
  volatile bool counting = true;
  bench_peer::Counting& ours = counting ? static_cast<bench_peer::Counting&>(own) : stuck;
  auto theirs = tau::resource::get<bench_peer::CountingBox>(bench_peer::counting_name).value();
  auto closure = tau::resource::get<bench_peer::CountingFn>(bench_peer::closure_name).value();
  const double within = cost_of_calls(ours, times);
  const double across = cost_of_calls(**theirs, times);

  const std::uint64_t before = closure->call().value();
  const Stopwatch watch;
  std::uint64_t last = before;
  for (std::uint64_t i = 0; i < times; ++i) last = closure->call().value();
  const double by_closure = Cost(watch, times).cpu_ns;
  check(last == before + times, "a call was lost");

  co_return to_json("cross_plugin_call", "virtual", {{"cpu_ns", across}, {"beyond_ns", across - within}}) + "\n" +
      to_json("cross_plugin_call", "closure", {{"cpu_ns", by_closure}, {"beyond_ns", by_closure - within}});
}

}  // namespace bench
