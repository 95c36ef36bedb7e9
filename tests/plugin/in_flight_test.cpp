// A plugin is unloaded with everything in flight, and the one beside it must not notice.
//
// Goal: I4, I6, I7 and I8 at once, on real modules. Method: the module `in_flight` starts some of every kind,
// about 10 000 tasks; the test lets a part of it become due, and unloads at that moment, while threads of the
// host abort and wake its tasks by id and spawn onto the loop in its name. Afterwards every count is zero, no
// object, descriptor or mapping is left, and what `bystander` waited for comes, once and not before.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>
#include <vector>

#include "fixtures/modules/in_flight.hpp"
#include "host/plugin/loading.hpp"
#include "runtime/empty_owner.hpp"
#include "support/seed.hpp"

using namespace tau::host;
using namespace tau::test;
using in_flight::Bystander;
using in_flight::Stage;

namespace {

constexpr int tasks = 10'000;
constexpr int each = 40;  // of the bystander's kinds
constexpr std::uint64_t hour_ns = 3600ull * 1'000'000'000;

/// What blocking jobs wait at: opened by closing the writing end.
class Gate {
 public:
  Gate() { REQUIRE(pipe2(ends_, O_CLOEXEC) == 0); }
  ~Gate() {
    open();
    close(ends_[0]);
  }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  int fd() const { return ends_[0]; }
  void open() {
    if (ends_[1] >= 0) close(std::exchange(ends_[1], -1));
  }

 private:
  int ends_[2];
};

long open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return std::distance(begin(all), end(all));
}

/// Threads of the host that have the ids of a plugin's tasks, and one that keeps the module and spawns.
class Threads {
 public:
  Threads(Runtime& runtime, Plugin& plugin, std::vector<tau_task_id> ids, std::uint64_t seed)
      : runtime_(runtime), ids_(std::move(ids)) {
    for (std::uint64_t i = 0; i < 2; ++i) threads_.emplace_back([this, s = seed + i] { ask(s); });
    runtime.retain(plugin);
    auto* spawn = entry<bool()>(plugin, "plugin_spawn_from_elsewhere");
    threads_.emplace_back([this, &plugin, spawn] { spawn_until_refused(plugin, spawn); });
  }
  ~Threads() { join(); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  void join() {
    stop_ = true;
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }
  /// Whether the plugin accepted a task after it had refused one.
  bool relented() const { return relented_; }

 private:
  void ask(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    while (!stop_) {
      runtime_.executor.request(ids_[random() % ids_.size()],
                                random() % 8 == 0 ? TaskSlot::abort : TaskSlot::wake);
      if (random() % 256 == 0) std::this_thread::yield();
    }
  }
  void spawn_until_refused(Plugin& plugin, bool (*spawn)()) {
    for (int i = 1; spawn(); ++i) {
      if (i % 16 == 0) std::this_thread::yield();
    }
    for (int i = 0; i < 100; ++i) {
      if (spawn()) relented_ = true;
    }
    runtime_.release(plugin);
    // Stays alive with the thread_local that the module has left on it.
    while (!stop_) std::this_thread::yield();
  }

  Runtime& runtime_;
  const std::vector<tau_task_id> ids_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> relented_{false};
  std::vector<std::thread> threads_;
};

class Scene {
 public:
  Scene() {
    counts_.gate = gate_.fd();
    innocent_ = &l_.load("bystander");
    entry<void(Bystander*)>(*innocent_, "plugin_meet")(&counts_);
    // Things that are made once and kept: by the loop, the reactor, libc.
    l_.unload(l_.load("in_flight"));
  }

