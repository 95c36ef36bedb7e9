// What the functions of sources may do while the loop is asking them: remove one another, come back, wait.
#include <tau/rt/fiber.h>
#include <tau/spawn.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "source_hooks.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::test::Alarm;
using tau::test::Hook;
using tau::test::RuntimeFixture;

TEST_CASE_FIXTURE(RuntimeFixture, "callbacks remove and free themselves, the next, the one before and all") {
  for (bool in_check : {false, true}) {
    for (std::size_t actor : {0u, 1u, 2u}) {
      for (unsigned victims = 1; victims < 8; ++victims) {
        std::vector<std::unique_ptr<Hook>> hooks;
        for (int i = 0; i < 3; ++i) hooks.push_back(std::make_unique<Hook>(0));
        int acted = 0;
        const auto act = [&](Hook&) {
          if (acted++ != 0) return;
          for (std::size_t i = 0; i < 3; ++i) {
            if (victims & (1u << i)) hooks[i].reset();
          }
        };
        (in_check ? hooks[actor]->on_check : hooks[actor]->on_prepare) = act;
        settle();
        settle();
        CHECK(acted >= 1);
        for (const auto& hook : hooks) {
          if (hook) CHECK(hook->told == 2);
        }
        CHECK(plugin.sources == static_cast<std::uint64_t>(3 - __builtin_popcount(victims)));
      }
    }
  }
  CHECK(plugin.timed_sources == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture,
                  "a source that leaves and comes back in its own callback is met once a turn") {
  Hook restless(0), neighbour;
  restless.on_prepare = [](Hook& self) {
    tau_source_remove(&self);
    self.told = self.asked;  // the answer is void
    CHECK(tau_source_add(&self) == TAU_OK);
  };
  for (int i = 1; i <= 4; ++i) {
    runtime.turn(false);
    CHECK(restless.asked == i);
    CHECK(neighbour.told == i);
  }
}

TEST_CASE_FIXTURE(RuntimeFixture, "a source whose function waits is left alone meanwhile; the others go on") {
  Alarm alarm(2ms);
  Hook first(0), outer, last;
  first.on_check = [&](Hook&) { runtime.clock.advance(1'000'000); };
  int others_told = 0, asked_inside = 0;
  const auto wait = [&](Hook& self) {
    if (others_told != 0) return;
    const int asked = self.asked, told = self.told, others = first.told + last.told;
    auto work = []() -> tau::Task<> { co_await tau::sleep(5ms); };
    CHECK(tau::block_on(work()));
    asked_inside = self.asked - asked + self.told - told;
    others_told = first.told + last.told - others;
  };
  SUBCASE("when it is asked") {
    outer.on_prepare = wait;
  }
  SUBCASE("when it is told") {
    outer.on_check = wait;
  }
  run_until([&] { return others_told != 0; });
  CHECK(asked_inside == 0);
  CHECK(others_told >= 8);
  CHECK(alarm.rang.size() == 1);
  const int told = outer.told;
  settle();
  settle();
  CHECK(outer.told >= told + 1);
}

TEST_CASE_FIXTURE(RuntimeFixture, "functions that wait end in any order") {
  Hook restless(0);
  restless.on_check = [&](Hook&) { runtime.clock.advance(1'000'000); };
  std::string order;
  const auto waits = [&](char name, int ms) {
    return [&order, name, ms](Hook& self) {
      self.on_check = nullptr;
      auto work = [](int n) -> tau::Task<> { co_await tau::sleep(std::chrono::milliseconds(n)); };
      CHECK(tau::block_on(work(ms)));
      order += name;
    };
  };
  Hook slow, quick, middle;
  slow.on_check = waits('c', 30);
  quick.on_check = waits('a', 3);
  middle.on_check = waits('b', 15);
  run_until([&] { return order.size() == 3; });
  CHECK(order == "abc");
  for (const Hook* hook : {&slow, &quick, &middle}) {
    const int told = hook->told;
    settle();
    settle();
    CHECK(hook->told > told);
  }
}

TEST_CASE_FIXTURE(RuntimeFixture,
                  "a source is removed and freed, and its memory used again, while its function waits") {
  for (int variant = 0; variant < 4; ++variant) {
    const bool in_check = variant % 2 == 0, added_anew = variant / 2 == 0;
    auto source = std::make_unique<tau_source>();
    static tau_parker parker;
    static int calls;
    parker = {};
    calls = 0;
    source->owner = &plugin;
    const auto waits = [](tau_source* self) {
      if (++calls == 1) CHECK(tau_park(self->owner, &parker, UINT64_MAX) == TAU_OK);
    };
    static auto wait = waits;
    if (in_check) {
      source->check = [](tau_source* self, std::int32_t) { wait(self); };
    } else {
      source->prepare = [](tau_source* self) -> std::int64_t { return wait(self), 0; };
    }
    CHECK(tau_source_add(source.get()) == TAU_OK);
    settle();
    CHECK(calls == 1);
    CHECK(plugin.source_calls == 1);
    tau_source_remove(source.get());
    CHECK(plugin.sources == 0);
    if (added_anew) {
      CHECK(tau_source_add(source.get()) == TAU_OK);
      settle();
      CHECK(calls >= 2);  // it is another one
    } else {
      *source = {};
      source.reset();
    }
    tau_unpark(&parker);
    settle();
    CHECK(plugin.source_calls == 0);
    if (source) tau_source_remove(source.get());
    CHECK(plugin.timed_sources == 0);
  }
}
