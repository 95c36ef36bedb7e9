// Children through the C ABI's structures: what the sdk stands on, and what it does not let one do.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <initializer_list>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/empty_owner.hpp"
#include "runtime/runtime.hpp"

using namespace tau::host;

namespace {

std::set<int> open_descriptors() {
  std::set<int> fds;
  for (int fd = 0; fd < 1024; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) fds.insert(fd);
  }
  return fds;
}

char state_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return 0;
  return text[text.rfind(')') + 2];
}

struct Process : tau_process {
  bool is_done = false;
  std::vector<const char*> words;
  Process(Owner& of, std::initializer_list<const char*> command) : tau_process{}, words(command) {
    owner = &of;
    program = words[0];
    words.push_back(nullptr);
    arguments = words.data();
    stdio[0] = TAU_STDIO_NULL;
    stdio[1] = stdio[2] = TAU_STDIO_INHERIT;
    done = [](tau_process* self) { static_cast<Process*>(self)->is_done = true; };
  }
  ~Process() {
    if (!is_done || result < 0) return;
    for (int fd : pipes) {
      if (fd >= 0) close(fd);
    }
  }
};

struct Wait : tau_wait {
  int fired = 0;
  explicit Wait(Owner& of) : tau_wait{} {
    owner = &of;
    fire = [](tau_wait* self) { ++static_cast<Wait*>(self)->fired; };
  }
};

struct Fixture {
  Fixture() : before(open_descriptors()), runtime(std::make_unique<Runtime>(make(), Runtime::Options{})) {
    for (Owner* owner : {&a, &b}) owner->phase = Phase::running;
  }
  ~Fixture() {
    for (Owner* owner : {&a, &b}) unload(*owner);
    runtime->run_until([&] { return runtime->children.unreaped() == 0; });
    runtime.reset();
    CHECK(open_descriptors() == before);
    int status;
    CHECK(waitpid(-1, &status, WNOHANG) == -1);  // neither children nor zombies
    CHECK(errno == ECHILD);
  }
  static std::unique_ptr<Reactor> make() {
    std::string why;
    return make_reactor("auto", &why);
  }
  void unload(Owner& owner) {
    owner.phase = Phase::unloading;
    runtime->begin_unload();
    empty_owner(*runtime, owner);
    runtime->run_until([&] { return is_emptied(owner); });
    runtime->end_unload();
  }
  void start(Process& process) {
    REQUIRE(runtime->children.spawn(process) == TAU_PENDING);
    runtime->run_until([&] { return process.is_done; });
  }
  int end_of(tau_child child) {
    Wait wait(a);
    const std::int32_t answer = runtime->children.wait(child, wait);
    if (answer == TAU_PENDING) runtime->run_until([&] { return wait.fired != 0; });
    int status = -1;
    CHECK(runtime->children.status(child, &status) == TAU_READY);
    return status;
  }
  std::string read_all(int fd) {
    std::string text;
    char buffer[4096];
    for (;;) {
      const ssize_t got = read(fd, buffer, sizeof buffer);
      if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
      if (got == 0) return text;
      if (got < 0) {
        CHECK(errno == EAGAIN);
        runtime->turn(false);
      }
    }
  }

  std::set<int> before;
  std::unique_ptr<Runtime> runtime;
  Owner a, b;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a child runs, ends, and its status may be asked for again") {
  Process process(a, {"sh", "-c", "exit 7"});
  start(process);
  REQUIRE(process.result == 0);
  CHECK(process.pid > 0);
  CHECK(a.children == 1);
  const int status = end_of(process.child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
  CHECK(end_of(process.child) == status);
  CHECK(runtime->children.signal(process.child, SIGTERM) == -ESRCH);
  CHECK(runtime->children.release(process.child) == TAU_OK);
  CHECK(runtime->children.release(process.child) == TAU_E_STALE);
  int again = 0;
  CHECK(runtime->children.status(process.child, &again) == TAU_E_STALE);
  CHECK(a.children == 0);
}

TEST_CASE_FIXTURE(Fixture, "a child that a signal ends says which") {
  Process process(a, {"sleep", "1000"});
  start(process);
  REQUIRE(process.result == 0);
  int status = 0;
  CHECK(runtime->children.status(process.child, &status) == TAU_PENDING);
  CHECK(runtime->children.signal(process.child, SIGTERM) == TAU_OK);
  status = end_of(process.child);
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGTERM);
}

