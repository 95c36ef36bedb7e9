// The work of plugins/bench-plugin on one asio::io_context, in its own coroutines, where Asio has a word for it.
//
// Asio hands a coroutine's value to a handler, not to a handle, so "join" is a count of the handlers that were
// called. It has no locks, no watch and no broadcast for coroutines.
#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/experimental/channel.hpp>
#include <asio/experimental/concurrent_channel.hpp>

#include <sys/resource.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "../measure.hpp"

namespace {

using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;
using asio::awaitable;
using asio::use_awaitable;
using peer::check;
using peer::Cost;
using peer::Scale;
using peer::Stopwatch;
using Number = std::uint64_t;
using Channel = asio::experimental::channel<void(asio::error_code, Number)>;

constexpr Number messages = 3'000'000;

/// Counts coroutines down to none.
class Group {
 public:
  explicit Group(const asio::any_io_executor& executor) : ended_(executor, asio::steady_timer::time_point::max()) {}

  void spawn(awaitable<void> task) {
    ++left_;
    asio::co_spawn(ended_.get_executor(), std::move(task), [this](std::exception_ptr thrown) { one_less(thrown); });
  }
  void spawn(awaitable<Number> task, Number& sum) {
    ++left_;
    asio::co_spawn(ended_.get_executor(), std::move(task), [this, &sum](std::exception_ptr thrown, Number value) {
      sum += value;
      one_less(thrown);
    });
  }
  awaitable<void> join() {
    if (left_ == 0) co_return;
    auto quietly = asio::redirect_error(use_awaitable, ignored_);
    co_await ended_.async_wait(quietly);
    ended_.expires_at(asio::steady_timer::time_point::max());
  }

 private:
  void one_less(std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
    if (--left_ == 0) ended_.cancel();
  }

  asio::steady_timer ended_;
  asio::error_code ignored_;
  std::size_t left_ = 0;
};

/// Runs a coroutine on a context of its own.
template <class F>
void run(F coroutine) {
  asio::io_context context(1);
  asio::co_spawn(context, std::move(coroutine), [&](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
    context.stop();  // and not what still sleeps
  });
  context.run();
}

awaitable<void> yield_now() { co_await asio::post(use_awaitable); }
awaitable<Number> index_itself(Number index) { co_return index; }
awaitable<void> yield_often(Number times) {
  for (Number i = 0; i < times; ++i) co_await asio::post(use_awaitable);
}
awaitable<void> sleep_for(std::chrono::nanoseconds length) {
  asio::steady_timer timer(co_await asio::this_coro::executor, length);
  co_await timer.async_wait(use_awaitable);
}

awaitable<Cost> cost_of_spawn_join(Number rounds, Number tasks) {
  Group group(co_await asio::this_coro::executor);
  const Stopwatch watch;
  for (Number round = 0; round < rounds; ++round) {
    Number sum = 0;
    for (Number i = 0; i < tasks; ++i) group.spawn(index_itself(i), sum);
    co_await group.join();
    check(sum == tasks * (tasks - 1) / 2, "a task returned another's index");
  }
  co_return watch.of(rounds * tasks);
}

awaitable<Cost> cost_of_yield(Number tasks, Number times) {
  Group group(co_await asio::this_coro::executor);
  const Stopwatch watch;
  for (Number i = 0; i < tasks; ++i) group.spawn(yield_often(times));
  co_await group.join();
  co_return watch.of(tasks * times);
}

awaitable<Cost> cost_of_timeout_cancel(Number times) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  const Stopwatch watch;
  for (Number i = 0; i < times; ++i) {
    timer.expires_after(60s);
    const auto first = co_await (yield_now() || timer.async_wait(use_awaitable));
    check(first.index() == 0, "a minute has passed");
  }
  co_return watch.of(times);
}

