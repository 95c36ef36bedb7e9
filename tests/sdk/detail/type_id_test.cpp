// Mostly static: what is wrong here does not compile.
#include <tau/detail/type_id.hpp>

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

using tau::detail::names_local_type;
using tau::detail::spelled;
using tau::detail::type_id;

namespace {

struct Hidden {};
enum class HiddenEnum { one };

}  // namespace

namespace shared {

struct A {
  int n;
};
struct B {
  int n;
};
namespace inner {
struct A {
  int n;
};
}  // namespace inner
template <class T>
struct Of {
  T value;
};
using Alias = A;

}  // namespace shared

static_assert(type_id<shared::A> == type_id<shared::Alias>);
static_assert(type_id<shared::A> != type_id<shared::B>);
static_assert(type_id<shared::A> != type_id<shared::inner::A>);
static_assert(type_id<shared::Of<shared::A>> != type_id<shared::Of<shared::B>>);
static_assert(type_id<std::vector<int>> != type_id<std::vector<unsigned>>);
static_assert(type_id<int*> != type_id<const int*>);

static_assert(names_local_type(spelled<Hidden>()));
static_assert(names_local_type(spelled<HiddenEnum>()));
static_assert(names_local_type(spelled<std::vector<Hidden>>()));
static_assert(names_local_type(spelled<shared::Of<shared::Of<Hidden>>>()));
static_assert(!names_local_type(spelled<shared::Of<std::string>>()));

TEST_CASE("the fingerprints of different types differ, and are no one's zero") {
  const std::set<std::uint64_t> all{type_id<bool>, type_id<char>, type_id<int>, type_id<long>, type_id<long long>,
                                    type_id<float>, type_id<double>, type_id<std::string>, type_id<shared::A>,
                                    type_id<shared::Of<int>>, type_id<shared::Of<long>>};
  CHECK(all.size() == 11);
  CHECK(all.count(0) == 0);
}

TEST_CASE("a closure is a local type") {
  auto closure = [] {};
  CHECK(names_local_type(spelled<decltype(closure)>()));
}
