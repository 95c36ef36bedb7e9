// Play: a few threads that take turns, one access to an atomic at a time, as a schedule says.
//
// The threads are coroutines with stacks of their own on one thread of the system: between two schedule
// points nothing else runs, so a schedule is a list of choices and can be repeated. explore() tries all
// schedules with a bounded number of preemptions, depth first (most races need one or two: CHESS), or as
// many as wanted at random with few changes of priority (PCT). Each search has a process of its own, so
// that a violation, a crash or a loop without end is told and ends there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "step.hpp"

namespace tau::doors {

/// One line of the product made wrong: the accesses `op` in a function whose name contains `function`.
struct Fault {
  const char* function = nullptr;
  Op op = Op::load;
  Effect effect = Effect::none;
};

class Play {
 public:
  /// Adds a thread. The one that stands for the loop is added last: see wait().
  void thread(const char* name, std::function<void()> body);
  /// Lets them run until all have ended.
  void run();

  /// From a thread: sleeps until `condition`, which others bring about. False: there is nobody left who
  /// could, since all others have ended or sleep as well; the one that was added first is told so.
  bool wait(std::function<bool()> condition);

  /// Ends the search with this violation unless `holds`.
  void require(bool holds, const char* what);

  /// From here on an access to an atomic in these bytes is a violation unless `alive`.
  void watch(const void* begin, std::size_t bytes, std::function<bool()> alive);
};

using Scenario = std::function<void(Play&)>;

struct Search {
  /// All schedules with at most so many preemptions; switches where a thread ends or sleeps are free.
  unsigned preemptions = 2;
  /// How many weak compare-and-swaps may fail without cause in one schedule.
  unsigned spurious = 0;
  /// Or this many schedules at random, from `seed` on.
  std::uint64_t random = 0;
  std::uint64_t seed = 0;
  /// Gives up, incomplete, after so many schedules.
  std::uint64_t most = 20'000'000;
  Fault fault = {};
};

struct Report {
  std::uint64_t schedules = 0;
  std::uint64_t longest = 0;  // steps of the longest schedule
  bool complete = false;      // nothing is left to try
  std::uint64_t faults = 0;   // accesses that went wrong on purpose
  std::string violation;      // with the steps that led to it
};

/// Plays `scenario` once for each schedule: it makes its state, adds threads, runs them and checks.
Report explore(const Search& search, const Scenario& scenario);

}  // namespace tau::doors