void spawn_join(Scale scale) {
  run([scale]() -> awaitable<void> {
    const Cost cost = co_await cost_of_spawn_join(20, scale.of(100'000));
    cost.print("spawn_join");
  });
}

void yield(Scale scale) {
  run([scale]() -> awaitable<void> {
    const Cost cost = co_await cost_of_yield(scale.of(1'000), 1'000);
    cost.print("yield");
  });
}

void timeout_cancel(Scale scale) {
  run([scale]() -> awaitable<void> {
    const Cost cost = co_await cost_of_timeout_cancel(scale.of(1'000'000));
    cost.print("timeout_cancel");
  });
}

void select2(Scale scale) {
  run([scale]() -> awaitable<void> {
    const Number times = scale.of(1'000'000);
    Channel never(co_await asio::this_coro::executor);
    const Stopwatch watch;
    for (Number i = 0; i < times; ++i) {
      const auto first = co_await (never.async_receive(use_awaitable) || yield_now());
      check(first.index() == 1, "something came that nobody has sent");
    }
    watch.of(times).print("select2");
  });
}

void sleep_cpu(Scale scale) {
  run([scale]() -> awaitable<void> {
    const Number tasks = scale.of(200'000);
    peer::Lengths lengths;
    Group group(co_await asio::this_coro::executor);
    const Stopwatch watch;
    for (Number i = 0; i < tasks; ++i) group.spawn(sleep_for(std::chrono::nanoseconds(lengths.next_ns())));
    co_await group.join();
    peer::print("sleep_cpu", {}, {{"cpu_ns", watch.of(tasks).cpu_ns}});
  });
}

void bytes_per_sleeping_task(Scale scale) {
  run([scale]() -> awaitable<void> {
    const Number tasks = scale.of(1'000'000);
    Group group(co_await asio::this_coro::executor);
    const Number before = peer::resident_bytes();
    for (Number i = 0; i < tasks; ++i) group.spawn(sleep_for(1h));
    co_await yield_now();
    co_await yield_now();
    const double grown = static_cast<double>(peer::resident_bytes() - before);
    peer::print("bytes_per_sleeping_task", {}, {{"bytes", grown / static_cast<double>(tasks)}});
    std::fflush(stdout);
    _exit(0);  // to take a million of them down is not measured
  });
}

awaitable<void> send_all(Channel& numbers, Number count) {
  for (Number i = 0; i < count; ++i) co_await numbers.async_send(asio::error_code(), i, use_awaitable);
}
awaitable<void> send_all_at_once(Channel& numbers, Number count) {
  for (Number i = 0; i < count; ++i) check(numbers.try_send(asio::error_code(), i), "there is no room");
  co_return;
}
awaitable<Number> sum_of(Channel& numbers, Number count) {
  Number sum = 0;
  for (Number i = 0; i < count; ++i) sum += co_await numbers.async_receive(use_awaitable);
  co_return sum;
}

void transfer(const char* name, std::size_t capacity, awaitable<void> (*send)(Channel&, Number), Number count) {
  run([=]() -> awaitable<void> {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    Channel channel(executor, capacity);
    Group group(executor);
    Number sum = 0;
    const Stopwatch watch;
    group.spawn(sum_of(channel, count), sum);
    group.spawn(send(channel, count));
    co_await group.join();
    const Cost cost = watch.of(count);
    check(sum == count * (count - 1) / 2, "a message was lost");
    cost.print(name);
  });
}

void mpsc_128(Scale scale) { transfer("mpsc_128", 128, send_all, scale.of(messages)); }
void mpsc_unbounded(Scale scale) {
  transfer("mpsc_unbounded", scale.of(messages), send_all_at_once, scale.of(messages));
}

awaitable<void> send_then_receive(std::shared_ptr<Channel> there, std::shared_ptr<Channel> back) {
  there->try_send(asio::error_code(), Number{1});
  const Number answer = co_await back->async_receive(use_awaitable);
  check(answer == 2, "the answer is wrong");
}
awaitable<void> receive_then_send(std::shared_ptr<Channel> there, std::shared_ptr<Channel> back) {
  const Number question = co_await there->async_receive(use_awaitable);
  back->try_send(asio::error_code(), question + 1);
}

void oneshot_pingpong(Scale scale) {
  run([scale]() -> awaitable<void> {
    const Number rounds = scale.of(200'000);
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    Group group(executor);
    const Stopwatch watch;
    for (Number i = 0; i < rounds; ++i) {
      auto there = std::make_shared<Channel>(executor, 1);
      auto back = std::make_shared<Channel>(executor, 1);
      group.spawn(send_then_receive(there, back));
      group.spawn(receive_then_send(there, back));
      co_await group.join();
    }
    watch.of(rounds).print("oneshot_pingpong");
  });
}

/// What a thread waits for; Asio leaves that to others.
class Questions {
 public:
  void put(std::optional<Number> question) {
    {
      const std::lock_guard lock(mutex_);
      question_ = question;
      there_ = true;
    }
    changed_.notify_one();
  }
  std::optional<Number> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return there_; });
    there_ = false;
    return question_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Number> question_;
  bool there_ = false;
};

void cross_thread_rtt(Scale scale) {
  run([scale]() -> awaitable<void> {
    const Number trips = scale.of(100'000);
    asio::experimental::concurrent_channel<void(asio::error_code, Number)> answers(
        co_await asio::this_coro::executor, 1);
    Questions questions;
    std::thread thread([&] {
      while (const auto question = questions.take()) answers.try_send(asio::error_code(), *question + 1);
    });
    const Stopwatch watch;
    for (Number i = 0; i < trips; ++i) {
      questions.put(i);
      const Number answer = co_await answers.async_receive(use_awaitable);
      check(answer == i + 1, "the thread answered something else");
    }
    watch.of(trips).print("cross_thread_rtt");
    questions.put(std::nullopt);
    thread.join();
  });
}

void spawn_blocking_rtt(Scale scale) {
  run([scale]() -> awaitable<void> {
    const Number times = scale.of(100'000);
    asio::thread_pool pool(1);
    const Stopwatch watch;
    for (Number i = 0; i < times; ++i) {
      const Number back = co_await asio::co_spawn(pool, index_itself(i), use_awaitable);
      check(back == i, "a call returned another's value");
    }
    watch.of(times).print("spawn_blocking_rtt");
  });
}

using Socket = asio::local::stream_protocol::socket;

awaitable<void> receive(Socket connection) {
  char byte;
  co_await connection.async_read_some(asio::buffer(&byte, 1), use_awaitable);
  check(false, "something was received that nobody has sent");
}

constexpr std::array operations{"yield", "spawn_join", "timeout_cancel"};
using Costs = std::array<double, operations.size()>;

awaitable<Costs> costs(Scale scale) {
  const Cost yielding = co_await cost_of_yield(scale.of(1'000), 200);
  const Cost spawning = co_await cost_of_spawn_join(4, scale.of(50'000));
  const Cost timing = co_await cost_of_timeout_cancel(scale.of(200'000));
  co_return Costs{yielding.cpu_ns, spawning.cpu_ns, timing.cpu_ns};
}

awaitable<Costs> median_costs(Scale scale) {
  std::array<std::vector<double>, operations.size()> all;
  for (int i = 0; i < 5; ++i) {
    const Costs once = co_await costs(scale);
    for (std::size_t which = 0; which < once.size(); ++which) all[which].push_back(once[which]);
  }
  Costs median{};
  for (std::size_t which = 0; which < all.size(); ++which) {
    std::sort(all[which].begin(), all[which].end());
    median[which] = all[which][all[which].size() / 2];
  }
  co_return median;
}

void raise_limit(Number connections) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t enough = 2 * connections + 64;
  const rlimit wanted{std::max(limit.rlim_cur, enough), std::max(limit.rlim_max, enough)};
  const rlimit possible{limit.rlim_max, limit.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &wanted) != 0) setrlimit(RLIMIT_NOFILE, &possible);
}

void idle_mass(Scale scale) {
  run([scale]() -> awaitable<void> {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const Number timers = scale.of(1'000'000);
    const Number connections = scale.of(10'000);
    co_await costs(scale);
    const Costs alone = co_await median_costs(scale);
    Group crowd(executor);
    for (Number i = 0; i < timers; ++i) crowd.spawn(sleep_for(1h));
    raise_limit(connections);
    std::vector<Socket> peers;
    for (Number i = 0; i < connections; ++i) {
      Socket one(executor);
      Socket other(executor);
      asio::error_code error;
      asio::local::connect_pair(one, other, error);
      if (error) break;
      peers.push_back(std::move(other));
      crowd.spawn(receive(std::move(one)));
    }
    co_await costs(scale);
    const Costs among = co_await median_costs(scale);
    for (std::size_t i = 0; i < operations.size(); ++i) {
      peer::print("idle_mass", operations[i],
                  {{"ratio", among[i] / alone[i]}, {"cpu_ns", among[i]}, {"cpu_ns_alone", alone[i]},
                   {"timers", static_cast<double>(timers)}, {"connections", static_cast<double>(peers.size())}});
    }
    std::fflush(stdout);
    _exit(0);
  });
}

constexpr peer::Bench benches[] = {
    {"spawn_join", spawn_join},
    {"yield", yield},
    {"select2", select2},
    {"spawn_blocking_rtt", spawn_blocking_rtt},
    {"sleep_cpu", sleep_cpu},
    {"timeout_cancel", timeout_cancel},
    {"bytes_per_sleeping_task", bytes_per_sleeping_task},
    {"mpsc_128", mpsc_128},
    {"mpsc_unbounded", mpsc_unbounded},
    {"oneshot_pingpong", oneshot_pingpong},
    {"cross_thread_rtt", cross_thread_rtt},
    {"idle_mass", idle_mass},
};

}  // namespace

int main(int argc, char** argv) { return peer::play(benches, argc, argv); }
