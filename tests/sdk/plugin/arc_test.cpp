#include <tau/plugin/arc.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/counted.hpp"
#include "support/two_plugins.hpp"

using tau::PluginArc;
using tau::test::Counted;
using tau::test::TwoPlugins;

static_assert(std::is_standard_layout_v<PluginArc<std::string>>);
static_assert(!std::is_polymorphic_v<tau::detail::ArcNode<std::string>>);

namespace {

struct Base {
  int base = 1;
};
struct Derived : Counted, Base {
  using Counted::Counted;
};
struct SeesRefs {
  tau_plugin* maker;
  std::uint64_t* seen;
  SeesRefs(tau_plugin* made_by, std::uint64_t* out) : maker(made_by), seen(out) {}
  ~SeesRefs() { *seen = maker->refs.load(); }
};

}  // namespace

TEST_CASE_FIXTURE(TwoPlugins, "the last of its holders destroys an arc's object, and holds one guard until then") {
  int alive = 0;
  auto first = as_other([&] { return PluginArc<Counted>::make(alive); });
  {
    auto second = first;
    auto third = second;
    CHECK(first == third);
    CHECK(first.use_count() == 3);
    CHECK(other.refs.load() == 1);
    first.reset();
    CHECK(alive == 1);
    CHECK(third.use_count() == 2);
  }
  CHECK(alive == 0);
  CHECK(other.refs.load() == 0);
  CHECK(first.use_count() == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "an arc's object is destroyed before its maker's guard is released") {
  std::uint64_t seen = 0;
  auto arc = as_other([&] { return PluginArc<SeesRefs>::make(&other, &seen); });
  unload_other();
  CHECK(arc.guard().name() == "other");
  arc = nullptr;
  CHECK(seen == 1);
  CHECK(other.refs.load() == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "an arc may be shared as a base or as const") {
  int alive = 0;
  PluginArc<Base> base = PluginArc<Derived>::make(alive);
  PluginArc<const Base> constant = base;
  CHECK(constant->base == 1);
  CHECK(base.use_count() == 2);
  base.reset();
  CHECK(alive == 1);
  constant.reset();
  CHECK(alive == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "an arc may be copied and dropped by many threads at once") {
  int alive = 0;
  auto arc = PluginArc<Counted>::make(alive);
  {
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([mine = arc] {
        for (int i = 0; i < 20'000; ++i) {
          auto copy = mine;
          auto moved = std::move(copy);
        }
      });
    }
    for (auto& thread : threads) thread.join();
  }
  CHECK(arc.use_count() == 1);
  CHECK(plugin.refs.load() == 1);
  arc.reset();
  CHECK(alive == 0);
}
