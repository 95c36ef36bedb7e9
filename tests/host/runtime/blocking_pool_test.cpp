// The blocking pool: order, bounds, cancelling in every state, whose job is whose.
#include "runtime/blocking_pool.hpp"

#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/seed.hpp"

using namespace tau::host;

namespace {

/// The loop's side: completed jobs arrive here from any thread and are finished one by one.
class Inbox {
 public:
  static void completed(void* self, tau_job* job) { static_cast<Inbox*>(self)->put(job); }

  /// Waits for a job and finishes it.
  void finish_one() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return !jobs_.empty(); });
    tau_job* job = jobs_.front();
    jobs_.erase(jobs_.begin());
    lock.unlock();
    BlockingPool::finish(job);
  }
  void finish_all(const tau_plugin& owner) {
    while (owner.jobs.load() != 0) finish_one();
  }
  std::size_t waiting() {
    std::lock_guard lock(mutex_);
    return jobs_.size();
  }

 private:
  void put(tau_job* job) {
    std::lock_guard lock(mutex_);
    jobs_.push_back(job);
    arrived_.notify_one();
  }
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<tau_job*> jobs_;
};

struct Job : tau_job {
  std::function<void()> work;
  std::function<void(Job&)> then;
  std::atomic<int> runs{0};
  int ends = 0;

  explicit Job(tau_plugin& whose, std::function<void()> what = {}) : tau_job{}, work(std::move(what)) {
    owner = &whose;
    run = [](tau_job* self) {
      auto& job = *static_cast<Job*>(self);
      job.runs.fetch_add(1);
      if (job.work) job.work();
    };
    done = [](tau_job* self) {
      auto& job = *static_cast<Job*>(self);
      ++job.ends;
      if (job.then) job.then(job);
    };
  }
};

/// Holds back jobs until it is opened; knows how many stand before it.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++inside_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void await(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int inside_ = 0;
  bool open_ = false;
};

struct Rig {
  Inbox inbox;
  tau_plugin plugin, other;
  BlockingPool pool;

  explicit Rig(std::size_t most = BlockingPool::default_threads,
               std::chrono::nanoseconds keep_alive = BlockingPool::default_keep_alive)
      : pool(&Inbox::completed, &inbox, most, keep_alive) {}
};

/// A field of what the system tells about one of our threads.
std::string thread_status(pid_t thread, const std::string& field) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(field + ":", 0) == 0) return line.substr(line.find_first_not_of(" \t", field.size() + 1));
  }
  return {};
}

}  // namespace

TEST_CASE("a job runs on another thread and ends on the loop's") {
  Rig rig;
  std::thread::id ran;
  char name[16] = {};
  bool interruptible = true;
  Job job(rig.plugin, [&] {
    ran = std::this_thread::get_id();
    pthread_getname_np(pthread_self(), name, sizeof name);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    interruptible = !sigismember(&blocked, SIGINT) || !sigismember(&blocked, SIGCHLD);
  });
  REQUIRE(rig.pool.submit(&job) == TAU_OK);
  CHECK(rig.plugin.jobs == 1);
  rig.inbox.finish_one();
  CHECK(ran != std::this_thread::get_id());
  CHECK(std::string(name) == "tau-blocking");
  CHECK_FALSE(interruptible);
  CHECK(job.status == TAU_OK);
  CHECK(job.ends == 1);
  CHECK(rig.plugin.jobs == 0);
}

TEST_CASE("a job may free itself when it ends, or be queued anew") {
  Rig rig;
  auto* fleeting = new Job(rig.plugin);
  fleeting->then = [](Job& self) {
    auto keep = std::move(self.then);
    delete &self;
  };
  REQUIRE(rig.pool.submit(fleeting) == TAU_OK);
  rig.inbox.finish_all(rig.plugin);

  Job again(rig.plugin);
  again.then = [&](Job& self) {
    if (self.ends < 3) CHECK(rig.pool.submit(&self) == TAU_OK);
  };
  REQUIRE(rig.pool.submit(&again) == TAU_OK);
  rig.inbox.finish_all(rig.plugin);
  CHECK(again.runs == 3);
}

TEST_CASE("one thread serves jobs in the order of their arrival") {
  Rig rig(1);
  std::string order;
  Gate gate;
  Job first(rig.plugin, [&] { gate.pass(); }), a(rig.plugin, [&] { order += 'a'; }),
      b(rig.plugin, [&] { order += 'b'; }), c(rig.plugin, [&] { order += 'c'; });
  for (Job* job : {&first, &a, &b, &c}) REQUIRE(rig.pool.submit(job) == TAU_OK);
  gate.open();
  rig.inbox.finish_all(rig.plugin);
  CHECK(order == "abc");
  CHECK(rig.pool.threads() == 1);
}

