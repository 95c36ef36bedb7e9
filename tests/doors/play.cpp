// See play.hpp.
#include "play.hpp"

#include <ucontext.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <memory>
#include <sstream>
#include <utility>
#include <vector>

#include "schedule.hpp"
#include "support/child.hpp"

namespace tau::doors {
namespace {

constexpr std::size_t stack_bytes = std::size_t{256} << 10;
constexpr std::uint64_t most_steps = 5000;  // a schedule longer than this does not come to rest

struct Thread {
  const char* name = "";
  std::function<void()> body;
  std::function<bool()> condition;  // it sleeps until this holds
  bool ended = false;
  bool told = false;  // that nobody is left to wake it
  ucontext_t context = {};
};

struct Taken {
  const char* thread;
  Op op;
  const char* function;
  const void* object;
  std::uint64_t value;
};

struct Watched {
  const std::byte* begin;
  std::size_t bytes;
  std::function<bool()> alive;
};

// One search at a time, in a process of its own.
struct Stage {
  Fault fault;
  Schedule* schedule = nullptr;
  Report report;
  const test::Child* child = nullptr;  // who tells the report
  std::vector<std::unique_ptr<std::byte[]>> stacks;
  std::vector<Thread> threads;
  std::vector<Taken> trace;
  std::vector<Watched> watched;
  std::size_t now = 0;
  bool playing = false;
  ucontext_t outside = {};
} stage;

constexpr const char* op_names[] = {"load", "store",  "exchange", "add",         "subtract", "and",
                                    "or",   "compare-exchange", "(second half)", "wake",     "ends"};

[[noreturn]] void tell_and_exit() {
  std::ostringstream text;
  text << stage.report.schedules << ' ' << stage.report.longest << ' ' << stage.report.complete << ' '
       << stage.report.faults << '\n'
       << stage.report.violation;
  stage.child->end(text.str());
}

std::string without_namespaces(std::string text) {
  for (const char* noise : {"tau::host::", "std::", "__cxx11::"}) {
    for (std::size_t at; (at = text.find(noise)) != std::string::npos;) text.erase(at, std::strlen(noise));
  }
  return text.substr(0, text.find('('));
}

[[noreturn]] void violation(const char* what) {
  std::ostringstream text;
  text << what << "\n  " << stage.schedule->name() << '\n';
  std::vector<const void*> objects;  // numbered as they appear
  for (const Taken& taken : stage.trace) {
    auto at = std::find(objects.begin(), objects.end(), taken.object);
    if (at == objects.end()) at = objects.insert(objects.end(), taken.object);
    text << "  " << taken.thread << ": " << op_names[static_cast<int>(taken.op)] << " #" << at - objects.begin()
         << " = 0x" << std::hex << taken.value << std::dec << "  " << without_namespaces(taken.function) << '\n';
  }
  stage.report.violation = text.str();
  tell_and_exit();
}

void on_signal(int number) {
  violation(number == SIGALRM ? "it does not come to an end" : strsignal(number));
}

bool able(const Thread& thread) { return !thread.ended && (!thread.condition || thread.condition()); }

void enter() {
  Thread& self = stage.threads[stage.now];
  self.body();
  self.ended = true;
  step(Op::thread_ends, &self);
}

/// Lets the thread run that the schedule chooses; comes back when this one is chosen again.
void reschedule() {
  unsigned options[16];
  unsigned count = 0;
  const bool going_on = !stage.threads[stage.now].ended && !stage.threads[stage.now].condition;
  if (able(stage.threads[stage.now])) options[count++] = static_cast<unsigned>(stage.now);
  for (std::size_t i = 0; i < stage.threads.size(); ++i) {
    if (i != stage.now && able(stage.threads[i])) options[count++] = static_cast<unsigned>(i);
  }
  const std::size_t before = stage.now;
  if (count != 0) {
    stage.now = options[stage.schedule->choose(options, count, going_on)];
  } else {
    const auto sleeper =
        std::find_if(stage.threads.begin(), stage.threads.end(), [](const Thread& t) { return !t.ended; });
    if (sleeper == stage.threads.end()) {
      ::setcontext(&stage.outside);
      return;
    }
    sleeper->told = true;
    sleeper->condition = nullptr;
    stage.now = static_cast<std::size_t>(sleeper - stage.threads.begin());
  }
  if (stage.now != before) ::swapcontext(&stage.threads[before].context, &stage.threads[stage.now].context);
}

void prepare(std::size_t number) {
  Thread& thread = stage.threads[number];
  while (stage.stacks.size() <= number) stage.stacks.emplace_back(new std::byte[stack_bytes]);
  ::getcontext(&thread.context);
  thread.context.uc_stack.ss_sp = stage.stacks[number].get();
  thread.context.uc_stack.ss_size = stack_bytes;
  thread.context.uc_link = nullptr;
  ::makecontext(&thread.context, &enter, 0);
}

}  // namespace

Effect step(Op op, const void* object, const Where& where) noexcept {
  if (!stage.playing) return Effect::none;
  // A chunk is published before any id of its tasks is known: looking it up is nobody's race.
  if (std::strstr(where.file_name(), "task_table")) return Effect::none;
  if (stage.trace.size() > most_steps) violation("it does not come to rest");
  reschedule();
  stage.trace.push_back({stage.threads[stage.now].name, op, where.function_name(), object, 0});
  for (const Watched& watched : stage.watched) {
    const auto at = static_cast<const std::byte*>(object) - watched.begin;
    if (at >= 0 && static_cast<std::size_t>(at) < watched.bytes && !watched.alive()) {
      violation("an atomic is touched that is not there any more");
    }
  }
  const Fault& fault = stage.fault;
  if (!fault.function || fault.op != op || !std::strstr(where.function_name(), fault.function)) return Effect::none;
  ++stage.report.faults;
  return fault.effect;
}

void saw(std::uint64_t value) noexcept {
  if (stage.playing && !stage.trace.empty()) stage.trace.back().value = value;
}

bool fails_spuriously() noexcept { return stage.playing && stage.schedule->fails_spuriously(); }

void Play::thread(const char* name, std::function<void()> body) {
  Thread& thread = stage.threads.emplace_back();
  thread.name = name;
  thread.body = std::move(body);
}

void Play::run() {
  for (std::size_t i = 0; i < stage.threads.size(); ++i) prepare(i);
  unsigned options[16];
  for (unsigned i = 0; i < stage.threads.size(); ++i) options[i] = i;
  stage.now = stage.schedule->choose(options, static_cast<unsigned>(stage.threads.size()), false);
  stage.playing = true;
  ::swapcontext(&stage.outside, &stage.threads[stage.now].context);
  stage.playing = false;
  stage.report.longest = std::max<std::uint64_t>(stage.report.longest, stage.trace.size());
}

bool Play::wait(std::function<bool()> condition) {
  Thread& self = stage.threads[stage.now];
  self.condition = std::move(condition);
  reschedule();
  self.condition = nullptr;
  return !std::exchange(self.told, false);
}

void Play::require(bool holds, const char* what) {
  if (!holds) violation(what);
}

void Play::watch(const void* begin, std::size_t bytes, std::function<bool()> alive) {
  stage.watched.push_back({static_cast<const std::byte*>(begin), bytes, std::move(alive)});
}

namespace {

[[noreturn]] void search_all(const Search& search, const Scenario& scenario) {
  for (int number : {SIGSEGV, SIGBUS, SIGABRT, SIGALRM, SIGFPE, SIGILL}) std::signal(number, on_signal);
  EverySchedule every(search.preemptions, search.spurious);
  RandomSchedule lots(search.seed, search.random);
  stage.schedule = search.random ? static_cast<Schedule*>(&lots) : &every;
  stage.fault = search.fault;
  while (stage.schedule->next()) {
    if (stage.report.schedules == search.most) tell_and_exit();
    if (stage.report.schedules++ % 1024 == 0) ::alarm(20);
    stage.threads.clear();
    stage.trace.clear();
    stage.watched.clear();
    Play play;
    scenario(play);
  }
  stage.report.complete = !search.random;
  tell_and_exit();
}

}  // namespace

Report explore(const Search& search, const Scenario& scenario) {
  const std::string bytes = test::in_child([&](const test::Child& child) {
    stage.child = &child;
    search_all(search, scenario);
  });
  Report report;
  std::istringstream text(bytes);
  if (!(text >> report.schedules >> report.longest >> report.complete >> report.faults)) {
    report.violation = "the search died";
    return report;
  }
  report.violation = bytes.substr(std::min(bytes.size(), bytes.find('\n') + 1));
  return report;
}

}  // namespace tau::doors
