#include <tau/plugin/fn.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "support/counted.hpp"
#include "support/two_plugins.hpp"

using tau::Errc;
using tau::PluginFn;
using tau::Result;
using tau::test::Counted;
using tau::test::TwoPlugins;

static_assert(std::is_standard_layout_v<PluginFn<int(std::string)>>);
static_assert(sizeof(PluginFn<int()>) == 4 * sizeof(void*));
static_assert(!std::is_copy_constructible_v<PluginFn<int()>>);
static_assert(std::is_nothrow_move_constructible_v<PluginFn<int()>>);
static_assert(!std::is_constructible_v<PluginFn<int()>, int (*)(int)>);

namespace {

int twice(int n) { return 2 * n; }

}  // namespace

TEST_CASE_FIXTURE(TwoPlugins, "closures of none to seven arguments") {
  std::string base = "s";
  PluginFn<std::string()> none = [base] { return base; };
  PluginFn<int(int)> one = [](int a) { return a; };
  PluginFn<int(int, int)> two = [](int a, int b) { return a + b; };
  PluginFn<int(int, int, int)> three = [](int a, int b, int c) { return a + b + c; };
  PluginFn<std::string(int, char, std::string, double)> four = [base](int a, char b, std::string c, double d) {
    return base + std::to_string(a) + b + c + std::to_string(static_cast<int>(d));
  };
  PluginFn<int(int, int, int, int, int, int, int)> seven = [](auto... all) { return (all + ...); };
  CHECK(*none() == "s");
  CHECK(*one(1) == 1);
  CHECK(*two(1, 2) == 3);
  CHECK(*three(1, 2, 3) == 6);
  CHECK(*four(1, 'b', "c", 4.0) == "s1bc4");
  CHECK(*seven(1, 2, 3, 4, 5, 6, 7) == 28);
  CHECK(plugin.refs.load() == 6);
}

TEST_CASE_FIXTURE(TwoPlugins, "a closure keeps its state, its move-only captures, and passes references through") {
  PluginFn<int()> counter = [n = std::make_unique<int>(0)]() mutable { return ++*n; };
  CHECK(*counter() == 1);
  CHECK(*counter() == 2);

  PluginFn<void(std::string&)> append = [](std::string& text) { text += "!"; };
  std::string text = "hi";
  CHECK(append(text).has_value());
  CHECK(text == "hi!");

  PluginFn<std::unique_ptr<int>(std::unique_ptr<int>)> pass = [](std::unique_ptr<int> p) { return p; };
  CHECK(**pass(std::make_unique<int>(7)) == 7);
}

TEST_CASE_FIXTURE(TwoPlugins, "plain functions and members are callables too; null ones make an empty PluginFn") {
  PluginFn<int(int)> function = &twice;
  CHECK(*function(4) == 8);
  PluginFn<std::size_t(const std::string&)> member = &std::string::size;
  CHECK(*member("four") == 4);
  int (*null)(int) = nullptr;
  PluginFn<int(int)> empty = null;
  CHECK_FALSE(empty);
  CHECK(empty(1).error() == Errc::invalid);
  CHECK(plugin.refs.load() == 2);
}

TEST_CASE_FIXTURE(TwoPlugins, "an exception stays with the maker: the caller reads threw") {
  PluginFn<int(bool)> throws = [](bool standard) -> int {
    if (standard) throw std::runtime_error("the maker's own");
    throw 1;
  };
  CHECK(throws(true).error() == Errc::threw);
  CHECK(throws(false).error() == Errc::threw);
  PluginFn<void()> nothing = [] { throw std::runtime_error("again"); };
  CHECK(nothing().error() == Errc::threw);
}

TEST_CASE_FIXTURE(TwoPlugins, "a callable that returns a Result is not wrapped twice") {
  PluginFn<Result<int>(int)> half = [](int n) -> Result<int> {
    if (n % 2 != 0) return Errc::invalid;
    return n / 2;
  };
  Result<int> four = half(8);
  CHECK(*four == 4);
  CHECK(half(3).error() == Errc::invalid);
}

TEST_CASE_FIXTURE(TwoPlugins, "a const signature can be called through a const PluginFn") {
  const PluginFn<int(int) const> add = [base = 40](int n) { return base + n; };
  CHECK(*add(2) == 42);
}

TEST_CASE_FIXTURE(TwoPlugins, "a closure is destroyed before its maker's guard is released, even after the unload") {
  struct SeesRefs {
    tau_plugin* maker;
    std::uint64_t* seen;
    ~SeesRefs() { *seen = maker->refs.load(); }
  };
  std::uint64_t seen = 0;
  PluginFn<int()> fn = as_other([&] {
    auto held = std::make_unique<SeesRefs>(SeesRefs{&other, &seen});
    return PluginFn<int()>([held = std::move(held)] { return 5; });
  });
  unload_other();
  CHECK(other.refs.load() == 1);
  CHECK(fn.guard().name() == "other");
  CHECK(*fn() == 5);
  seen = 0;
  auto moved = std::move(fn);
  CHECK_FALSE(fn);
  moved = nullptr;
  CHECK(seen == 1);
  CHECK(other.refs.load() == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "every closure that is made is destroyed once") {
  int alive = 0;
  {
    Counted counted(alive);
    PluginFn<void()> a = [counted] {};
    PluginFn<void()> b = [counted] {};
    CHECK(alive == 3);
    a = std::move(b);
    CHECK(alive == 2);
  }
  CHECK(alive == 0);
}
