// What plays a module's cases: a host with a loader, another plugin's timer, and a look at what is left afterwards.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <thread>

#include "host/plugin/loading.hpp"
#include "run.hpp"

namespace asio_cases {

using namespace tau;
using namespace tau::test;
using namespace std::chrono_literals;

inline int times() {
  const char* given = std::getenv("TAU_TIMES");
  return given ? std::atoi(given) : 3;
}

inline std::map<int, std::string> descriptors() {
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
inline int threads() {
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
        std::printf("hangs: %s\n", name_);
        std::fflush(stdout);
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

/// What the host prints for plugins, kept instead of shown.
class Heard {
 public:
  Heard() : file_(::memfd_create("heard", MFD_CLOEXEC)), shown_(::fcntl(2, F_DUPFD_CLOEXEC, 3)) {
    REQUIRE(::dup2(file_, 2) == 2);
    current = this;
  }
  ~Heard() {
    current = nullptr;
    ::dup2(shown_, 2);
    ::close(shown_);
    ::close(file_);
  }
  Heard(const Heard&) = delete;
  Heard& operator=(const Heard&) = delete;

  /// What is new since it was asked last.
  std::string take() {
    std::string text;
    char piece[4096];
    for (ssize_t size; (size = ::pread(file_, piece, sizeof piece, read_)) > 0; read_ += size) {
      text.append(piece, static_cast<std::size_t>(size));
    }
    return text;
  }

  static inline Heard* current = nullptr;

 private:
  int file_, shown_;
  off_t read_ = 0;
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
    run.said = [](void*) { return Heard::current ? Heard::current->take() : std::string(); };
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
inline void want_nothing_more(const State& before) {
  std::string more;
  for (int i = 0; i < 200; ++i) {
    more = before.more();
    if (more.empty()) return;
    std::this_thread::sleep_for(10ms);  // a thread that was joined leaves /proc a moment later
  }
  CHECK_MESSAGE(more.empty(), more);
}

/// All cases of a module, and nothing is left of any.
inline void play_all(const std::string& module, Way way, int cases = 20) {
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
      CHECK(play.run.played >= (play.run.only ? 1 : cases));
      CHECK(l.unload(*play.plugin));
      CHECK(play.run.alive == 0);
      for (const std::string& report : l.reports) FAIL_CHECK(report);
    }
    want_nothing_more(before);
  }
}

/// Two modules, and what there was before them.
struct Together {
  explicit Together(std::initializer_list<const char*> modules = {"asio", "boost_asio"}) {
    for (const char* module : modules) {
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
    CHECK(play.run.alive == 0);
  }

  Patience patience;
  Loading l = Loading::on_real_clock();
  Ticker ticker{l.runtime};
  std::optional<State> before;
};

}  // namespace asio_cases
