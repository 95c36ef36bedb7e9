// What those cost who do nothing: whether much that sleeps makes dearer what runs.
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "bench.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr std::array operations{"yield", "spawn_join", "timeout_cancel"};
using Costs = std::array<double, operations.size()>;

tau::Task<void> sleep_for_an_hour() { co_await tau::sleep(1h); }

tau::Task<void> receive(tau::net::UnixStream connection) {
  std::array<std::byte, 1> byte;
  const auto got = co_await connection.read(byte);
  check(!got, "something was received that nobody has sent");
}

/// What sleeps; with it everything in it goes.
class Crowd {
 public:
  Crowd() noexcept = default;
  Crowd(const Crowd&) = delete;
  ~Crowd() {
    for (const auto& task : tasks_) task.abort();
    for (int peer : peers_) ::close(peer);
  }

  void add_timers(std::uint64_t count) {
    tasks_.reserve(tasks_.size() + count);
    for (std::uint64_t i = 0; i < count; ++i) add(tau::spawn(sleep_for_an_hour()));
  }

  /// As many as there may be descriptors, `count` at most.
  void add_connections(std::uint64_t count) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    const rlimit wanted{std::max<rlim_t>(limit.rlim_cur, 2 * count + 64), std::max<rlim_t>(limit.rlim_max, 2 * count + 64)};
    const rlimit possible{limit.rlim_max, limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &wanted) != 0) setrlimit(RLIMIT_NOFILE, &possible);
    peers_.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      int ends[2];
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return;
      peers_.push_back(ends[0]);
      auto connection = tau::net::UnixStream::from_raw_fd(ends[1]);
      if (!connection) {
        ::close(ends[1]);
        return;
      }
      add(tau::spawn(receive(std::move(*connection))));
    }
  }

  std::size_t connections() const noexcept { return peers_.size(); }

 private:
  void add(tau::JoinHandle<void> handle) {
    tasks_.push_back(handle.abort_handle());
    handle.detach();
  }

  std::vector<tau::AbortHandle> tasks_;
  std::vector<int> peers_;
};

tau::Task<Costs> costs(Scale scale) {
  const Cost yielding = co_await cost_of_yield(scale.of(1'000), 200);
  const Cost spawning = co_await cost_of_spawn_join(4, scale.of(50'000));
  const Cost timing = co_await cost_of_timeout_cancel(scale.of(200'000));
  co_return Costs{yielding.cpu_ns, spawning.cpu_ns, timing.cpu_ns};
}

/// Of five times, each by itself.
tau::Task<Costs> median_costs(Scale scale) {
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

}  // namespace

tau::Task<std::string> idle_mass(Scale scale) {
  const std::uint64_t timers = scale.of(1'000'000);
  co_await costs(scale);  // memory that the first to come would pay for
  const Costs alone = co_await median_costs(scale);

  Crowd crowd;
  crowd.add_timers(timers);
  crowd.add_connections(scale.of(10'000));
  co_await costs(scale);
  const Costs among = co_await median_costs(scale);

  std::string lines;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    lines += (lines.empty() ? "" : "\n") +
             to_json("idle_mass", operations[i],
                     {{"ratio", among[i] / alone[i]}, {"cpu_ns", among[i]}, {"cpu_ns_alone", alone[i]},
                      {"timers", static_cast<double>(timers)},
                      {"connections", static_cast<double>(crowd.connections())}});
  }
  co_return lines;
}

}  // namespace bench
