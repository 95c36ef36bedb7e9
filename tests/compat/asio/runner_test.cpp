// Plays the cases of each module in each way, TAU_TIMES times (TAU_CASE: one by its name), and looks at what is left:
// nothing.
//
// The clock is the real one, since Asio's is. Each test loads a module, lets it play, unloads it and compares the
// descriptors, the threads and the owner's accounts with what they were before.
#include <signal.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <thread>

#include "../../host/plugin/loading.hpp"
#include "run.hpp"

using namespace tau;
using namespace tau::test;
using asio_cases::Run;
using asio_cases::Way;
using namespace std::chrono_literals;

namespace {

int times() {
  const char* given = std::getenv("TAU_TIMES");
  return given ? std::atoi(given) : 3;
}

std::map<int, std::string> descriptors() {
  std::map<int, std::string> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const auto target = std::filesystem::read_symlink(entry.path(), error);
    // The folder's own descriptor is gone by the time it is asked for, or names the folder.
    if (!error && target.native().find("/fd") == std::string::npos) {
      found[std::atoi(entry.path().filename().c_str())] = target;
    }
  }
  return found;
}

/// Of which are the module's; the host's pool keeps its own for a while.
int threads() {
  const host::Runtime* runtime = host::Runtime::instance();
  int count = runtime ? -static_cast<int>(runtime->pool.threads()) : 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++count;
  return count;
}

/// What there is that a case or a module must not add to.
struct State {
  std::map<int, std::string> fds = descriptors();
  int tasks = threads();

  /// What is more now; empty: nothing.
  std::string more() const {
    std::ostringstream text;
    for (const auto& [fd, target] : descriptors()) {
      const auto before = fds.find(fd);
      if (before == fds.end() || before->second != target) text << " descriptor " << fd << " (" << target << ")";
    }
    if (const int now = threads(); now > tasks) text << ' ' << now - tasks << " thread(s)";
    return text.str();
  }
};

struct Accounts {
  explicit Accounts(const host::Owner& owner)
      : counts{{"tasks", owner.tasks},       {"timers", owner.timers},           {"I/O", owner.ios},
               {"fds", owner.fds},           {"fd waits", owner.fd_waits},       {"signals", owner.signals.load()},
               {"threads", owner.threads},   {"jobs", owner.jobs.load()},        {"fibers", owner.fibers},
               {"sources", owner.sources},   {"calls", owner.remote_calls.load()}, {"lookups", owner.lookups}} {}
  std::map<std::string, std::uint64_t> counts;

  std::string more(const host::Owner& owner) const {
    std::ostringstream text;
    for (const auto& [name, now] : Accounts(owner).counts) {
      if (now > counts.at(name)) text << ' ' << now - counts.at(name) << ' ' << name;
    }
    return text.str();
  }
};

/// Ends the program, and says during which case, if nothing begins for a while: a hang is no failed check.
class Patience {
 public:
  Patience() : thread_([this] { watch(); }) {}
  ~Patience() {
    over_ = true;
    thread_.join();
  }
  void began(const char* name) {
    std::snprintf(name_, sizeof name_, "%s", name);
    ++begun_;
  }

 private:
  static constexpr auto limit = TAU_SANITIZED ? 240s : 60s;

  void watch() {
    int seen = -1;
    auto since = std::chrono::steady_clock::now();
    while (!over_) {
      std::this_thread::sleep_for(20ms);
      if (begun_ != seen) {
        seen = begun_;
        since = std::chrono::steady_clock::now();
      } else if (std::chrono::steady_clock::now() - since > limit) {
        std::fprintf(stderr, "hangs: %s\n", name_);
        std::abort();
      }
    }
  }

  char name_[256] = "";
  std::atomic<int> begun_{0};
  std::atomic<bool> over_{false};
  std::thread thread_;
};

/// Another plugin's timer of 1 ms, and how long the loop's thread worked at most between two of its ticks.
struct Ticker : tau_timer {
  Ticker(host::Runtime& runtime) : tau_timer{}, runtime(runtime) {
    self.id = 1000;
    self.name = "ticker";
    self.phase = host::Phase::running;
    owner = &self;
    fire = [](tau_timer* timer) { static_cast<Ticker*>(timer)->ticked(); };
  }
  ~Ticker() { runtime.wheel.cancel(this); }

  static std::uint64_t worked_ns() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
  }
  void start() {
    longest = 0;
    ticks = 0;
    last = worked_ns();
    runtime.arm(this, runtime.clock.now() + 1'000'000);
  }
  void ticked() {
    const std::uint64_t now = worked_ns();
    longest = std::max(longest, now - last);
    last = now;
    ++ticks;
    runtime.arm(this, runtime.clock.now() + 1'000'000);
  }
  std::uint64_t stop() {
    runtime.wheel.cancel(this);
    return ticks == 0 ? UINT64_MAX : std::max(longest, worked_ns() - last);
  }

  host::Runtime& runtime;
  host::Owner self;
  std::uint64_t longest = 0, last = 0;
  int ticks = 0;
};