  /// One plugin loaded, set off and unloaded.
  void round(std::mt19937_64& random) {
    const Plugin& innocent = *innocent_;
    Gate job_gate;
    Gate gate;
    counts_.gate = job_gate.fd();
    const long done_before = counts_.jobs_done;
    counts_.job_running = 0;
    call("plugin_block");
    turn_until([&] { return counts_.job_running == 1; });
    Stage stage;
    stage.gate = gate.fd();
    stage.seed = random();
    entry<void(int, tau_task_id*)>(*innocent_, "plugin_settle_in")(each, stage.join_these);
    turns(20);

    const long descriptors = open_descriptors();
    const auto exits = innocent.thread_exits.load();
    const auto refs = innocent.refs.load();
    Plugin& doomed = l_.load("in_flight");
    const std::uint64_t id = doomed.id;
    const auto copy = doomed.module->copy();
    entry<void(Stage*, int)>(doomed, "plugin_set_off")(&stage, tasks);
    int unanswered = 0;
    auto* request = entry<void(tau_plugin*, tau_request*)>(doomed, "plugin_request");
    for (std::uint64_t i = 1; i <= 10; ++i) {
      l_.runtime.requests.send(doomed, request, i, "{}",
                               [&](std::int32_t status, const std::string*) { unanswered += status < 0; });
    }
    turns(100);
    turn_until([&] { return stage.jobs_running == 3; });
    entry<void(tau_task_id)>(*innocent_, "plugin_join")(stage.ids[random() % 3]);
    turns(2);
    check_in_flight(doomed);
    const Counts held(innocent);

    // Up to a third of the sleepers become due, some of them before the unload begins.
    l_.runtime.clock.advance(random() % 40'000'000'000);
    if (random() % 2) turns(static_cast<int>(random() % 30));
    publish("before");
    bool gone = false;
    Threads threads(l_.runtime, doomed, stage.ids, random());
    l_.unloader.unload(doomed, [&](Plugin& p, const UnloadResult& result) {
      CHECK(result.unmapped);
      CHECK(what_is_left(p) == "");
      CHECK(p.thread_exits == 0);
      gone = true;
    });
    const long yields = counts_.yields;
    turns(static_cast<int>(random() % 20) + 5);
    CHECK_FALSE(gone);  // its jobs run
    CHECK(is_mapped(copy));
    CHECK(counts_.yields > yields);
    publish("meanwhile");
    l_.runtime.clock.advance(random() % 20'000'000'000);
    turns(5);
    gate.open();
    turn_until([&] { return gone; });
    threads.join();
    turns(5);

    CHECK_FALSE(is_mapped(copy));
    CHECK(l_.registry.find(id) == nullptr);
    CHECK(stage.alive == 0);
    CHECK(stage.thread_locals == 0);
    CHECK(stage.refused > 0);
    CHECK(stage.half_refused == 0);
    CHECK(unanswered == 10);
    CHECK_FALSE(threads.relented());
    CHECK(open_descriptors() == descriptors - 1);  // the gate is open

    CHECK(Counts(innocent) == held);
    CHECK(innocent.thread_exits == exits);
    CHECK(innocent.refs == refs);
    check_untouched();
    finish(job_gate, done_before);
  }

 private:
  struct Counts {
    explicit Counts(const Plugin& p)
        : timers(p.timers),
          fds(p.fds),
          fd_waits(p.fd_waits),
          subscriptions(p.subscriptions),
          resources(p.resources),
          jobs(p.jobs) {}
    std::uint64_t timers, fds, fd_waits, subscriptions, resources, jobs;
    bool operator==(const Counts&) const = default;
  };

  static void check_in_flight(const Plugin& p) {
    CHECK(p.live_tasks >= tasks);
    CHECK(p.timers >= tasks / 2);
    CHECK(p.waits >= 100);
    CHECK(p.ios >= 1);
    CHECK(p.fds >= 60);
    CHECK(p.fd_waits >= 60);
    CHECK(p.subscriptions >= 100);
    CHECK(p.resources >= 100);
    CHECK(p.requests == 10);
    CHECK(p.sources == 1);
    CHECK(p.jobs.load() >= 43);
    CHECK(p.thread_exits.load() == 4);  // of the loop's thread and three of the pool's
  }

  void check_untouched() {
    CHECK(counts_.slept == 0);
    CHECK(counts_.readable == 0);
    CHECK(counts_.ended == 0);
    CHECK(counts_.heard == 2 * each);
    CHECK(counts_.canceled == 1);
    CHECK(counts_.failed == 0);
  }

  /// Everything that the bystander waits for comes.
  void finish(Gate& job_gate, long done_before) {
    call("plugin_stir");
    publish("the end");
    l_.runtime.clock.advance(hour_ns + 1'000'000);
    job_gate.open();
    turn_until([&] { return counts_.jobs_done == done_before + 1 && counts_.alive == 0; });
    CHECK(counts_.slept == each + 20);
    CHECK(counts_.early == 0);
    CHECK(counts_.readable == each);
    CHECK(counts_.heard == 2 * each);
    CHECK(counts_.ended == 2);
    CHECK(counts_.failed == 0);
    call("plugin_clear_away");
    counts_.slept = counts_.readable = counts_.heard = counts_.ended = counts_.canceled = 0;
  }

  void call(const char* name) { entry<void()>(*innocent_, name)(); }
  void publish(const char* text) { entry<void(const char*)>(*innocent_, "plugin_publish")(text); }
  void turns(int count) {
    for (int i = 0; i < count; ++i) l_.runtime.turn(false);
  }
  template <class Done>
  void turn_until(Done done) {
    while (!done()) {
      l_.runtime.turn(false);
      std::this_thread::yield();
    }
  }

  Gate gate_;
  Bystander counts_;
  Loading l_;
  Plugin* innocent_ = nullptr;
};

int given(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoi(text) : otherwise;
}

}  // namespace

TEST_CASE(
    "a plugin with everything in flight unloads without a trace, and the one beside it does not notice") {
  TAU_SEEDED_RANDOM(random);
  const auto over = std::chrono::steady_clock::now() + std::chrono::seconds(given("TAU_SECONDS", 3600));
  Scene scene;
  const int rounds = given("TAU_ROUNDS", 3);
  for (int i = 0; i < rounds && std::chrono::steady_clock::now() < over; ++i) {
    CAPTURE(i);
    scene.round(random);
  }
}