TEST_CASE("threads are started up to the bound, and as many jobs run at once") {
  Rig rig(3);
  Gate gate;
  std::vector<std::unique_ptr<Job>> jobs;
  for (int i = 0; i < 10; ++i) {
    jobs.push_back(std::make_unique<Job>(rig.plugin, [&] { gate.pass(); }));
    REQUIRE(rig.pool.submit(jobs.back().get()) == TAU_OK);
  }
  gate.await(3);
  CHECK(rig.pool.threads() == 3);
  CHECK(rig.pool.running(rig.plugin) == 3);
  CHECK(rig.pool.running(rig.other) == 0);
  gate.open();
  rig.inbox.finish_all(rig.plugin);
  CHECK(rig.pool.threads() <= 3);
}

TEST_CASE("a queued job is taken back, a running or ended one is not") {
  Rig rig(1);
  Gate gate;
  Job running(rig.plugin, [&] { gate.pass(); }), queued(rig.plugin), after(rig.plugin);
  for (Job* job : {&running, &queued, &after}) REQUIRE(rig.pool.submit(job) == TAU_OK);
  gate.await(1);
  CHECK(rig.pool.cancel(&running) == TAU_E_BUSY);
  CHECK(rig.pool.cancel(&queued) == TAU_OK);
  CHECK(rig.pool.cancel(&queued) == TAU_E_BUSY);
  CHECK(rig.plugin.jobs == 2);
  gate.open();
  rig.inbox.finish_all(rig.plugin);
  CHECK(rig.pool.cancel(&after) == TAU_E_BUSY);
  CHECK(queued.runs + queued.ends == 0);
  CHECK(after.ends == 1);
}

TEST_CASE("canceling an owner ends its queued jobs and leaves others' alone") {
  Rig rig(1);
  Gate gate;
  Job running(rig.plugin, [&] { gate.pass(); }), mine(rig.plugin), theirs(rig.other), mine_too(rig.plugin);
  for (Job* job : {&running, &mine, &theirs, &mine_too}) REQUIRE(rig.pool.submit(job) == TAU_OK);
  gate.await(1);
  rig.pool.cancel_owner(rig.plugin);
  CHECK(mine.ends == 0);  // the loop hears of it like of any other end
  CHECK(rig.inbox.waiting() == 2);
  CHECK(rig.plugin.jobs == 3);
  gate.open();
  rig.inbox.finish_all(rig.plugin);
  rig.inbox.finish_all(rig.other);
  CHECK(mine.status == TAU_E_CANCELED);
  CHECK(mine_too.status == TAU_E_CANCELED);
  CHECK(mine.runs + mine_too.runs == 0);
  CHECK(mine.ends + mine_too.ends == 2);
  CHECK(running.status == TAU_OK);
  CHECK(theirs.runs == 1);
}

TEST_CASE("an owner that is being unloaded gets nothing queued") {
  Rig rig;
  rig.plugin.phase = Phase::unloading;
  Job job(rig.plugin);
  CHECK(rig.pool.submit(&job) == TAU_E_UNLOADING);
  CHECK(rig.plugin.jobs == 0);
  CHECK(rig.pool.threads() == 0);
}

TEST_CASE("a thread that stands idle ends, and the next job finds another") {
  Rig rig(4, std::chrono::nanoseconds(1));
  for (int i = 0; i < 20; ++i) {
    Job job(rig.plugin);
    REQUIRE(rig.pool.submit(&job) == TAU_OK);
    rig.inbox.finish_all(rig.plugin);
    while (rig.pool.threads() != 0) std::this_thread::yield();
    CHECK(job.runs == 1);
  }
}

