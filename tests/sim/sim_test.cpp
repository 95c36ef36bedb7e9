// A hundred thousand schedules of the whole runtime core, each from a seed; and the proof that what is
// watched for would be seen.
//
// TAU_SEED plays one schedule and prints what happened in it; TAU_SCHEDULES says how many to play.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <random>
#include <sstream>
#include <string>

#include "sim.hpp"
#include "support/child.hpp"

using tau::sim::Bug;
using tau::sim::Sim;

namespace {

// Of the child that plays.
const tau::test::Child* child = nullptr;
const Sim* playing = nullptr;
std::uint64_t seed = 0;
std::uint64_t played = 0;

[[noreturn]] void violation(const Sim& sim, const char* what) {
  child->end(std::to_string(played) + ' ' + what + "\nreplay with TAU_SEED=" + std::to_string(seed) + '\n' +
             sim.events(40));
}

struct Outcome {
  std::uint64_t played = 0;
  decltype(Sim::tally) tally{};
  std::string violation;  // or, of a single schedule, its events
};

Outcome play(std::uint64_t first, std::uint64_t count, Bug bug = Bug::none) {
  const std::string text = tau::test::in_child([&](const tau::test::Child& self) {
    child = &self;
    Sim::on_violation = [](const Sim& sim, const char* what) { violation(sim, what); };
    for (int number : {SIGSEGV, SIGBUS, SIGABRT, SIGALRM, SIGFPE}) {
      std::signal(number, [](int came) {
        violation(*playing, came == SIGALRM ? "it does not come to an end" : strsignal(came));
      });
    }
    std::string events;
    for (seed = first; seed != first + count; ++seed) {
      if (played++ % 1024 == 0) ::alarm(120);
      Sim sim(seed, bug);
      playing = &sim;
      sim.play();
      if (count == 1) events = sim.events(10'000);
    }
    std::string tally;
    for (std::uint64_t number : Sim::tally) tally += std::to_string(number) + ' ';
    self.end(std::to_string(played) + ' ' + events + '\0' + tally);
  });
  Outcome outcome;
  if (text.empty()) outcome.violation = "it died";
  if (const std::size_t at = text.find('\0'); at != std::string::npos) {
    std::istringstream numbers(text.substr(at + 1));
    for (std::uint64_t& number : outcome.tally) numbers >> number;
  }
  char* rest = nullptr;
  outcome.played = std::strtoull(text.c_str(), &rest, 10);
  if (rest && *rest) outcome.violation = rest + 1;
  return outcome;
}

/// Some schedule must show what is wrong.
void must_find(const std::string& what, Bug bug) {
  const Outcome outcome = play(1, 20'000, bug);
  CHECK_MESSAGE(!outcome.violation.empty(), what, ": not found in ", outcome.played, " schedules");
  MESSAGE(what, ": found in schedule ", outcome.played, ": ",
          outcome.violation.substr(0, outcome.violation.find('\n')));
}

}  // namespace

TEST_CASE("whatever the seed lets happen, nothing is lost, comes twice or is left") {
  if (const char* given = std::getenv("TAU_SEED")) {
    const Outcome outcome = play(std::strtoull(given, nullptr, 0), 1);
    MESSAGE(outcome.violation);
    CHECK(outcome.violation.find("TAU_SEED") == std::string::npos);
    return;
  }
  const char* wanted = std::getenv("TAU_SCHEDULES");
  const std::uint64_t count = wanted ? std::strtoull(wanted, nullptr, 0) : 100'000;
  const Outcome outcome = play(std::random_device{}() * std::uint64_t{1'000'003}, count);
  CHECK_MESSAGE(outcome.violation.empty(), outcome.violation);
  CHECK(outcome.played == count);
  std::string seen = std::to_string(outcome.played) + " schedules";
  for (std::size_t i = 0; i < outcome.tally.size(); ++i) {
    CHECK_MESSAGE(outcome.tally[i] > count / 1000, "there were hardly any ", std::string(tau::sim::saw_names[i]));
    seen += ", " + std::to_string(outcome.tally[i]) + ' ' + tau::sim::saw_names[i];
  }
  MESSAGE(seen);
}

TEST_CASE("a world with something wrong is found out") {
  must_find("a reactor that ignores cancel", Bug::ignores_cancel);
  must_find("a reactor that forgets to withdraw what an owner left", Bug::forgets_withdrawal);
  must_find("a reactor that completes an operation twice", Bug::completes_twice);
  must_find("a door that loses requests", Bug::loses_request);
  must_find("a task that is woken once too often", Bug::wakes_twice);
  must_find("a plugin whose code goes before it is emptied", Bug::closes_early);
}