/// One module at play.
struct Play {
  Play(Loading& l, Patience& patience, Ticker& ticker, const std::string& module, Way way, const char* only = nullptr,
       long argument = 0)
      : l(l), patience(patience), ticker(ticker) {
    run.way = way;
    run.only = only;
    run.argument = argument;
    run.runner = this;
    run.began = [](void* self, const char* name) {
      auto& play = *static_cast<Play*>(self);
      play.patience.began(name);
      play.state.emplace();
      play.accounts.emplace(*play.owner());
    };
    run.left = [](void* self) {
      auto& play = *static_cast<Play*>(self);
      return play.state->more() + play.accounts->more(*play.owner());
    };
    run.tick = [](void* self) { static_cast<Play*>(self)->ticker.start(); };
    run.longest_gap_ns = [](void* self) { return static_cast<Play*>(self)->ticker.stop(); };
    std::ostringstream address;
    address << std::hex << reinterpret_cast<std::uintptr_t>(&run);
    ::setenv(asio_cases::address_variable, address.str().c_str(), 1);
    plugin = &l.load(module);
  }

  /// While plugin_init runs, load() has not returned.
  host::Owner* owner() { return plugin ? plugin : l.registry.all().back().get(); }

  Loading& l;
  Patience& patience;
  Ticker& ticker;
  Run run;
  host::Plugin* plugin = nullptr;
  std::optional<State> state;
  std::optional<Accounts> accounts;
};

/// Everything is as it was.
void want_nothing_more(const State& before) {
  std::string more;
  for (int i = 0; i < 200; ++i) {
    more = before.more();
    if (more.empty()) return;
    std::this_thread::sleep_for(10ms);  // a thread that was joined leaves /proc a moment later
  }
  CHECK_MESSAGE(more.empty(), more);
}

void play_all(const std::string& module, Way way) {
  Patience patience;
  Loading l = Loading::on_real_clock();
  Ticker ticker(l.runtime);
  {
    // The host's own part: what it opens and starts for the first module.
    Play nothing(l, patience, ticker, module, way, "no such case");
    l.runtime.run_until([&] { return nothing.run.ended.load(); });
    CHECK(l.unload(*nothing.plugin));
  }
  for (int i = 0; i < times(); ++i) {
    const State before;
    {
      Play play(l, patience, ticker, module, way, std::getenv("TAU_CASE"));
      play.run.seed = static_cast<unsigned>(i + 1);
      l.runtime.run_until([&] { return play.run.ended.load(); });
      for (const std::string& failure : play.run.failures) FAIL_CHECK(failure);
      CHECK(play.run.played >= (play.run.only ? 1 : 20));
      CHECK(l.unload(*play.plugin));
      for (const std::string& report : l.reports) FAIL_CHECK(report);
    }
    want_nothing_more(before);
  }
}

}  // namespace

#define EACH_WAY(flavour)                                                          \
  TEST_CASE(flavour ": run() in plugin_init") { play_all(flavour, Way::init); }    \
  TEST_CASE(flavour ": run() in a task") { play_all(flavour, Way::task); }         \
  TEST_CASE(flavour ": run() on a fiber") { play_all(flavour, Way::fiber); }       \
  TEST_CASE(flavour ": run() in a handler") { play_all(flavour, Way::handler); }   \
  TEST_CASE(flavour ": run_for()") { play_all(flavour, Way::run_for); }            \
  TEST_CASE(flavour ": poll() and sleep") { play_all(flavour, Way::poll); }        \
  TEST_CASE(flavour ": run_one()") { play_all(flavour, Way::run_one); }            \
  TEST_CASE(flavour ": run() on a thread") { play_all(flavour, Way::thread); }

EACH_WAY("asio")
EACH_WAY("boost_asio")

// ---- two plugins at once ---------------------------------------------------------------------------

namespace {

/// Two modules, and what there was before them.
struct Together {
  Together() {
    for (const char* module : {"asio", "boost_asio"}) {
      Play nothing(l, patience, ticker, module, Way::task, "no such case");
      l.runtime.run_until([&] { return nothing.run.ended.load(); });
      CHECK(l.unload(*nothing.plugin));
    }
    before.emplace();
  }
  ~Together() {
    for (const std::string& report : l.reports) FAIL_CHECK(report);
    want_nothing_more(*before);
  }
  void until(const std::atomic<bool>& flag) {
    // A call that sets it and waits then keeps its turn: the next one sleeps before the flag is looked at.
    ticker.start();
    l.runtime.run_until([&] { return flag.load(); });
    ticker.stop();
  }
  void end(Play& play) {
    for (const std::string& failure : play.run.failures) FAIL_CHECK(failure);
    CHECK(l.unload(*play.plugin));
  }

  Patience patience;
  Loading l = Loading::on_real_clock();
  Ticker ticker{l.runtime};
  std::optional<State> before;
};

constexpr const char* timer_case = "runs a timer for the argument's milliseconds";

}  // namespace

