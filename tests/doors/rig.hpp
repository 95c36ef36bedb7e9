// Rig: a real runtime on a reactor that only sleeps and is woken, for plays.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>

#include "doors/play.hpp"
#include "reactor/reactor.hpp"
#include "runtime/runtime.hpp"
#include "support/seed.hpp"

namespace tau::doors {

/// As a bound of preemptions: more than a schedule is long, hence every interleaving.
inline constexpr unsigned every = 1000;

/// Sleeps in the play, not in the kernel.
class SleepingReactor final : public host::Reactor {
 public:
  explicit SleepingReactor(Play& play) : play_(play) {}

  std::string_view name() const noexcept override { return "sleeping"; }
  bool submit(tau_io* op) noexcept override {
    op->result = TAU_E_UNSUPPORTED;
    return true;
  }
  bool cancel(tau_io*) noexcept override { return false; }
  std::int32_t add(tau_plugin*, int, tau_fd*) noexcept override { return TAU_E_UNSUPPORTED; }
  tau_plugin* owner_of(tau_fd) const noexcept override { return nullptr; }
  std::int32_t remove(tau_fd) noexcept override { return TAU_E_STALE; }
  std::int32_t wait_ready(tau_fd, tau_fd_wait*) noexcept override { return TAU_E_STALE; }
  bool cancel_wait(tau_fd_wait*) noexcept override { return false; }
  std::int32_t clear(tau_fd, std::uint32_t) noexcept override { return TAU_E_STALE; }
  std::size_t pending() const noexcept override { return 0; }
  std::size_t withdraw_owner(tau_plugin*) noexcept override { return 0; }

  void poll(std::int64_t timeout_ns) noexcept override {
    play_.require(timeout_ns < 0, "the loop sleeps for a while, though time stands still");
    if (!play_.wait([this] { return woken_; })) quiet = true;
    woken_ = false;
  }
  void wake() noexcept override {
    step(Op::wake, this);
    woken_ = true;
  }

  /// The loop sleeps, and nobody is left to wake it.
  bool quiet = false;

 private:
  Play& play_;
  bool woken_ = false;
};

/// The runtime of one play. Its loop() is the body of the thread that is added last.
class Rig {
 public:
  explicit Rig(Play& chosen)
      : Rig(chosen, std::make_unique<SleepingReactor>(chosen)) {}

  /// Turns until everybody else has ended and the loop sleeps: then nothing may be left to do.
  void loop() {
    runtime.run_until([this] { return reactor.quiet; });
    play.require(!runtime.remote.pending(), "the loop sleeps though something has been sent to it");
    play.require(!runtime.executor.ready(), "the loop sleeps though a task is ready");
  }

  Play& play;
  SleepingReactor& reactor;
  host::Runtime runtime;

 private:
  Rig(Play& chosen, std::unique_ptr<SleepingReactor> made)
      : play(chosen), reactor(*made), runtime(std::move(made), {.blocking_threads = 1, .manual_clock = true}) {}
};

/// A task whose polls and drops are counted, and which says what a poll saw.
struct Actor {
  Play* play = nullptr;
  std::int32_t outcome = TAU_PENDING;  // of its next poll
  int polls = 0;
  int drops = 0;
  unsigned told = 0;  // what others have left before they woke it
  unsigned seen = 0;  // as of the last poll

  static constexpr tau_task_fns fns{[](tau_task* task) -> std::int32_t {
                                      auto& self = *static_cast<Actor*>(task->data);
                                      self.play->require(self.drops == 0, "a task is polled after its drop");
                                      ++self.polls;
                                      self.seen = self.told;
                                      return self.outcome;
                                    },
                                    [](tau_task* task) {
                                      auto& self = *static_cast<Actor*>(task->data);
                                      self.play->require(self.drops == 0, "a task is dropped twice");
                                      ++self.drops;
                                    }};

  tau_task_id spawn(host::Executor& executor, tau_plugin& owner) {
    tau_task_id id = 0;
    play->require(executor.spawn(owner, &fns, nullptr, this, &id) == TAU_OK, "spawn");
    return id;
  }
};

/// How many preemptions more than usual: TAU_DEEPER, which the soak suite sets.
inline unsigned deeper() {
  const char* given = std::getenv("TAU_DEEPER");
  return given ? static_cast<unsigned>(std::atoi(given)) : 0;
}

/// Tries every schedule and says how many there were.
inline void explore_all(const std::string& what, unsigned preemptions, const Scenario& scenario,
                        unsigned spurious = 0) {
  if (preemptions < every) preemptions += deeper();
  const auto begin = std::chrono::steady_clock::now();
  const Report report = explore({.preemptions = preemptions, .spurious = spurious}, scenario);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  CHECK_MESSAGE(report.violation.empty(), what, ": ", report.violation);
  CHECK(report.complete == report.violation.empty());
  const std::string bound =
      preemptions < every ? "with at most " + std::to_string(preemptions) + " preemptions" : "in all";
  MESSAGE(what, ": ", report.schedules, " schedules ", bound, ", of up to ", report.longest, " steps, in ",
          took.count(), " s");
}

/// Tries schedules by lot, from TAU_SEED on or from anywhere.
inline void explore_some(const std::string& what, std::uint64_t count, const Scenario& scenario) {
  const std::uint64_t seed = test::choose_seed();
  const Report report = explore({.random = count << (4 * deeper()), .seed = seed}, scenario);
  CHECK_MESSAGE(report.violation.empty(), what, ": ", report.violation);
  CHECK(report.schedules != 0);
}

/// The search must find what this fault breaks: one that finds nothing proves nothing.
inline void must_find(const std::string& what, const Fault& fault, unsigned preemptions, const Scenario& scenario) {
  const Report report = explore({.preemptions = preemptions, .fault = fault}, scenario);
  CHECK_MESSAGE(report.faults != 0, what, ": there is no such access any more; has the function another name?");
  CHECK_MESSAGE(!report.violation.empty(), what, ": not found in ", report.schedules, " schedules");
  MESSAGE(what, ": found in schedule ", report.schedules, ": ",
          report.violation.substr(0, report.violation.find('\n')));
}

}  // namespace tau::doors
