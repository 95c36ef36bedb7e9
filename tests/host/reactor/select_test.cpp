// Which backend is chosen and what is said about it; and the skeleton, which refuses everything.
#include <doctest/doctest.h>
#include <stdlib.h>

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