TEST_CASE_FIXTURE(Fixture, "a start that fails names its step and leaves nothing") {
  struct Failure {
    std::int32_t step, error;
    Process process;
  };
  const std::uint32_t group = 7;
  Process missing(a, {"tau-no-such-program"});
  Process no_path(a, {"/no/such/program"});
  Process refused(a, {"/etc/passwd"});
  Process directory(a, {"true"});
  directory.directory = "/no/such/folder";
  Process session(a, {"true"});
  session.flags = TAU_PROCESS_GROUP;
  session.process_group = 999999999;
  Process folder(a, {"/tmp"});
  Process too_many_groups(a, {"true"});
  std::vector<std::uint32_t> many(100000, group);
  too_many_groups.flags = TAU_PROCESS_GROUPS;
  too_many_groups.groups = many.data();
  too_many_groups.group_count = static_cast<std::uint32_t>(many.size());
  const struct {
    Process* process;
    std::int32_t step, error;
  } failures[] = {{&missing, TAU_STEP_EXEC, -ENOENT},       {&no_path, TAU_STEP_EXEC, -ENOENT},
                  {&refused, TAU_STEP_EXEC, -EACCES},       {&directory, TAU_STEP_DIRECTORY, -ENOENT},
                  {&session, TAU_STEP_PROCESS_GROUP, 0},    {&folder, TAU_STEP_EXEC, -EACCES},
                  {&too_many_groups, TAU_STEP_GROUPS, 0}};
  for (const auto& each : failures) {
    Process& process = *each.process;
    CAPTURE(process.program);
    process.stdio[1] = TAU_STDIO_PIPE;
    start(process);
    CHECK(process.result < 0);
    CHECK(process.step == each.step);
    if (each.error) CHECK(process.result == each.error);
    CHECK(process.child == 0);
    CHECK(process.pipes[1] == -1);
  }
  CHECK(a.children == 0);
}

