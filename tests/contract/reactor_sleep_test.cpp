// Contract items 7, 8 and 9: how long poll() sleeps, who wakes it, and that it does nothing else.
#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "reactor_rig.hpp"

using namespace tau;
using namespace tau::test;

namespace {

using SteadyClock = std::chrono::steady_clock;

long voluntary_switches() {
  rusage usage;
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

constexpr int polls_counted = 5;
constexpr int first_marker = 4242, last_marker = 4243;

/// In the child: polls a few times between two calls that the tracer recognises.
[[noreturn]] void poll_traced(std::int64_t timeout_ns) {
  std::string why;
  auto reactor = host::make_reactor("auto", &why);
  auto [a, b] = socket_pair(SOCK_NONBLOCK);
  char text[4];
  Op receive(TAU_IO_RECV, b.get(), text, 4);
  FdWait wait(TAU_IN);
  tau_fd handle = 0;
  const bool ready = reactor && !reactor->submit(&receive) && reactor->add(nullptr, a.get(), &handle) == 0 &&
                     reactor->wait_ready(handle, &wait) == TAU_PENDING;
  if (!ready || ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) < 0) ::_exit(77);
  reactor->poll(0);
  ::raise(SIGSTOP);
  ::syscall(SYS_getpgid, first_marker);
  for (int i = 0; i < polls_counted; ++i) reactor->poll(timeout_ns);
  ::syscall(SYS_getpgid, last_marker);
  ::_exit(0);
}

/// System calls of the child between its markers, or -1 where tracing is not allowed.
int count_system_calls(pid_t child) {
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return -1;
  ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  int count = -1;  // not between the markers
  for (;;) {
    ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
    if (::waitpid(child, &status, 0) != child || WIFEXITED(status) || WIFSIGNALED(status)) return -1;
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) continue;
    __ptrace_syscall_info info;
    ::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info);
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) continue;
    const bool marker = info.entry.nr == SYS_getpgid;
    if (marker && info.entry.args[0] == last_marker) break;
    if (count >= 0) ++count;
    if (marker && info.entry.args[0] == first_marker) count = 0;
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  return count;
}

}  // namespace

TEST_CASE("poll sleeps as long as it was told, below a millisecond too, and never shorter") {
  Rig rig;
  for (std::int64_t ns : {std::int64_t{1}, std::int64_t{100'000}, std::int64_t{900'000}, 3 * ms + 1}) {
    const auto start = SteadyClock::now();
    rig->poll(ns);
    CHECK(SteadyClock::now() - start >= std::chrono::nanoseconds(ns));
  }
  rig->poll(0);
}

TEST_CASE("a wake before poll ends it, once") {
  Rig rig;
  for (int i = 0; i < 1000; ++i) rig->wake();
  rig->poll(-1);
  const auto start = SteadyClock::now();
  rig->poll(5 * ms);  // they were one
  CHECK(SteadyClock::now() - start >= std::chrono::milliseconds(5));
  rig->wake();
  rig->poll(-1);
}

TEST_CASE("a wake from another thread ends a sleep without limit") {
  Rig rig;
  std::atomic<bool> gone{false};
  std::thread waker([&] {
    rig->wake();
    gone.store(true, std::memory_order_release);
    rig->wake();
  });
  while (!gone.load(std::memory_order_acquire)) rig->poll(-1);
  waker.join();
}

TEST_CASE("a wake from a signal handler ends a sleep without limit and leaves errno alone") {
  static host::Reactor* woken;
  static std::atomic<int> handled{0};
  Rig rig;
  woken = rig.reactor.get();
  handled = 0;
  struct sigaction action = {}, before;
  action.sa_handler = [](int) {
    woken->wake();
    handled.fetch_add(1);
  };
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGUSR1, &action, &before);
  errno = ERANGE;
  ::raise(SIGUSR1);
  CHECK(errno == ERANGE);
  rig->poll(-1);

  const pthread_t sleeper = ::pthread_self();
  std::thread sender([&] { ::pthread_kill(sleeper, SIGUSR1); });
  while (handled.load() < 2) rig->poll(-1);
  sender.join();
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_CASE("what threads hand over before they wake is seen after poll, with none lost") {
  Rig rig;
  constexpr int threads = 4, per_thread = 2000;
  std::atomic<int> sent{0};
  std::vector<std::thread> wakers;
  for (int i = 0; i < threads; ++i) {
    wakers.emplace_back([&] {
      for (int n = 0; n < per_thread; ++n) {
        sent.fetch_add(1, std::memory_order_release);
        rig->wake();
      }
    });
  }
  // A lost wake would leave this asleep for good.
  while (sent.load(std::memory_order_acquire) < threads * per_thread) rig->poll(-1);
  for (std::thread& waker : wakers) waker.join();
}

TEST_CASE("an idle poll wakes up for nothing") {
  Rig rig;
  auto [a, b] = socket_pair(SOCK_NONBLOCK);
  const tau_fd handle = rig.registered(b.get());
  FdWait wait(TAU_IN);
  CHECK(rig->wait_ready(handle, &wait) == TAU_PENDING);
  put(b, "the other side does not read");
  rig.settle();
  // The kernel interrupts this thread while it takes down the rings of the tests before this one; whoever
  // wakes up for nothing of his own does so every time.
  long switches = 2;
  for (int tries = 0; switches > 1 && tries < 10; ++tries) {
    const long before = voluntary_switches();
    const auto start = SteadyClock::now();
    rig->poll(300 * ms);
    CHECK(SteadyClock::now() - start >= std::chrono::milliseconds(300));
    switches = voluntary_switches() - before;
  }
  CHECK(switches <= 1);
  CHECK(rig->cancel_wait(&wait));
  CHECK(rig->remove(handle) == 0);
}

TEST_CASE("an idle poll makes no system call but the one it sleeps in") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) poll_traced(ms);
  const int count = count_system_calls(child);
  if (count < 0) {
    MESSAGE("tracing is not allowed here: not counted");
    return;
  }
  CHECK(count == polls_counted);
}

TEST_CASE("a look at what is there costs one system call, and none where the kernel tells by itself") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) poll_traced(0);
  const int count = count_system_calls(child);
  if (count < 0) {
    MESSAGE("tracing is not allowed here: not counted");
    return;
  }
  Rig rig;
  CHECK(count == (rig->name() == "io_uring" ? 0 : polls_counted));
}
