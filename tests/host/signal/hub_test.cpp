// Signals here are real: raise(3) runs the handler on this thread before it returns.
#include <doctest/doctest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "fiber/parking.hpp"
#include "runtime/empty_owner.hpp"
#include "runtime/runtime.hpp"
#include "signal/handler.hpp"

using namespace tau::host;

namespace {

std::string reported;
int earlier_calls = 0;
int told[2] = {0, 0};
int informed_pid = 0;

void earlier(int) { ++earlier_calls; }
void earlier_with_info(int, siginfo_t* info, void* context) {
  earlier_calls += info != nullptr && context != nullptr;
}
void handler_0(int) { ++told[0]; }
void handler_1(int) { ++told[1]; }
void informed(int, siginfo_t* info, void*) { informed_pid = info->si_pid; }

struct sigaction disposition(int number) {
  struct sigaction now {};
  sigaction(number, nullptr, &now);
  return now;
}
void set(int number, void (*function)(int)) {
  struct sigaction action {};
  action.sa_handler = function;
  sigaction(number, &action, nullptr);
}
struct sigaction action_of(void (*function)(int), int flags = 0) {
  struct sigaction action {};
  action.sa_handler = function;
  action.sa_flags = flags;
  return action;
}

struct Subscriber : tau_signal {
  int count = 0;
  Subscriber(Owner& of, int wanted) : tau_signal{} {
    owner = &of;
    number = wanted;
    deliver = [](tau_signal* self) {
      auto& mine = *static_cast<Subscriber*>(self);
      ++mine.count;
    };
  }
  ~Subscriber() { Runtime::instance()->signals.unsubscribe(*this); }
};

struct Hub {
  Hub() : runtime(make(), {}), hub(runtime.signals) {
    for (Owner* owner : {&a, &b}) owner->phase = Phase::running;
    a.name = "a";
    b.name = "b";
    hub.report = [](const std::string& line) { reported += line; };
    reported.clear();
    earlier_calls = told[0] = told[1] = 0;
  }
  ~Hub() {
    for (Owner* owner : {&a, &b}) {
      owner->phase = Phase::unloading;
      empty_owner(runtime, *owner);
      CHECK(is_emptied(*owner));
    }
    for (int number : {SIGUSR1, SIGUSR2, SIGWINCH}) {
      CHECK_FALSE(signal_handler::is_ours(disposition(number)));
      ::signal(number, SIG_DFL);
    }
  }
  static std::unique_ptr<Reactor> make() {
    std::string why;
    return make_reactor("auto", &why);
  }
  void turn() { runtime.turn(false); }

  Runtime runtime;
  SignalHub& hub;
  Owner a, b;
};

}  // namespace

TEST_CASE_FIXTURE(Hub, "each subscriber of a signal is told, on the loop and not in the handler") {
  Subscriber first(a, SIGUSR1), second(b, SIGUSR1), other(a, SIGUSR2);
  for (auto* each : {&first, &second, &other}) REQUIRE(hub.subscribe(*each) == TAU_OK);
  raise(SIGUSR1);
  CHECK(first.count == 0);
  turn();
  CHECK(first.count == 1);
  CHECK(second.count == 1);
  CHECK(other.count == 0);
  turn();
  CHECK(first.count == 1);
}

TEST_CASE_FIXTURE(Hub, "arrivals that nobody was told of yet are one") {
  Subscriber only(a, SIGUSR1);
  REQUIRE(hub.subscribe(only) == TAU_OK);
  for (int i = 0; i < 100; ++i) raise(SIGUSR1);
  turn();
  CHECK(only.count == 1);
  raise(SIGUSR1);
  turn();
  CHECK(only.count == 2);
}

TEST_CASE_FIXTURE(Hub, "a signal that finds the loop asleep wakes it") {
  Subscriber only(a, SIGUSR1);
  REQUIRE(hub.subscribe(only) == TAU_OK);
  const pthread_t loop = pthread_self();
  std::atomic<bool> enough{false};
  std::thread sender([&] {
    while (!enough) {  // those that arrive together count once
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      pthread_kill(loop, SIGUSR1);
      pthread_kill(pthread_self(), SIGUSR1);  // a handler on another thread
    }
  });
  runtime.run_until([&] { return only.count >= 20; });
  enough = true;
  sender.join();
}