TEST_CASE("work that arrives just as a thread goes is not forgotten") {
  TAU_SEEDED_RANDOM(random);
  Rig rig(2, std::chrono::microseconds(20));
  Job job(rig.plugin);
  for (int i = 1; i <= 2000; ++i) {
    REQUIRE(rig.pool.submit(&job) == TAU_OK);
    rig.inbox.finish_all(rig.plugin);
    // About a keep-alive between two jobs, sometimes less and sometimes more.
    for (volatile unsigned spin = static_cast<unsigned>(random() % 20'000); spin > 0;) spin = spin - 1;
  }
  CHECK(job.ends == 2000);
}

TEST_CASE("an idle pool wakes up for nothing") {
  Rig rig(1, std::chrono::hours(1));
  std::atomic<pid_t> thread{0};
  Job job(rig.plugin, [&] { thread = ::gettid(); });
  REQUIRE(rig.pool.submit(&job) == TAU_OK);
  rig.inbox.finish_all(rig.plugin);
  while (thread_status(thread, "State")[0] != 'S') std::this_thread::yield();
  const auto switches = [&] { return std::stol(thread_status(thread, "voluntary_ctxt_switches")); };
  const long before = switches();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // in which nothing should happen
  CHECK(switches() - before <= 1);  // the first sleep may have been for the mutex
  CHECK(rig.pool.threads() == 1);
}

TEST_CASE("where no thread can be started a job is refused, and taken once there can") {
  pthread_attr_t usual, enormous;
  REQUIRE(::pthread_getattr_default_np(&usual) == 0);
  ::pthread_attr_init(&enormous);
  REQUIRE(::pthread_attr_setstacksize(&enormous, std::size_t{1} << 47) == 0);
  REQUIRE(::pthread_setattr_default_np(&enormous) == 0);
  Rig rig;
  Job job(rig.plugin);
  CHECK(rig.pool.submit(&job) == TAU_E_NO_MEMORY);
  CHECK(rig.plugin.jobs == 0);
  CHECK(rig.pool.threads() == 0);
  REQUIRE(::pthread_setattr_default_np(&usual) == 0);
  ::pthread_attr_destroy(&usual);
  ::pthread_attr_destroy(&enormous);
  CHECK(rig.pool.submit(&job) == TAU_OK);
  rig.inbox.finish_all(rig.plugin);
  CHECK(job.ends == 1);
}

TEST_CASE("a running job submits another") {
  Rig rig(1);
  Job second(rig.plugin), first(rig.plugin, [&] { CHECK(rig.pool.submit(&second) == TAU_OK); });
  REQUIRE(rig.pool.submit(&first) == TAU_OK);
  rig.inbox.finish_all(rig.plugin);
  CHECK(second.ends == 1);
}

TEST_CASE("closing the pool waits for what runs and cancels what is queued") {
  Inbox inbox;
  tau_plugin plugin;
  Gate gate;
  bool thread_locals_gone = false;
  struct OnExit {
    bool* flag = nullptr;
    ~OnExit() {
      if (flag) *flag = true;
    }
  };
  Job running(plugin, [&] {
    static thread_local OnExit on_exit;
    on_exit.flag = &thread_locals_gone;
    gate.pass();
  });
  Job queued(plugin);
  {
    BlockingPool pool(&Inbox::completed, &inbox, 1);
    queued.then = [&](Job& self) {
      CHECK(self.status == TAU_E_CANCELED);
      CHECK(pool.running(plugin) == 1);        // asking from `done` is allowed
      CHECK(pool.submit(&self) == TAU_E_UNLOADING);
      gate.open();
    };
    REQUIRE(pool.submit(&running) == TAU_OK);
    REQUIRE(pool.submit(&queued) == TAU_OK);
    gate.await(1);
  }
  CHECK(queued.ends == 1);
  CHECK(thread_locals_gone);
  inbox.finish_all(plugin);
  CHECK(running.ends == 1);
}

TEST_CASE("jobs submitted and canceled from many threads each end once or never begin") {
  TAU_SEEDED_RANDOM(random);
  for (int round = 0; round < 4; ++round) {
    // With the shortest keep-alive threads come and go all the time.
    Rig rig(1 + random() % 4, round % 2 ? std::chrono::nanoseconds(1) : std::chrono::nanoseconds(1'000'000));
    constexpr int submitters = 3, per_submitter = 400;
    std::vector<std::unique_ptr<Job>> jobs[submitters];
    std::atomic<int> taken_back{0}, refused{0};
    std::vector<std::thread> threads;
    for (auto& own : jobs) {
      threads.emplace_back([&, seed = random()] {
        std::mt19937_64 dice(seed);
        for (int i = 0; i < per_submitter; ++i) {
          own.push_back(std::make_unique<Job>(dice() % 2 ? rig.plugin : rig.other));
          if (rig.pool.submit(own.back().get()) != TAU_OK) ++refused;
          // Only what this thread knows to be alive: its own jobs live until the end of the round.
          if (dice() % 3 == 0) taken_back += rig.pool.cancel(own[dice() % own.size()].get()) == TAU_OK;
          if (dice() % 64 == 0) rig.pool.cancel_owner(rig.other);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    rig.inbox.finish_all(rig.plugin);
    rig.inbox.finish_all(rig.other);
    int ended = 0;
    for (auto& own : jobs) {
      for (auto& job : own) {
        CHECK(job->ends <= 1);
        CHECK(job->runs.load() == (job->ends == 1 && job->status == TAU_OK ? 1 : 0));
        ended += job->ends;
      }
    }
    CHECK(refused == 0);
    CHECK(ended + taken_back == submitters * per_submitter);
  }
}
