// Which backend is chosen and what is said about it; and the skeleton, which refuses everything.
#include <doctest/doctest.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>

#include "reactor/backends.hpp"

using tau::host::make_reactor;

namespace {
/// TAU_REACTOR for the length of a test.
struct Environment {
  explicit Environment(const char* value) {
    if (value) {
      ::setenv("TAU_REACTOR", value, 1);
    } else {
      ::unsetenv("TAU_REACTOR");
    }
  }
  ~Environment() { ::unsetenv("TAU_REACTOR"); }
};
/// Makes io_uring_setup fail as a container's filter does, for the rest of this process.
bool refuse_rings() {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{4, rules};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }
}  // namespace

TEST_CASE("auto finds a reactor and says which and why") {
  Environment none(nullptr);
  std::string why;
  auto reactor = make_reactor("auto", &why);
  REQUIRE(reactor);
  CHECK(contains(why, std::string(reactor->name()).c_str()));
  CHECK(make_reactor("", nullptr));
}

TEST_CASE("a reactor asked for by name is that one, whatever the environment says") {
  Environment other("kqueue");
  std::string why;
  auto reactor = make_reactor("epoll", &why);
  REQUIRE(reactor);
  CHECK(reactor->name() == "epoll");
  CHECK(why == "epoll: as asked for");
}

TEST_CASE("the environment decides where nobody asks by name") {
  Environment epoll("epoll");
  std::string why;
  REQUIRE(make_reactor("auto", &why));
  CHECK(why == "epoll: TAU_REACTOR asks for it");
}

TEST_CASE("a reactor that this build has not is refused by name with what there is") {
  Environment none(nullptr);
  std::string why;
  CHECK_FALSE(make_reactor("kqueue", &why));
  CHECK(contains(why, "this build has no reactor 'kqueue'; it has: "));
  CHECK(contains(why, "epoll"));
}

TEST_CASE("where the kernel refuses a ring, another reactor serves and the reason is said") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::unsetenv("TAU_REACTOR");
    if (!refuse_rings()) ::_exit(77);
    std::string why;
    auto reactor = make_reactor("auto", &why);
    const bool told = contains(why, "io_uring does not start: Operation not permitted");
    ::_exit(reactor && reactor->name() == "epoll" && told ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  std::string why;
  const bool has_rings = make_reactor("io_uring", &why) != nullptr;
  if (WEXITSTATUS(status) == 77 || !has_rings) {
    MESSAGE("no ring in this build or system, or no filter: not tried");
    return;
  }
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("a name that no reactor has is refused with the names that exist") {
  Environment typo("epol");
  std::string why;
  CHECK_FALSE(make_reactor("auto", &why));
  CHECK(why == "no reactor is called 'epol'; there are: auto, epoll, kqueue, io_uring");
}

TEST_CASE("the skeleton keeps the shape of the contract and refuses everything") {
  auto skeleton = tau::host::make_skeleton();
  tau_io op = {};
  tau_fd_wait wait = {};
  tau_fd handle = 0;
  CHECK(skeleton->submit(&op));
  CHECK(op.result == TAU_E_UNSUPPORTED);
  CHECK_FALSE(skeleton->cancel(&op));
  CHECK(skeleton->add(nullptr, 0, &handle) < 0);
  CHECK(skeleton->wait_ready(handle, &wait) == TAU_E_STALE);
  CHECK_FALSE(skeleton->cancel_wait(&wait));
  skeleton->wake();
  skeleton->poll(-1);
  CHECK(skeleton->pending() == 0);
}