TEST_CASE_FIXTURE(Hub, "an owner that is emptied leaves the others their signal") {
  Subscriber mine(a, SIGUSR1), theirs(b, SIGUSR1);
  REQUIRE(hub.subscribe(mine) == TAU_OK);
  REQUIRE(hub.subscribe(theirs) == TAU_OK);
  const struct sigaction action = action_of(handler_0);
  REQUIRE(hub.act(a, SIGUSR1, &action, nullptr) == TAU_OK);
  CHECK(a.signals == 2);
  raise(SIGUSR1);  // on its way to both
  a.phase = Phase::unloading;
  empty_owner(runtime, a);
  CHECK(a.signals == 0);
  CHECK(mine.previous == nullptr);
  turn();
  CHECK(mine.count == 0);
  CHECK(told[0] == 0);
  CHECK(theirs.count == 1);
  CHECK(hub.subscribe(mine) == TAU_E_UNLOADING);
  CHECK(hub.act(a, SIGUSR1, &action, nullptr) == TAU_E_UNLOADING);
}

TEST_CASE_FIXTURE(Hub, "an earlier handler is called as ever and put back when the last subscriber goes") {
  set(SIGUSR1, earlier);
  Subscriber first(a, SIGUSR1), second(b, SIGUSR1);
  REQUIRE(hub.subscribe(first) == TAU_OK);
  REQUIRE(hub.subscribe(second) == TAU_OK);
  raise(SIGUSR1);
  CHECK(earlier_calls == 1);
  hub.unsubscribe(first);
  CHECK((disposition(SIGUSR1).sa_handler != earlier));
  raise(SIGUSR1);
  CHECK(earlier_calls == 2);
  hub.unsubscribe(second);
  CHECK((disposition(SIGUSR1).sa_handler == earlier));
  CHECK(reported.empty());

  struct sigaction with_info {};
  with_info.sa_flags = SA_SIGINFO;
  with_info.sa_sigaction = earlier_with_info;
  sigaction(SIGUSR1, &with_info, nullptr);
  REQUIRE(hub.subscribe(first) == TAU_OK);
  raise(SIGUSR1);
  CHECK(earlier_calls == 3);
  hub.unsubscribe(first);
  CHECK((disposition(SIGUSR1).sa_sigaction == earlier_with_info));
}

TEST_CASE_FIXTURE(Hub, "a handler that replaced ours meanwhile is left alone, and that is said") {
  Subscriber only(a, SIGUSR1);
  REQUIRE(hub.subscribe(only) == TAU_OK);
  set(SIGUSR1, earlier);
  hub.unsubscribe(only);
  CHECK((disposition(SIGUSR1).sa_handler == earlier));
  CHECK(reported.find("User defined signal 1") != reported.npos);
  // Who subscribes now stands before it.
  REQUIRE(hub.subscribe(only) == TAU_OK);
  raise(SIGUSR1);
  turn();
  CHECK(only.count == 1);
  CHECK(earlier_calls == 1);
  hub.unsubscribe(only);
}

namespace {
struct sigaction replaced {};
void calls_the_one_before(int number, siginfo_t* info, void* context) {
  ++earlier_calls;
  replaced.sa_sigaction(number, info, context);
}
}  // namespace

TEST_CASE_FIXTURE(Hub, "handlers that call one another do not go round") {
  Subscriber only(a, SIGUSR1), more(b, SIGUSR1);
  REQUIRE(hub.subscribe(only) == TAU_OK);
  struct sigaction theirs {};
  theirs.sa_flags = SA_SIGINFO;
  theirs.sa_sigaction = calls_the_one_before;
  sigaction(SIGUSR1, &theirs, &replaced);
  REQUIRE(hub.subscribe(more) == TAU_OK);  // ours calls theirs, which calls ours
  raise(SIGUSR1);
  turn();
  CHECK(earlier_calls == 1);
  CHECK(only.count == 1);
  CHECK(more.count == 1);
}

