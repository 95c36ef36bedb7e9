// What it costs to have something to oneself for a while, and to wake somebody.
#include "bench.hpp"

namespace bench {
namespace {

constexpr int rivals = 10;

tau::Task<void> lock_often(tau::Mutex<std::uint64_t> mutex, std::uint64_t times, bool yielding) {
  for (std::uint64_t i = 0; i < times; ++i) {
    tau::MutexGuard<std::uint64_t> value = co_await mutex.lock();
    ++*value;
    if (yielding) co_await tau::yield_now();
  }
}

tau::Task<void> acquire_often(tau::Semaphore semaphore, std::uint64_t times, bool yielding) {
  for (std::uint64_t i = 0; i < times; ++i) {
    tau::Result<tau::SemaphorePermit> permit = co_await semaphore.acquire();
    check(permit.has_value(), "the semaphore was closed");
    if (yielding) co_await tau::yield_now();
  }
}

tau::Task<void> play(tau::Notify mine, tau::Notify theirs, std::uint64_t times) {
  for (std::uint64_t i = 0; i < times; ++i) {
    co_await mine.notified();
    theirs.notify_one();
  }
}

}  // namespace

tau::Task<std::string> mutex(Scale scale) {
  const std::uint64_t alone = scale.of(3'000'000);
  const std::uint64_t each = scale.of(100'000);
  tau::Mutex<std::uint64_t> counter(0u);

  const Stopwatch free;
  std::vector<tau::JoinHandle<void>> tasks;
  tasks.push_back(tau::spawn(lock_often(counter, alone, false)));
  co_await join(std::move(tasks));
  std::string lines = to_json("mutex", Cost(free, alone), "free") + "\n";

  const Stopwatch contended;
  tasks.clear();
  for (int i = 0; i < rivals; ++i) tasks.push_back(tau::spawn(lock_often(counter, each, true)));
  co_await join(std::move(tasks));
  lines += to_json("mutex", Cost(contended, each * rivals), "contended");
  check(**counter.try_lock() == alone + each * rivals, "two had the lock at once");
  co_return lines;
}

tau::Task<std::string> semaphore(Scale scale) {
  const std::uint64_t alone = scale.of(3'000'000);
  const std::uint64_t each = scale.of(100'000);
  const tau::Semaphore permits(2);

  const Stopwatch free;
  std::vector<tau::JoinHandle<void>> tasks;
  tasks.push_back(tau::spawn(acquire_often(permits, alone, false)));
  co_await join(std::move(tasks));
  std::string lines = to_json("semaphore", Cost(free, alone), "free") + "\n";

  const Stopwatch contended;
  tasks.clear();
  for (int i = 0; i < rivals; ++i) tasks.push_back(tau::spawn(acquire_often(permits, each, true)));
  co_await join(std::move(tasks));
  lines += to_json("semaphore", Cost(contended, each * rivals), "contended");
  check(permits.available_permits() == 2, "a permit was lost");
  co_return lines;
}

tau::Task<std::string> notify(Scale scale) {
  const std::uint64_t times = scale.of(1'000'000);
  const tau::Notify ping;
  const tau::Notify pong;
  const Stopwatch watch;
  std::vector<tau::JoinHandle<void>> tasks;
  tasks.push_back(tau::spawn(play(ping, pong, times)));
  tasks.push_back(tau::spawn(play(pong, ping, times)));
  ping.notify_one();
  co_await join(std::move(tasks));
  co_return to_json("notify", Cost(watch, 2 * times));
}

}  // namespace bench