TEST_CASE_FIXTURE(Fixture, "only the three standard descriptors reach a child, whoever forgot O_CLOEXEC") {
  std::vector<int> careless;
  for (int i = 0; i < 20; ++i) careless.push_back(open("/dev/null", O_RDONLY));
  Process process(a, {"ls", "-x", "/proc/self/fd"});
  process.stdio[1] = TAU_STDIO_PIPE;
  start(process);
  REQUIRE(process.result == 0);
  CHECK((fcntl(process.pipes[1], F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((fcntl(process.pipes[1], F_GETFL) & O_NONBLOCK) != 0);
  CHECK(read_all(process.pipes[1]) == "0  1  2  3\n");  // 3 is the folder that ls reads
  end_of(process.child);
  for (int fd : careless) close(fd);
}

TEST_CASE_FIXTURE(Fixture, "standard descriptors may be given crosswise, and stay the giver's") {
  int one[2], two[2];
  REQUIRE(pipe2(one, O_CLOEXEC) == 0);
  REQUIRE(pipe2(two, O_CLOEXEC) == 0);
  {
    Process process(a, {"sh", "-c", "echo out; echo err >&2"});
    process.stdio[1] = two[1];
    process.stdio[2] = one[1];
    REQUIRE(runtime->children.spawn(process) == TAU_PENDING);
    close(one[1]);  // it was copied
    close(two[1]);
    runtime->run_until([&] { return process.is_done; });
    REQUIRE(process.result == 0);
    end_of(process.child);
  }
  char text[8] = {};
  CHECK(read(two[0], text, sizeof text) == 4);
  CHECK(std::string(text) == "out\n");
  CHECK(read(one[0], text, sizeof text) == 4);
  CHECK(std::string(text) == "err\n");
  close(one[0]);
  close(two[0]);

  Process wrong(a, {"true"});
  wrong.stdio[0] = one[0];
  CHECK(runtime->children.spawn(wrong) == -EBADF);
  wrong.stdio[0] = -4;
  CHECK(runtime->children.spawn(wrong) == TAU_E_INVALID);
}

TEST_CASE_FIXTURE(Fixture, "signals are a child's own: nothing blocked, nothing caught, nothing ignored") {
  sigset_t usr1, old;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr1, &old);
  auto before_pipe = ::signal(SIGPIPE, SIG_IGN);
  auto before_usr2 = ::signal(SIGUSR2, SIG_IGN);
  auto before_hup = ::signal(SIGHUP, SIG_IGN);  // as under nohup
  Process process(a, {"cat", "/proc/self/status"});
  process.stdio[1] = TAU_STDIO_PIPE;
  start(process);
  REQUIRE(process.result == 0);
  const std::string text = read_all(process.pipes[1]);
  for (std::string name : {"SigBlk:", "SigIgn:", "SigCgt:"}) {
    CAPTURE(name);
    const auto at = text.find(name);
    REQUIRE(at != text.npos);
    const unsigned long value = std::stoul(text.substr(at + name.size()), nullptr, 16);
    CHECK(value == (name == "SigIgn:" ? 1u << (SIGHUP - 1) : 0));
  }
  end_of(process.child);
  ::signal(SIGPIPE, before_pipe);
  ::signal(SIGUSR2, before_usr2);
  ::signal(SIGHUP, before_hup);
  sigprocmask(SIG_SETMASK, &old, nullptr);
}

TEST_CASE_FIXTURE(Fixture, "user, groups and process group are as asked, and ours stay") {
  if (geteuid() != 0) {
    MESSAGE("not root: other users cannot be had");
    return;
  }
  Process process(a, {"sh", "-c", "id -u; id -g; id -G; ps -o pgid= -p $$; echo $$"});
  const std::uint32_t groups[] = {65533, 65532};
  process.groups = groups;
  process.group_count = 2;
  process.uid = process.gid = 65534;
  process.flags = TAU_PROCESS_UID | TAU_PROCESS_GID | TAU_PROCESS_GROUPS | TAU_PROCESS_GROUP;
  process.directory = "/";
  process.stdio[1] = TAU_STDIO_PIPE;
  start(process);
  REQUIRE(process.result == 0);
  std::istringstream text(read_all(process.pipes[1]));
  long uid = -1, gid = -1, first = -1, second = -1, third = -1, process_group = -1, pid = -2;
  text >> uid >> gid >> first >> second >> third >> process_group >> pid;
  CHECK(uid == 65534);
  CHECK(gid == 65534);
  CHECK(first + second + third == 65534 + 65533 + 65532);
  if (pid > 0) CHECK(process_group == pid);
  CHECK(geteuid() == 0);
  end_of(process.child);

  Process plain(a, {"id", "-G"});
  plain.uid = 65534;
  plain.flags = TAU_PROCESS_UID;
  plain.stdio[1] = TAU_STDIO_PIPE;
  start(plain);
  REQUIRE(plain.result == 0);
  CHECK(read_all(plain.pipes[1]) == std::to_string(getegid()) + "\n");
  end_of(plain.child);
}

TEST_CASE_FIXTURE(Fixture, "a start that is withdrawn tells nobody, and what ran already is given up") {
  for (int i = 0; i < 30; ++i) {
    Process process(a, {"sleep", "1000"});
    process.flags = TAU_PROCESS_KILL_ON_DROP;
    process.stdio[0] = process.stdio[1] = TAU_STDIO_PIPE;
    REQUIRE(runtime->children.spawn(process) == TAU_PENDING);
    if (i % 3 == 1) usleep(static_cast<useconds_t>(200 * (i % 7)));
    runtime->children.cancel(process);
    CHECK(process.job == nullptr);
    runtime->run_until([&] { return a.jobs.load() == 0; });
    CHECK_FALSE(process.is_done);
  }
  CHECK(a.children == 0);
}

TEST_CASE_FIXTURE(Fixture, "a child whose handle is given up goes on and leaves no zombie") {
  Process process(a, {"sleep", "0.05"});
  start(process);
  REQUIRE(process.result == 0);
  const pid_t pid = process.pid;
  CHECK(runtime->children.release(process.child) == TAU_OK);
  CHECK(state_of(pid) != 0);
  CHECK(runtime->children.unreaped() == 1);
  runtime->run_until([&] { return runtime->children.unreaped() == 0; });
  CHECK(state_of(pid) == 0);
}

TEST_CASE_FIXTURE(Fixture, "an unload kills those that were to be killed, and others are left running") {
  Process killed(a, {"sleep", "1000"}), left(a, {"sleep", "1000"}), theirs(b, {"sleep", "1000"});
  killed.flags = TAU_PROCESS_KILL_ON_DROP;
  theirs.flags = TAU_PROCESS_KILL_ON_DROP;
  for (Process* each : {&killed, &left, &theirs}) start(*each);
  Wait wait(b), own(a);
  CHECK(runtime->children.wait(killed.child, wait) == TAU_PENDING);
  CHECK(runtime->children.wait(killed.child, own) == TAU_E_BUSY);
  CHECK(runtime->children.wait(theirs.child, own) == TAU_PENDING);
  Process starting(a, {"sleep", "1000"});
  starting.flags = TAU_PROCESS_KILL_ON_DROP;
  REQUIRE(runtime->children.spawn(starting) == TAU_PENDING);
  unload(a);
  CHECK(wait.fired == 1);
  CHECK(own.fired == 0);
  CHECK(own.linked == nullptr);
  CHECK_FALSE(starting.is_done);
  runtime->run_until([&] { return runtime->children.unreaped() == 2; });
  CHECK(state_of(killed.pid) == 0);
  for (pid_t pid : {left.pid, theirs.pid}) {
    CHECK(state_of(pid) != 0);
    CHECK(state_of(pid) != 'Z');
  }
  CHECK(runtime->children.signal(left.child, SIGTERM) == TAU_E_STALE);
  kill(left.pid, SIGKILL);
  Process late(a, {"true"});
  CHECK(runtime->children.spawn(late) == TAU_E_UNLOADING);
}

TEST_CASE_FIXTURE(Fixture, "a child that somebody else reaped has no status") {
  Process process(a, {"sleep", "1000"});
  start(process);
  REQUIRE(process.result == 0);
  kill(process.pid, SIGKILL);
  int status = 0;
  REQUIRE(waitpid(process.pid, &status, 0) == process.pid);
  Wait wait(a);
  if (runtime->children.wait(process.child, wait) == TAU_PENDING) {
    runtime->run_until([&] { return wait.fired != 0; });
  }
  CHECK(runtime->children.status(process.child, &status) == -ECHILD);
}

TEST_CASE_FIXTURE(Fixture, "many children at once") {
  std::vector<std::unique_ptr<Process>> all;
  for (int i = 0; i < 64; ++i) {
    all.push_back(std::make_unique<Process>(a, std::initializer_list<const char*>{"sh", "-c", "exit $0", "3"}));
    REQUIRE(runtime->children.spawn(*all.back()) == TAU_PENDING);
  }
  for (auto& each : all) {
    runtime->run_until([&] { return each->is_done; });
    REQUIRE(each->result == 0);
    CHECK(WEXITSTATUS(end_of(each->child)) == 3);
  }
}
