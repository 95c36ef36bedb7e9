#include <tau/resource.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "support/counted.hpp"
#include "support/two_plugins.hpp"

namespace resource = tau::resource;
using tau::Errc;
using tau::test::Counted;
using tau::test::TwoPlugins;


namespace shared {

struct Counter {
  explicit Counter(int& alive) : counted(alive) {}
  tau::test::Counted counted;
  int hits = 0;
};
struct Throws {
  Throws() { throw std::runtime_error("no"); }
};
struct Refused {
  explicit Refused(int& alive) : counted(alive) {}
  tau::test::Counted counted;
};

}  // namespace shared

TEST_CASE_FIXTURE(TwoPlugins, "what one plugin puts, another gets: the same object") {
  int alive = 0;
  REQUIRE(as_other([&] { return resource::put<shared::Counter>("hits", alive); }));
  {
    auto hits = resource::get<shared::Counter>("hits");
    REQUIRE(hits);
    (*hits)->hits = 3;
    CHECK(other.refs.load() == 1);
    auto again = as_other([] { return resource::get<shared::Counter>("hits"); });
    REQUIRE(again);
    CHECK((**again).hits == 3);
    CHECK(again->get() == hits->get());
  }
  CHECK(other.refs.load() == 0);
  CHECK(alive == 1);
  unload_other();
  CHECK(alive == 0);
  CHECK(resource::get<shared::Counter>("hits").error() == Errc::not_found);
}

TEST_CASE_FIXTURE(TwoPlugins, "an object that is referred to outlives its maker's unload, and pins its module") {
  int alive = 0;
  REQUIRE(as_other([&] { return resource::put<shared::Counter>("hits", alive); }));
  auto hits = resource::get<shared::Counter>("hits");
  REQUIRE(hits);
  unload_other();
  CHECK(alive == 1);
  CHECK(other.refs.load() == 1);
  CHECK(resource::get<shared::Counter>("hits").error() == Errc::not_found);
  (*hits)->hits = 1;
  hits = Errc::closed;
  CHECK(alive == 0);
  CHECK(other.refs.load() == 0);
}

TEST_CASE_FIXTURE(TwoPlugins, "a resource of another type under that name is refused") {
  REQUIRE(resource::put<std::string>("name", "text"));
  CHECK(resource::get<int>("name").error() == Errc::type_mismatch);
  CHECK(resource::take<int>("name").error() == Errc::type_mismatch);
  CHECK(**resource::get<std::string>("name") == "text");
}

TEST_CASE_FIXTURE(TwoPlugins, "a name is taken once, and what was refused is destroyed") {
  int alive = 0;
  REQUIRE(resource::put<shared::Counter>("one", alive));
  CHECK(as_other([&] { return resource::put<shared::Refused>("one", alive); }).error() == Errc::exists);
  CHECK(resource::put<shared::Refused>("", alive).error() == Errc::invalid);
  CHECK(alive == 1);
  unload(plugin);
  CHECK(alive == 0);
  CHECK_THROWS_AS((void)resource::put<shared::Throws>("two"), std::runtime_error);
  CHECK(resource::get<shared::Throws>("two").error() == Errc::not_found);
}

TEST_CASE_FIXTURE(TwoPlugins, "what is taken leaves its maker behind") {
  REQUIRE(as_other([] { return resource::put<std::string>("text", "a text too long for the small string buffer"); }));
  auto text = resource::take<std::string>("text");
  REQUIRE(text);
  CHECK(other.refs.load() == 0);
  CHECK(other.resources == 0);
  unload_other();
  CHECK(*text == "a text too long for the small string buffer");
  CHECK(resource::take<std::string>("text").error() == Errc::not_found);
  CHECK(resource::put<std::string>("text", "the name is free again"));
}

TEST_CASE_FIXTURE(TwoPlugins, "what is borrowed cannot be taken") {
  REQUIRE(resource::put<std::string>("text", "here"));
  {
    auto borrowed = resource::get<std::string>("text");
    REQUIRE(borrowed);
    CHECK(resource::take<std::string>("text").error() == Errc::busy);
    CHECK(**borrowed == "here");
  }
  CHECK(*resource::take<std::string>("text") == "here");
}

TEST_CASE_FIXTURE(TwoPlugins, "a move-only value can be taken") {
  REQUIRE(resource::put<std::unique_ptr<int>>("pointer", std::make_unique<int>(4)));
  auto taken = resource::take<std::unique_ptr<int>>("pointer");
  REQUIRE(taken);
  CHECK(**taken == 4);
}

TEST_CASE_FIXTURE(TwoPlugins, "a plugin that unloads puts nothing") {
  plugin.phase = tau::host::Phase::unloading;
  int alive = 0;
  CHECK(resource::put<shared::Counter>("late", alive).error() == Errc::unloading);
  CHECK(alive == 0);
}
