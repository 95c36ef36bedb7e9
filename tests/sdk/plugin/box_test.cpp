#include <tau/plugin/box.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "support/counted.hpp"
#include "support/two_plugins.hpp"

using tau::PluginBox;
using tau::test::Counted;
using tau::test::TwoPlugins;

static_assert(std::is_standard_layout_v<PluginBox<std::string>>);
static_assert(!std::is_copy_constructible_v<PluginBox<int>>);
static_assert(std::is_nothrow_move_constructible_v<PluginBox<int>>);

namespace {

/// Tells how many guards its maker had while it was destroyed.
struct SeesRefs {
  tau_plugin* maker;
  std::uint64_t* seen;
  SeesRefs(tau_plugin* made_by, std::uint64_t* out) : maker(made_by), seen(out) {}
  ~SeesRefs() { *seen = maker->refs.load(); }
};

struct Left {
  virtual ~Left() = default;
  int left = 1;
};
struct Right {
  int right = 2;
  ~Right() {}  // not virtual: a box destroys what was made all the same
};
struct Both : Left, Right {
  explicit Both(int& alive) : counted(alive) {}
  Counted counted;
};

struct Throws {
  Throws() { throw 1; }
};

}  // namespace

TEST_CASE_FIXTURE(TwoPlugins, "a box is destroyed by its maker's code before the maker's guard is released") {
  std::uint64_t seen = 0;
  auto box = as_other([&] { return PluginBox<SeesRefs>::make(&other, &seen); });
  CHECK(other.refs.load() == 1);
  CHECK(plugin.refs.load() == 0);
  CHECK(box.guard().name() == "other");
  box.reset();
  CHECK(seen == 1);
  CHECK(other.refs.load() == 0);
  CHECK_FALSE(box);
}

TEST_CASE_FIXTURE(TwoPlugins, "a box keeps its object and its maker's module after the maker was unloaded") {
  auto box = as_other([] { return PluginBox<std::string>::make("a text too long for the small string buffer"); });
  unload_other();
  CHECK(other.refs.load() == 1);
  CHECK(*box == "a text too long for the small string buffer");
  CHECK(box->size() == 43);
  box = nullptr;
  CHECK(other.refs.load() == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "moving a box moves its guard") {
  int alive = 0;
  auto first = PluginBox<Counted>::make(alive);
  auto second = std::move(first);
  CHECK_FALSE(first);
  CHECK(plugin.refs.load() == 1);
  second = PluginBox<Counted>::make(alive);
  CHECK(alive == 1);
  CHECK(plugin.refs.load() == 1);
  auto& same = second;
  second = std::move(same);
  CHECK(alive == 1);
  second.reset();
  CHECK(alive == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "a box of a base destroys what was made") {
  int alive = 0;
  PluginBox<Right> base = PluginBox<Both>::make(alive);
  CHECK(alive == 1);
  CHECK(base->right == 2);
  base.reset();
  CHECK(alive == 0);
  CHECK(plugin.refs.load() == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "a constructor that throws leaves no guard behind") {
  CHECK_THROWS((void)PluginBox<Throws>::make());
  CHECK(plugin.refs.load() == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "an empty box is empty and has nobody's guard") {
  PluginBox<int> empty;
  CHECK(empty.get() == nullptr);
  CHECK(empty.guard().get() == nullptr);
}