TEST_CASE_FIXTURE(Hub, "faults and what cannot be caught are refused") {
  for (int number : {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    Subscriber one(a, number);
    const struct sigaction before = disposition(number);
    const struct sigaction action = action_of(handler_0);
    CHECK(hub.subscribe(one) == TAU_E_UNSUPPORTED);
    CHECK(hub.act(a, number, &action, nullptr) == TAU_E_UNSUPPORTED);
    CHECK((disposition(number).sa_handler == before.sa_handler));
  }
  for (int number : {-1, 0, 65, 1000, 32 /* libc's own */}) {
    Subscriber one(a, number);
    CHECK(hub.subscribe(one) == TAU_E_INVALID);
  }
  Subscriber twice(a, SIGUSR1);
  REQUIRE(hub.subscribe(twice) == TAU_OK);
  CHECK(hub.subscribe(twice) == TAU_E_INVALID);
}

TEST_CASE_FIXTURE(Hub, "a subscriber may end itself and others while it is told") {
  struct Ending : tau_signal {
    SignalHub* hub;
    std::vector<tau_signal*> ends;
  };
  Subscriber next(a, SIGUSR1), last(b, SIGUSR1), fresh(a, SIGUSR1);
  Ending ending{};
  ending.owner = &a;
  ending.number = SIGUSR1;
  ending.hub = &hub;
  ending.ends = {&ending, &next};
  static Subscriber* added;
  added = &fresh;
  ending.deliver = [](tau_signal* self) {
    auto& mine = *static_cast<Ending*>(self);
    SignalHub& of = *mine.hub;
    for (tau_signal* each : mine.ends) of.unsubscribe(*each);
    of.subscribe(*added);
  };
  for (tau_signal* each : std::initializer_list<tau_signal*>{&ending, &next, &last}) {
    REQUIRE(hub.subscribe(*each) == TAU_OK);
  }
  raise(SIGUSR1);
  turn();
  CHECK(next.count == 0);
  CHECK(last.count == 1);
  CHECK(fresh.count == 0);
  CHECK(a.signals == 1);
  raise(SIGUSR1);
  turn();
  CHECK(last.count == 2);
  CHECK(fresh.count == 1);
}

TEST_CASE_FIXTURE(Hub, "a subscriber that blocks is no obstacle to the others") {
  struct Turning : tau_signal {
    Runtime* runtime;
    int count;
  } turning{};
  turning.owner = &a;
  turning.number = SIGUSR1;
  turning.runtime = &runtime;
  turning.deliver = [](tau_signal* self) {
    auto& mine = *static_cast<Turning*>(self);
    if (++mine.count > 3) return;
    raise(SIGUSR1);
    tau_parker parker{};
    park(*mine.runtime, *mine.owner, parker, 0);  // until the loop has turned
  };
  Subscriber other(b, SIGUSR1);
  REQUIRE(hub.subscribe(turning) == TAU_OK);
  REQUIRE(hub.subscribe(other) == TAU_OK);
  raise(SIGUSR1);
  for (int i = 0; i < 20; ++i) turn();
  CHECK(turning.count == 4);
  CHECK(other.count >= 1);
  CHECK(a.fibers == 0);
  hub.unsubscribe(turning);
}

TEST_CASE_FIXTURE(Hub, "each owner has a handler of its own, and reads its own back") {
  struct sigaction mine = action_of(handler_0), theirs = action_of(handler_1), old{};
  REQUIRE(hub.act(a, SIGUSR1, nullptr, &old) == TAU_OK);
  CHECK((old.sa_handler == SIG_DFL));
  REQUIRE(hub.act(a, SIGUSR1, &mine, nullptr) == TAU_OK);
  REQUIRE(hub.act(b, SIGUSR1, &theirs, &old) == TAU_OK);
  CHECK((old.sa_handler == SIG_DFL));
  raise(SIGUSR1);
  CHECK(told[0] == 0);
  turn();
  CHECK(told[0] == 1);
  CHECK(told[1] == 1);
  mine.sa_handler = SIG_DFL;
  REQUIRE(hub.act(a, SIGUSR1, &mine, &old) == TAU_OK);
  CHECK((old.sa_handler == handler_0));
  raise(SIGUSR1);  // one owner's SIG_DFL ends nobody
  turn();
  CHECK(told[0] == 1);
  CHECK(told[1] == 2);
  mine.sa_handler = handler_1;
  REQUIRE(hub.act(b, SIGUSR1, &mine, &old) == TAU_OK);
  CHECK((old.sa_handler == handler_1));
  CHECK(b.signals == 1);
}

TEST_CASE_FIXTURE(Hub, "SIG_IGN of an owner keeps the process alive and is not the system's") {
  struct sigaction ignore = action_of(SIG_IGN), old{};
  REQUIRE(hub.act(a, SIGUSR1, &ignore, nullptr) == TAU_OK);
  REQUIRE(hub.act(a, SIGCHLD, &ignore, nullptr) == TAU_OK);
  CHECK((disposition(SIGUSR1).sa_handler != SIG_IGN));
  CHECK((disposition(SIGCHLD).sa_flags & SA_NOCLDWAIT) == 0);
  raise(SIGUSR1);
  turn();
  REQUIRE(hub.act(a, SIGUSR1, nullptr, &old) == TAU_OK);
  CHECK((old.sa_handler == SIG_IGN));
}

TEST_CASE_FIXTURE(Hub, "an owner without a handler reads what the process started with") {
  set(SIGUSR1, SIG_IGN);
  Subscriber other(b, SIGUSR1);
  REQUIRE(hub.subscribe(other) == TAU_OK);
  struct sigaction old {};
  REQUIRE(hub.act(a, SIGUSR1, nullptr, &old) == TAU_OK);
  CHECK((old.sa_handler == SIG_IGN));
  CHECK(SignalHub::is_ignored(SIGUSR1));
  hub.unsubscribe(other);
  CHECK((disposition(SIGUSR1).sa_handler == SIG_IGN));
}

TEST_CASE_FIXTURE(Hub, "a handler may ask for the sender, and to be called once") {
  struct sigaction action {};
  action.sa_flags = SA_SIGINFO | static_cast<int>(SA_RESETHAND);
  action.sa_sigaction = informed;
  Subscriber keeps(b, SIGUSR1);
  REQUIRE(hub.subscribe(keeps) == TAU_OK);
  REQUIRE(hub.act(a, SIGUSR1, &action, nullptr) == TAU_OK);
  informed_pid = 0;
  kill(getpid(), SIGUSR1);
  turn();
  CHECK(informed_pid == getpid());
  CHECK(a.signals == 0);
  informed_pid = 0;
  raise(SIGUSR1);
  turn();
  CHECK(informed_pid == 0);
}

TEST_CASE_FIXTURE(Hub, "a handler that throws is reported and the host goes on") {
  const struct sigaction action = action_of([](int) { throw 1; });
  REQUIRE(hub.act(a, SIGUSR1, &action, nullptr) == TAU_OK);
  raise(SIGUSR1);
  turn();
  CHECK(reported.find("plugin 'a'") != reported.npos);
}

TEST_CASE_FIXTURE(Hub, "handlers come and go on other threads while signals arrive") {
  Subscriber keeps(b, SIGUSR1);
  REQUIRE(hub.subscribe(keeps) == TAU_OK);
  std::atomic<int> running{2};
  std::vector<std::thread> threads;
  for (Owner* owner : {&a, &b}) {
    threads.emplace_back([&, owner] {
      struct sigaction on = action_of(SIG_IGN), off = action_of(SIG_DFL);
      for (int i = 0; i < 500; ++i) {
        hub.act(*owner, i % 2 ? SIGUSR1 : SIGUSR2, &on, nullptr);
        raise(SIGUSR1);
        hub.act(*owner, i % 2 ? SIGUSR1 : SIGUSR2, &off, nullptr);
      }
      --running;
      runtime.remote.nudge();
    });
  }
  runtime.run_until([&] { return running == 0; });
  for (auto& thread : threads) thread.join();
  turn();
  CHECK(keeps.count > 0);
  CHECK(a.signals == 0);
  CHECK(b.signals == 1);
}

TEST_CASE_FIXTURE(Hub, "the host's own interest is served in the handler, and knows of plugins'") {
  static int calls, shared;
  calls = shared = 0;
  hub.attend(SIGUSR1, [](int, bool with_plugins) {
    ++calls;
    shared += with_plugins;
  });
  raise(SIGUSR1);
  CHECK(calls == 1);
  CHECK(shared == 0);
  Subscriber only(a, SIGUSR1);
  REQUIRE(hub.subscribe(only) == TAU_OK);
  raise(SIGUSR1);
  CHECK(calls == 2);
  CHECK(shared == 1);
  hub.unsubscribe(only);
  hub.attend(SIGUSR1, nullptr);
  CHECK((disposition(SIGUSR1).sa_handler == SIG_DFL));
}