TEST_CASE("together: two plugins that run contexts at once end in the order of their times") {
  Together t;
  for (int i = 0; i < times(); ++i) {
    for (const char* second : {"asio", "boost_asio"}) {
      for (const Way way : {Way::task, Way::fiber, Way::handler, Way::run_for, Way::poll, Way::thread}) {
        for (const bool first_is_short : {true, false}) {
          CAPTURE(name_of(way));
          Play a(t.l, t.patience, t.ticker, "asio", way, timer_case, first_is_short ? 15 : 100);
          t.until(a.run.waiting);
          // While the first waits, the second does within its plugin_init.
          Play b(t.l, t.patience, t.ticker, second, i % 2 == 0 ? Way::init : way, timer_case, first_is_short ? 40 : 5);
          t.until(a.run.ended);
          t.until(b.run.ended);
          // Loading may have taken longer than the first one's time.
          const auto apart = b.run.due - a.run.due;
          if (apart > 2ms) CHECK(a.run.ended_at < b.run.ended_at);
          if (apart < -2ms) CHECK(b.run.ended_at < a.run.ended_at);
          t.end(a);
          t.end(b);
        }
      }
    }
  }
}

TEST_CASE("together: a plugin is unloaded in the middle of a thousand operations, and the other goes on") {
  Together t;
  for (int i = 0; i < times(); ++i) {
    for (const char* module : {"asio", "boost_asio"}) {
      for (const Way way : {Way::task, Way::fiber, Way::handler, Way::run_for, Way::poll, Way::run_one}) {
        CAPTURE(name_of(way));
        Play other(t.l, t.patience, t.ticker, "asio", Way::task, timer_case, 300);
        t.until(other.run.waiting);
        const State before;
        Play hour(t.l, t.patience, t.ticker, module, way, "waits for an hour amid a thousand operations");
        t.until(hour.run.waiting);
        for (int turn = 0; turn < 5; ++turn) t.l.runtime.turn(false);
        CHECK(!hour.run.ended);
        t.end(hour);
        want_nothing_more(before);
        t.until(other.run.ended);
        t.end(other);
      }
    }
  }
}

TEST_CASE("together: a signal is told to both plugins that wait for it") {
  Together t;
  for (int i = 0; i < times(); ++i) {
    for (const Way way : {Way::task, Way::fiber, Way::handler, Way::run_for, Way::poll, Way::run_one, Way::thread}) {
      CAPTURE(name_of(way));
      Play a(t.l, t.patience, t.ticker, "asio", way, "waits for SIGUSR2");
      Play b(t.l, t.patience, t.ticker, "boost_asio", way, "waits for SIGUSR2");
      t.until(a.run.waiting);
      t.until(b.run.waiting);
      ::kill(::getpid(), SIGUSR2);
      t.until(a.run.ended);
      t.until(b.run.ended);
      t.end(a);
      t.end(b);
    }
  }
}

TEST_CASE("together: both play at the same time") {
  Together t;
  for (int i = 0; i < times(); ++i) {
    for (const char* only : {"an echo server of coroutines answers 50 clients at once",
                             "four megabytes pass in one write, both ways",
                             "a strand that four threads feed runs one handler at a time and loses none",
                             "two hundred timers that set themselves anew all tick",
                             "a hundred coroutines that wait for an hour are destroyed with their context"}) {
      for (const Way way : {Way::task, Way::handler, Way::poll, Way::thread}) {
        CAPTURE(only);
        CAPTURE(name_of(way));
        Play a(t.l, t.patience, t.ticker, "asio", way, only);
        Play b(t.l, t.patience, t.ticker, "boost_asio", way, only);
        t.until(a.run.ended);
        t.until(b.run.ended);
        CHECK(a.run.played + b.run.played == 2);
        t.end(a);
        t.end(b);
      }
    }
  }
}

// In a process of its own, for what it leaves in there.
TEST_CASE("stuck: a plugin that cannot be unwound stays mapped, its unload ends and says so, and the other goes on") {
  // As tau does it: the static destructors of what stays mapped would find no runtime any more.
  static const int once = ::on_exit(
      [](int status, void*) {
        std::fflush(nullptr);
        ::_exit(status);
      },
      nullptr);
  REQUIRE(once == 0);
  Patience patience;
  Loading l = Loading::on_real_clock();
  Ticker ticker(l.runtime);
  ticker.start();
  for (const Way way : {Way::task, Way::fiber, Way::handler}) {
    CAPTURE(name_of(way));
    Play other(l, patience, ticker, "boost_asio", Way::task, timer_case, 300);
    Play stuck(l, patience, ticker, "asio", way, "waits for an hour below a noexcept function");
    l.runtime.run_until([&] { return stuck.run.waiting && other.run.waiting; });
    l.reports.clear();
    CHECK(!l.unload(*stuck.plugin));
    CHECK(stuck.plugin->stuck);
    REQUIRE(l.reports.size() == 1);
    CHECK(has(l.reports[0], "could not be unwound"));
    l.runtime.run_until([&] { return other.run.ended.load(); });
    CHECK(other.run.failures.empty());
    CHECK(l.unload(*other.plugin));
  }
}
