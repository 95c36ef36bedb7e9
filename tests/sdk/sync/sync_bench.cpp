// What a message, a lock and a notification cost between two tasks of one loop: one line of JSON each.
//
//   sync_bench [ROUNDS]       the median of so many rounds
#define DOCTEST_CONFIG_IMPLEMENT
#include <tau/spawn.hpp>
#include <tau/sync/broadcast.hpp>
#include <tau/sync/mpsc.hpp>
#include <tau/sync/mutex.hpp>
#include <tau/sync/notify.hpp>
#include <tau/sync/oneshot.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <thread>
#include <vector>

#include "support/runtime_fixture.hpp"

namespace {

using tau::test::RuntimeFixture;
constexpr std::uint64_t count = 1'000'000;

double now_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

tau::Task<> send_all(tau::mpsc::Sender<std::uint64_t> tx) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const tau::Result<void> sent = co_await tx.send(i);
    if (!sent) std::abort();
  }
}
tau::Task<> send_unbounded(tau::mpsc::UnboundedSender<std::uint64_t> tx) {
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!tx.send(i)) std::abort();
    if (i % 128 == 127) co_await tau::yield_now();
  }
}
tau::Task<> receive_all(tau::mpsc::Receiver<std::uint64_t> rx) {
  std::uint64_t sum = 0;
  while (tau::Result<std::uint64_t> value = co_await rx.recv()) sum += *value;
  if (sum != count * (count - 1) / 2) std::abort();
}

void mpsc(RuntimeFixture& loop, std::size_t capacity) {
  auto [tx, rx] = tau::mpsc::channel<std::uint64_t>(capacity);
  tau::spawn(receive_all(std::move(rx))).detach();
  tau::spawn(send_all(std::move(tx))).detach();
  loop.settle();
}
void unbounded(RuntimeFixture& loop) {
  auto [tx, rx] = tau::mpsc::unbounded_channel<std::uint64_t>();
  tau::spawn(receive_all(std::move(rx))).detach();
  tau::spawn(send_unbounded(std::move(tx))).detach();
  loop.settle();
}

// A channel for each value: made, sent on, awaited, dropped.
tau::Task<> make_oneshots() {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto [tx, rx] = tau::oneshot::channel<std::uint64_t>();
    if (!tx.send(i)) std::abort();
    const tau::Result<std::uint64_t> value = co_await rx;
    sum += *value;
  }
  if (sum != count * (count - 1) / 2) std::abort();
}

tau::Task<> lock_often(tau::Mutex<std::uint64_t> mutex) {
  for (std::uint64_t i = 0; i < count; ++i) {
    auto guard = co_await mutex.lock();
    ++*guard;
  }
}
// Two tasks, one of which always waits.
tau::Task<> lock_in_turns(tau::Mutex<std::uint64_t> mutex) {
  for (std::uint64_t i = 0; i < count / 2; ++i) {
    auto guard = co_await mutex.lock();
    ++*guard;
    co_await tau::yield_now();
  }
}

// A round trip is two notifications.
tau::Task<> notify_back(tau::Notify mine, tau::Notify other) {
  for (std::uint64_t i = 0; i < count / 2; ++i) {
    other.notify_one();
    co_await mine.notified();
  }
}

tau::Task<> receive_broadcast(tau::broadcast::Receiver<std::uint64_t> rx) {
  std::uint64_t n = 0;
  while (const tau::Result<std::uint64_t> value = co_await rx.recv()) ++n;
  if (n != count) std::abort();
}
tau::Task<> send_broadcast(tau::broadcast::Sender<std::uint64_t> tx) {
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!tx.send(i)) std::abort();
    if (i % 128 == 127) co_await tau::yield_now();
  }
}

void mpsc_shared(RuntimeFixture& loop) {
  auto [tx, rx] = tau::mpsc::channel<std::uint64_t>(128);
  std::thread([&tx = tx] { (void)tx.is_closed(); }).join();  // from here on the lock is a mutex
  tau::spawn(receive_all(std::move(rx))).detach();
  tau::spawn(send_all(std::move(tx))).detach();
  loop.settle();
}

void measure(const char* name, int rounds, const std::function<void(RuntimeFixture&)>& body) {
  RuntimeFixture loop;
  body(loop);
  std::vector<double> figures;
  for (int i = 0; i < rounds; ++i) {
    const double before = now_ns();
    body(loop);
    figures.push_back((now_ns() - before) / static_cast<double>(count));
  }
  std::sort(figures.begin(), figures.end());
  std::printf("{\"bench\":\"%s\",\"cpu_ns\":%.2f,\"least\":%.2f}\n", name, figures[figures.size() / 2], figures[0]);
}

}  // namespace

int main(int argc, char** argv) {
  doctest::Context context;  // runtime_fixture.hpp checks by its macros
  context.setAsDefaultForAssertsOutOfTestCases();
  context.setAssertHandler([](const doctest::AssertData& data) {
    if (data.m_failed) std::abort();
  });
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 7;
  measure("mpsc_128", rounds, [](RuntimeFixture& loop) { mpsc(loop, 128); });
  measure("mpsc_1", rounds, [](RuntimeFixture& loop) { mpsc(loop, 1); });
  measure("mpsc_unbounded", rounds, unbounded);
  measure("mpsc_128_after_a_thread_came", rounds, mpsc_shared);
  measure("oneshot", rounds, [](RuntimeFixture& loop) {
    tau::spawn(make_oneshots()).detach();
    loop.settle();
  });
  measure("mutex_uncontended", rounds, [](RuntimeFixture& loop) {
    tau::spawn(lock_often(tau::Mutex<std::uint64_t>(0))).detach();
    loop.settle();
  });
  measure("mutex_contended", rounds, [](RuntimeFixture& loop) {
    tau::Mutex<std::uint64_t> mutex(0);
    tau::spawn(lock_in_turns(mutex)).detach();
    tau::spawn(lock_in_turns(mutex)).detach();
    loop.settle();
  });
  measure("notify", rounds, [](RuntimeFixture& loop) {
    tau::Notify one, two;
    tau::spawn(notify_back(one, two)).detach();
    tau::spawn(notify_back(two, one)).detach();
    loop.settle();
  });
  measure("broadcast_128", rounds, [](RuntimeFixture& loop) {
    auto [tx, rx] = tau::broadcast::channel<std::uint64_t>(256);
    tau::spawn(receive_broadcast(std::move(rx))).detach();
    tau::spawn(send_broadcast(std::move(tx))).detach();
    loop.settle();
  });
}
