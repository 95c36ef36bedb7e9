// Linux: clone(2) with CLONE_VFORK and a pidfd.
//
// The calling thread, one of the pool's, stands still until the child runs its program or has ended, so what
// the child says of its failure can lie in memory that both share; a pipe would do the same, but any process
// forked meanwhile by somebody's library would hold its other end open and make us wait for that.
//
// As a rule the child also shares our memory (CLONE_VM), which makes starting it independent of our size. Not
// if it changes its user: the kernel would take the change for ours and forbid core dumps of the whole host,
// and for a moment a process of that user would share memory with us. Then it gets a copy.
//
// Between clone and exec the child calls the kernel and nothing else: with our memory it would otherwise
// find our locks as they are, run our handlers, and glibc's setuid would try to change threads of ours.
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <tau/rt/process.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

#include "process/start.hpp"

#ifndef P_PIDFD
#define P_PIDFD 3  // glibc 2.36 has it in an enum, older ones not at all
#endif

#define TAU_NOT_INSTRUMENTED __attribute__((no_sanitize("address", "thread", "undefined"), noinline))

// The thread sanitizer takes each clone() for a fork: where the child shares memory it would switch off the parent's
// own bookkeeping, and after that report races that are none.
#ifdef __SANITIZE_THREAD__
#define TAU_CHILD_MEMORY 0
#else
#define TAU_CHILD_MEMORY CLONE_VM
#endif

namespace tau::host {
namespace {

constexpr std::size_t stack_size = 64 * 1024;
constexpr int first_free = 3;
constexpr int last_signal = 64;

struct Report {
  std::int32_t step;
  std::int32_t error;
};

struct Start {
  const StartPlan* plan;
  Report* report;
};

template <class... Arguments>
TAU_NOT_INSTRUMENTED long call(long number, Arguments... arguments) noexcept {
  return syscall(number, arguments...);
}

// ---- in the child --------------------------------------------------------------------------------

[[noreturn]] TAU_NOT_INSTRUMENTED void fail(const Start& start, std::int32_t step) noexcept {
  start.report->step = step;
  start.report->error = errno;
  for (;;) call(SYS_exit_group, 127);
}

/// Makes plan.stdio the descriptors 0, 1 and 2. Sources out of the way first: one of them may be 1 and be
/// wanted as 0.
TAU_NOT_INSTRUMENTED void place_stdio(const Start& start) noexcept {
  int sources[3];
  for (int i = 0; i < 3; ++i) {
    sources[i] = start.plan->stdio[i];
    if (sources[i] < 0 || sources[i] >= first_free) continue;
    sources[i] = static_cast<int>(call(SYS_fcntl, sources[i], F_DUPFD_CLOEXEC, first_free));
    if (sources[i] < 0) fail(start, TAU_STEP_STDIO);
  }
  for (int i = 0; i < 3; ++i) {
    if (sources[i] >= 0 && call(SYS_dup3, sources[i], i, 0) < 0) fail(start, TAU_STEP_STDIO);
  }
}

/// Everything else closes with exec, whoever opened it and forgot to say so.
TAU_NOT_INSTRUMENTED void close_the_rest() noexcept {
  if (call(SYS_close_range, first_free, ~0u, CLOSE_RANGE_CLOEXEC) == 0) return;
  rlimit most{};
  call(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &most);
  const long limit = most.rlim_cur > 65536 ? 65536 : static_cast<long>(most.rlim_cur);
  for (long fd = first_free; fd < limit; ++fd) call(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
}

TAU_NOT_INSTRUMENTED void reset_signals() noexcept {
  // As the kernel has them, whatever the order of the fields behind the first: all zero is SIG_DFL.
  unsigned long standard[8] = {};
  unsigned long now[8] = {};
  for (int number = 1; number <= last_signal; ++number) {
    if (number == SIGHUP || number == SIGINT || number == SIGQUIT) {
      // What nohup and a shell's & set is meant for us and for whom we start.
      call(SYS_rt_sigaction, number, nullptr, now, _NSIG / 8);
      if (now[0] == reinterpret_cast<unsigned long>(SIG_IGN)) continue;
    }
    call(SYS_rt_sigaction, number, standard, nullptr, _NSIG / 8);
  }
  unsigned long none[2] = {};
  call(SYS_rt_sigprocmask, SIG_SETMASK, none, nullptr, _NSIG / 8);
}

TAU_NOT_INSTRUMENTED void change_identity(const Start& start) noexcept {
  const StartPlan& plan = *start.plan;
  if (plan.flags & TAU_PROCESS_GROUPS) {
    if (call(SYS_setgroups, plan.groups.size(), plan.groups.data()) < 0) fail(start, TAU_STEP_GROUPS);
  } else if ((plan.flags & TAU_PROCESS_UID) && call(SYS_geteuid) == 0) {
    if (call(SYS_setgroups, 0, nullptr) < 0) fail(start, TAU_STEP_GROUPS);
  }
  if ((plan.flags & TAU_PROCESS_GID) && call(SYS_setgid, plan.gid) < 0) fail(start, TAU_STEP_GID);
  if ((plan.flags & TAU_PROCESS_UID) && call(SYS_setuid, plan.uid) < 0) fail(start, TAU_STEP_UID);
}

TAU_NOT_INSTRUMENTED int child(void* argument) noexcept {
  const Start& start = *static_cast<const Start*>(argument);
  const StartPlan& plan = *start.plan;
  place_stdio(start);
  change_identity(start);
  if (!plan.directory.empty() && call(SYS_chdir, plan.directory.c_str()) < 0) fail(start, TAU_STEP_DIRECTORY);
  if ((plan.flags & TAU_PROCESS_SESSION) && call(SYS_setsid) < 0) fail(start, TAU_STEP_SESSION);
  if ((plan.flags & TAU_PROCESS_GROUP) && call(SYS_setpgid, 0, plan.process_group) < 0) {
    fail(start, TAU_STEP_PROCESS_GROUP);
  }
  close_the_rest();
  reset_signals();
  // As execvp(3) does: a folder without it, or that we may not enter, is passed over; the refusal is told.
  int refused = 0;
  for (const std::string& candidate : plan.candidates) {
    call(SYS_execve, candidate.c_str(), plan.arguments.data(), plan.environment.data());
    if (errno == EACCES) refused = EACCES;
    else if (errno != ENOENT && errno != ENOTDIR) fail(start, TAU_STEP_EXEC);
  }
  if (refused) errno = refused;
  fail(start, TAU_STEP_EXEC);
}

// ---- in the host ---------------------------------------------------------------------------------

std::int32_t wait_for(int watch, pid_t pid, int options, siginfo_t* info) noexcept {
  for (;;) {
    info->si_pid = 0;
    if (waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(watch), info, WEXITED | options) == 0) return 0;
    if (errno == EINTR) continue;
    if (errno != EINVAL) return -errno;  // before Linux 5.4
    if (waitid(P_PID, static_cast<id_t>(pid), info, WEXITED | options) == 0) return 0;
    if (errno != EINTR) return -errno;
  }
}

}  // namespace

StartResult start_child(const StartPlan& plan) noexcept {
  StartResult result;
  void* memory = mmap(nullptr, stack_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    result.error = -errno;
    result.step = TAU_STEP_FORK;
    return result;
  }
  auto* report = static_cast<Report*>(memory);
  Start start{&plan, report};
  constexpr std::uint32_t identity = TAU_PROCESS_UID | TAU_PROCESS_GID | TAU_PROCESS_GROUPS;
  const int memory_flag = (plan.flags & identity) ? 0 : TAU_CHILD_MEMORY;

  // No handler of ours may run in the child.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int watch = -1;
  const pid_t pid = clone(&child, static_cast<char*>(memory) + stack_size,
                          memory_flag | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &start, &watch);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);

