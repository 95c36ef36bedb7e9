// Sources of two plugins of which one goes.
#include <tau/rt/fiber.h>

#include <doctest/doctest.h>

#include <memory>

#include "source_hooks.hpp"
#include "support/counted.hpp"
#include "support/two_plugins.hpp"

using tau::test::Hook;
using tau::test::TwoPlugins;

TEST_CASE_FIXTURE(TwoPlugins, "a plugin goes while a function of its source waits: the call is unwound") {
  int alive = 0;
  static tau_parker parker;
  parker = {};
  Hook first(-1);
  auto leaving = as_other([] { return std::make_unique<Hook>(0); });
  Hook last(-1);
  bool returned = false;
  const auto waits = [&](Hook&) {
    tau::test::Counted counted(alive);
    tau_park(&other, &parker, UINT64_MAX);
    returned = true;
  };
  SUBCASE("when it is asked") {
    leaving->on_prepare = waits;
  }
  SUBCASE("when it is told") {
    leaving->on_check = waits;
  }
  settle();
  CHECK(alive == 1);
  CHECK(other.source_calls == 1);
  unload_other();
  CHECK(alive == 0);
  CHECK_FALSE(returned);
  CHECK(other.source_calls == 0);
  const int told = last.told;
  settle();
  CHECK(last.told > told);
}

TEST_CASE_FIXTURE(TwoPlugins,
                  "a plugin is not unloaded under its source's function that waits in another's code") {
  static tau_parker parker;
  parker = {};
  auto leaving = as_other([] { return std::make_unique<Hook>(0); });
  bool returned = false;
  leaving->on_check = [&](Hook& self) {
    self.on_check = nullptr;
    CHECK(tau_park(&plugin, &parker, UINT64_MAX) == TAU_OK);  // as code of the first one would
    returned = true;
  };
  Hook restless(0);
  restless.on_check = [&](Hook& self) {
    // Only once the other is being unloaded.
    if (other.sources == 0 && self.told > 3) tau_unpark(&parker);
  };
  settle();
  CHECK(other.source_calls == 1);
  unload_other();
  CHECK(returned);
}

TEST_CASE_FIXTURE(TwoPlugins, "a plugin that is unloaded takes its sources along, in between two others") {
  Hook first(0);
  auto leaving = as_other([] { return std::make_unique<Hook>(0); });
  Hook last(-1);
  settle();
  CHECK(other.sources == 1);
  CHECK(leaving->told == 1);
  unload_other();
  CHECK(other.sources == 0);
  CHECK(other.timed_sources == 0);
  const int told = leaving->told, before = last.told;
  CHECK(tau_source_add(leaving.get()) == TAU_E_UNLOADING);
  settle();
  CHECK(leaving->told == told);
  CHECK(last.told == before + 1);
  CHECK(first.told == last.told);
}

TEST_CASE_FIXTURE(TwoPlugins,
                  "a plugin's source removes one of a plugin that goes, and is not told of it again") {
  Hook first(-1);
  auto guest = as_other([] { return std::make_unique<Hook>(0); });
  first.on_check = [&](Hook&) { guest.reset(); };
  settle();
  CHECK(other.sources == 0);
  unload_other();
  settle();
  CHECK(first.told >= 2);
}

TEST_CASE_FIXTURE(TwoPlugins, "reloads: each generation's sources end with it and the next one's go on") {
  Hook bystander(-1);
  int told = 0;
  for (std::uint64_t generation = 0; generation < 20; ++generation) {
    tau_plugin older, newer;
    older.phase = newer.phase = tau::host::Phase::running;
    Hook* left_behind = new Hook(0, &older);
    settle();
    // As in a reload: the new one is there before the old one goes.
    auto follower = std::make_unique<Hook>(-1, &newer);
    settle();
    unload(older);
    CHECK(older.sources + older.timed_sources == 0);
    told = left_behind->told;
    settle();
    CHECK(left_behind->told == told);
    CHECK(follower->told >= 2);
    delete left_behind;
    follower.reset();
    unload(newer);
    check_empty(older);
    check_empty(newer);
  }
  CHECK(bystander.told >= 60);
}
