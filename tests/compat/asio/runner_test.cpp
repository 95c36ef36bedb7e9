// Plays the cases of each module in each way, TAU_TIMES times (TAU_CASE: one by its name), and looks at what is left:
// nothing.
//
// The clock is the real one, since Asio's is. Each test loads a module, lets it play, unloads it and compares the
// descriptors, the threads and the owner's accounts with what they were before.
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <fstream>

#include "playing.hpp"
#include "support/seed.hpp"

using namespace asio_cases;

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

namespace {

/// Ten times as often as the rest: what goes wrong here does so now and then.
void run_on_delayed_threads(const std::string& module) {
  TAU_SEEDED_RANDOM(random);
  Together t{module.c_str()};
  Play play(t.l, t.patience, t.ticker, module, Way::task,
            "a thread runs a context a random while later, and the loop's thread runs none of its handlers",
            10 * times());
  play.run.seed = static_cast<unsigned>(random());
  t.until(play.run.ended);
  CHECK(play.run.played == 1);
  t.end(play);
}

bool is_mapped(const std::string& part) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(part) != line.npos) return true;
  }
  return false;
}

void leave_behind(const std::string& module) {
  static auto& lost = *new std::vector<void*>;  // on purpose, and no leak to tell of
  Patience patience;
  Loading l;
  Ticker ticker(l.runtime);
  std::optional<State> before;
  for (int i = 0; i < 10 * times(); ++i) {
    patience.began("what a thousand operations leave behind");
    l.reports.clear();
    Play play(l, patience, ticker, module, Way::task,
              "leaves a thousand operations behind, of which some are in a context that nobody destroys");
    l.runtime.run_until([&] { return play.run.waiting.load(); });
    l.settle();
    CHECK(play.run.alive > 0);
    lost.push_back(play.run.lost);
    struct sigaction now {};
    ::sigaction(SIGUSR1, nullptr, &now);
    CHECK((now.sa_handler != SIG_DFL));

    bool ended = false;
    l.unloader.unload(*play.plugin, [&](host::Plugin&, const host::UnloadResult&) { ended = true; });
    l.settle();
    l.runtime.clock.advance(101'000'000);  // the grace that suspended calls have
    l.runtime.run_until([&] { return ended; });
    REQUIRE(l.reports.size() == 1);
    CHECK(has(l.reports[0], "plugin '" + module + "' left an event loop behind"));
    CHECK(play.run.alive == 0);
    CHECK(!is_mapped(module + ".so"));
    ::sigaction(SIGUSR1, nullptr, &now);
    CHECK((now.sa_handler == SIG_DFL));
    // The first time the host opens and starts what it needs itself.
    if (before) {
      want_nothing_more(*before);
    } else {
      before.emplace();
    }
  }
}

}  // namespace

#define LONGER(flavour)                                                                                    \
  TEST_CASE("often " flavour ": run() on a thread that begins late") { run_on_delayed_threads(flavour); } \
  TEST_CASE("often " flavour ": a thousand operations are left behind at unload") { leave_behind(flavour); }

LONGER("asio")
LONGER("boost_asio")

// ---- two plugins at once ---------------------------------------------------------------------------

static constexpr const char* timer_case = "runs a timer for the argument's milliseconds";

/// Two plugins run contexts at once, whose timers are set for `a_takes` and `b_takes` milliseconds: whether they ended in
/// that order. True as well if loading took so long that there is none.
static bool end_in_order(Together& t, Way way, bool in_init, const char* second, int a_takes, int b_takes) {
  Play a(t.l, t.patience, t.ticker, "asio", way, timer_case, a_takes);
  t.until(a.run.waiting);
  // While the first waits, the second does within its plugin_init.
  Play b(t.l, t.patience, t.ticker, second, in_init ? Way::init : way, timer_case, b_takes);
  t.until(a.run.ended);
  t.until(b.run.ended);
  const auto apart = b.run.due - a.run.due;
  const bool a_first = a.run.ended_at < b.run.ended_at;
  t.end(a);
  t.end(b);
  return apart > 2ms ? a_first : apart < -2ms ? !a_first : true;
}

TEST_CASE("together: two plugins that run contexts at once end in the order of their times") {
  Together t;
  for (int i = 0; i < times(); ++i) {
    for (const char* second : {"asio", "boost_asio"}) {
      for (const Way way : {Way::task, Way::fiber, Way::handler, Way::run_for, Way::poll, Way::thread}) {
        for (const bool first_is_short : {true, false}) {
          CAPTURE(name_of(way));
          // What keeps the loop, or a thread, for longer than they are apart lets both be due at once: then once more,
          // further apart.
          bool in_order = false;
          for (int unit = 1; !in_order && unit <= 64; unit *= 4) {
            in_order = end_in_order(t, way, i % 2 == 0, second, unit * (first_is_short ? 15 : 100),
                                    unit * (first_is_short ? 40 : 5));
          }
          CHECK(in_order);
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