  const Report told = *report;
  munmap(memory, stack_size);
  if (pid < 0) {
    result.error = -error;
    result.step = TAU_STEP_FORK;
    return result;
  }
  if (told.error != 0) {
    await_child(watch, pid);
    if (watch >= 0) close(watch);
    result.error = -told.error;
    result.step = told.step;
    return result;
  }
  if (watch < 0) watch = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (watch < 0) {
    kill(pid, SIGKILL);
    await_child(watch, pid);
    result.error = TAU_E_UNSUPPORTED;  // before Linux 5.2
    result.step = TAU_STEP_FORK;
    return result;
  }
  result.pid = pid;
  result.watch = watch;
  return result;
}

std::int32_t reap_child(int watch, pid_t pid, std::int32_t* status) noexcept {
  siginfo_t info{};
  if (const std::int32_t error = wait_for(watch, pid, WNOHANG, &info); error < 0) return error;
  if (info.si_pid == 0) return 0;
  // waitid tells it in another form than wait(2), whose macros everybody knows.
  *status = info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8
                                       : info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
  return 1;
}

void await_child(int watch, pid_t pid) noexcept {
  siginfo_t info{};
  wait_for(watch, pid, 0, &info);
}

std::int32_t signal_child(int watch, pid_t, int number) noexcept {
  return syscall(SYS_pidfd_send_signal, watch, number, nullptr, 0) < 0 ? -errno : 0;
}

}  // namespace tau::host
