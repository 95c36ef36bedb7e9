// What becomes of suspended calls when their plugin goes, or their fiber is destroyed.
#include <tau/fiber.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "support/runtime_fixture.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::Task;
using tau::test::RuntimeFixture;

namespace {

/// Sets a flag when it is destroyed.
struct Mark {
  explicit Mark(bool& gone) noexcept : gone(gone) {}
  ~Mark() { gone = true; }
  Mark(const Mark&) = delete;
  bool& gone;
};

Task<> forever() { co_await tau::sleep(24h); }

}  // namespace

TEST_CASE("aborting a fiber runs the destructors on its stack") {
  RuntimeFixture f;
  bool gone = false, after = false;
  auto handle = tau::fiber::spawn([&] {
    Mark mark(gone);
    (void)tau::block_on(forever());
    after = true;
  });
  f.settle();
  CHECK_FALSE(gone);
  handle.abort();
  f.settle();
  CHECK(gone);
  CHECK_FALSE(after);
  CHECK(f.plugin.fibers == 0);
  CHECK(f.plugin.live_tasks == 0);  // also of the task that it waited for
}

TEST_CASE("unloading unwinds a task that blocks, through the coroutines on its stack") {
  bool gone[4] = {};
  {
    RuntimeFixture f;
    auto blocks = [](bool (&gone)[4]) -> Task<> {
      Mark mark(gone[0]);
      auto nested = [](bool (&gone)[4]) -> Task<> {
        Mark mark(gone[1]);
        (void)tau::block_on(forever());
        co_return;
      };
      co_await nested(gone);
      Mark never(gone[2]);
    };
    (void)tau::spawn(blocks(gone));
    auto bystander = [](bool& gone) -> Task<> {
      Mark mark(gone);
      co_await forever();
    };
    (void)tau::spawn(bystander(gone[3]));
    f.settle();
    CHECK(f.plugin.fibers == 1);
  }
  CHECK(gone[0]);
  CHECK(gone[1]);
  CHECK_FALSE(gone[2]);
  CHECK(gone[3]);
}

TEST_CASE("a catch (...) that waits again is thrown out of that wait as well") {
  bool gone = false;
  int caught = 0;
  {
    RuntimeFixture f;
    (void)tau::fiber::spawn([&] {
      Mark mark(gone);
      for (int i = 0; i < 3; ++i) {
        try {
          (void)tau::block_on(forever());
        } catch (...) {
          ++caught;
        }
      }
    });
    f.settle();
  }
  CHECK(caught == 3);
  CHECK(gone);
}

namespace {

/// A fiber of any plugin, in C: waits at its parker once.
struct RawFiber {
  explicit RawFiber(tau_plugin& owner) : owner(&owner) {
    REQUIRE(tau_fiber_start(&owner, 0, &run, [](void* self) { static_cast<RawFiber*>(self)->ended = true; }, this,
                            &fiber) == TAU_OK);
  }
  ~RawFiber() { tau_fiber_destroy(fiber); }
  RawFiber(const RawFiber&) = delete;

  static void run(void* self) {
    auto& raw = *static_cast<RawFiber*>(self);
    Mark mark(raw.gone);
    raw.status = tau_park(raw.owner, &raw.parker, UINT64_MAX);
    raw.returned = true;
  }

  tau_plugin* owner;
  tau_fiber* fiber = nullptr;
  tau_parker parker{};
  std::int32_t status = -1;
  bool gone = false, returned = false, ended = false;
};

}  // namespace

TEST_CASE("one plugin's suspended calls are unwound while another's go on") {
  tau::test::TwoPlugins two;
  {
    RawFiber mine(two.plugin), theirs(two.other);
    two.settle();
    two.unload_other();
    CHECK(theirs.gone);
    CHECK_FALSE(theirs.returned);
    CHECK(theirs.ended);
    CHECK_FALSE(mine.gone);
    tau_unpark(&mine.parker);
    two.settle();
    CHECK(mine.returned);
    CHECK(mine.ended);
    CHECK(mine.status == TAU_OK);
  }
}

TEST_CASE("a call that stands on another plugin's task is unwound when either is unloaded") {
  tau::test::TwoPlugins two;
  // The task is this plugin's; what it calls into waits as the other.
  tau_parker parker{};
  bool gone = false;
  auto body = [](tau_plugin& other, tau_parker& parker, bool& gone) -> Task<> {
    Mark mark(gone);
    tau_park(&other, &parker, UINT64_MAX);
    co_return;
  };
  auto handle = tau::spawn(body(two.other, parker, gone));
  two.settle();
  CHECK(two.plugin.fibers == 1);
  CHECK(two.other.fibers == 1);
  two.unload_other();
  CHECK(gone);
  CHECK(two.plugin.fibers == 0);
}

// ---- what cannot be unwound: its stack stays for ever, so each of these has a process of its own ----

namespace {

struct Stubborn {
  static void wait() noexcept { (void)tau::block_on(forever()); }
};

/// Starts what `start` starts, unloads its plugin, and returns 0 if one call was given up and all else goes on.
template <class Start>
int gives_up(Start start) {
  auto* f = new RuntimeFixture;
  start();
  f->settle();
  if (f->plugin.fibers != 1) return 10;
  f->plugin.phase = tau::host::Phase::unloading;
  f->runtime.fibers.unwind(f->plugin);
  f->settle();
  if (f->plugin.fibers != 0) return 11;
  if (f->plugin.stuck_fibers != 1) return 12;
  tau_plugin other;
  other.name = "other";
  other.phase = tau::host::Phase::running;
  tau::test::AsModule module(&other);
  bool ran = false;
  auto runs = [](bool& ran) -> Task<> {
    co_await tau::sleep(1ms);
    ran = true;
  };
  (void)tau::spawn(runs(ran));
  f->advance(2ms);
  if (!ran) return 13;
  f->unload(other);
  return other.tasks == 0 ? 0 : 14;
}

template <class Start>
int in_child(Start start) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(gives_up(start));
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace

TEST_CASE("a noexcept frame cannot be unwound: the fiber is given up and counted, and the loop goes on") {
  CHECK(in_child([] { (void)tau::fiber::spawn([] { Stubborn::wait(); }); }) == 0);
}

TEST_CASE("a loop that catches everything is given up") {
  CHECK(in_child([] {
          (void)tau::fiber::spawn([] {
            for (;;) {
              try {
                (void)tau::block_on(forever());
              } catch (...) {
              }
            }
          });
        }) == 0);
}

TEST_CASE("a noexcept frame in a task is given up with the stack that the loop was on") {
  CHECK(in_child([] {
          auto task = []() -> Task<> {
            Stubborn::wait();
            co_return;
          };
          (void)tau::spawn(task());
        }) == 0);
}
