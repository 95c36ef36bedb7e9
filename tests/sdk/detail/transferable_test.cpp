// Mostly static: what is wrong here does not compile.
#include <tau/cancellation_token.hpp>
#include <tau/detail/transferable.hpp>
#include <tau/join_set.hpp>
#include <tau/plugin/arc.hpp>
#include <tau/plugin/box.hpp>
#include <tau/plugin/fn.hpp>
#include <tau/stream/stream.hpp>
#include <tau/task_group.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <complex>
#include <filesystem>
#include <future>
#include <memory_resource>
#include <regex>
#include <thread>
#include <typeindex>

using tau::Transferable;
using namespace tau::detail;

namespace shared {

enum class Color { red, green };
struct Empty {};
struct Point {
  int x;
  int y;
};
struct Nested {
  Point a;
  Point b;
  std::string name;
};
struct Arrays {
  int numbers[4];
  Point points[2];
  char text[8];
  std::string last;
};
struct Bits {
  unsigned low : 3;
  unsigned high : 5;
  std::string rest;
};
struct Recursive {
  std::string name;
  std::vector<Recursive> children;
};
struct WithOwner {
  std::unique_ptr<WithOwner> next;
  int value;
};
struct Sixteen {
  int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o;
  std::string p;
};
struct Seventeen {
  int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q;
};
struct Inner {
  int a;
  std::string_view text;
};
struct Outer {
  int a;
  std::vector<Inner> inners;
};
struct DeepInArray {
  int a;
  Inner inners[2];
};
struct Virtual {
  virtual ~Virtual() = default;
  int n = 0;
};
struct Derived : Point {
  int z;
};
class Private {
  int n_ = 0;

 public:
  int n() const { return n_; }
};
class Vouched {
  int n_ = 0;

 public:
  int n() const { return n_; }
};
struct UsesVouched {
  Vouched vouched;
  int n;
};
union Union {
  int a;
  float b;
};
struct WithCallback {
  std::string name;
  void (*call)(int);
};
struct WithReference {
  int& n;
};
struct Deleter {
  void operator()(int* p) const { delete p; }
};

}  // namespace shared

template <>
inline constexpr bool tau::enable_transferable<shared::Vouched> = true;

namespace {

template <class... Ts>
constexpr bool all = (Transferable<Ts> && ...);
template <class... Ts>
constexpr bool none = !(Transferable<Ts> || ...);

// Values of the language and of the standard library.
static_assert(all<bool, char, int, double, long double, std::byte, std::nullptr_t, shared::Color, int[3]>);
static_assert(all<const int, const std::string>);
static_assert(all<std::string, std::wstring, std::vector<int>, std::vector<std::string>, std::deque<int>,
                  std::list<int>, std::forward_list<int>>);
static_assert(all<std::map<std::string, int>, std::multimap<int, int>, std::set<int>, std::multiset<int>,
                  std::unordered_map<std::string, std::vector<int>>, std::unordered_set<std::string>>);
static_assert(all<std::optional<std::string>, std::variant<int, std::string>, std::variant<std::monostate, int>,
                  std::tuple<>, std::tuple<int, std::string>, std::pair<int, int>, std::array<std::string, 3>>);
static_assert(all<std::bitset<70>, std::complex<double>, std::unique_ptr<int>, std::unique_ptr<int, shared::Deleter>,
                  std::filesystem::path, std::chrono::nanoseconds, std::chrono::steady_clock::time_point>);
static_assert(!all<std::filesystem::path::iterator>);
static_assert(!all<std::filesystem::directory_entry>);
static_assert(all<tau::Error, tau::Result<std::string>, tau::Result<void>>);
static_assert(all<tau::PluginGuard, tau::PluginBox<shared::Virtual>, tau::PluginArc<shared::Virtual>,
                  tau::PluginFn<int(int)>>);

// Structs are looked into.
static_assert(all<shared::Empty, shared::Point, shared::Nested, shared::Arrays, shared::Bits, shared::Recursive,
                  shared::WithOwner, shared::Sixteen>);
static_assert(none<shared::Inner, shared::Outer, shared::DeepInArray, shared::WithCallback, shared::WithReference>);

// What points into its maker's module.
static_assert(none<int*, const char*, int&, void (*)(), int shared::Point::*>);
static_assert(none<std::string_view, std::span<int>, std::initializer_list<int>, std::reference_wrapper<int>>);
static_assert(none<std::function<void()>, std::any, std::shared_ptr<int>, std::weak_ptr<int>>);
static_assert(none<std::error_code, std::error_condition, std::exception_ptr, std::coroutine_handle<>>);
static_assert(none<std::future<int>, std::promise<int>, std::packaged_task<void()>, std::regex, std::thread,
                   std::type_index, std::pmr::string, std::pmr::vector<int>>);
static_assert(none<std::vector<std::string_view>, std::optional<int*>, std::map<int, std::shared_ptr<int>>,
                   std::unique_ptr<int, void (*)(int*)>, std::unique_ptr<shared::Virtual>,
                   std::set<int, bool (*)(int, int)>>);

// What is ours: handles of tasks travel as their values do, what belongs to a plugin's loop does not.
static_assert(all<tau::AbortHandle, tau::JoinHandle<int>, tau::JoinHandle<void>>);
static_assert(none<tau::JoinHandle<int*>, tau::Task<int>, tau::Task<>, tau::Stream<int>, tau::CancellationToken,
                   tau::TaskGroup, tau::JoinSet<int>>);
static_assert(is_shared_handle<tau::CancellationToken> && is_shared_handle<std::shared_ptr<int>> &&
              is_shared_handle<std::function<void()>> && is_shared_handle<int*>);
static_assert(!is_shared_handle<tau::JoinHandle<int>> && !is_shared_handle<std::string> &&
              !is_shared_handle<tau::PluginArc<int>> && !is_shared_handle<tau::Task<int>>);

// What its author has to vouch for.
static_assert(none<shared::Virtual, shared::Derived, shared::Private, shared::Union, shared::Seventeen>);
static_assert(all<shared::Vouched, shared::UsesVouched, std::vector<shared::Vouched>>);

// A refusal spells the path to the culprit and the remedy.
static_assert(
    std::same_as<TransferVerdict<shared::Outer>,
                 InField<shared::Outer, 1,
                         Inside<std::vector<shared::Inner>,
                                InField<shared::Inner, 1, Dangles<std::string_view, pass_a_std_string>>>>>);
static_assert(std::same_as<TransferVerdict<shared::WithCallback>,
                           InField<shared::WithCallback, 1, Dangles<void (*)(int), pass_a_tau_PluginFn>>>);
static_assert(std::same_as<TransferVerdict<const char*>, Dangles<const char*, pass_a_std_string>>);
static_assert(std::same_as<TransferVerdict<shared::Private>,
                           Dangles<shared::Private, if_it_holds_no_pointers_specialise_tau_enable_transferable>>);

}  // namespace

TEST_CASE("fields are counted right, arrays and bit-fields included") {
  CHECK(count_fields<shared::Empty, initialisers<shared::Empty>()>() == 0);
  CHECK(count_fields<shared::Point, initialisers<shared::Point>()>() == 2);
  CHECK(count_fields<shared::Nested, initialisers<shared::Nested>()>() == 3);
  CHECK(count_fields<shared::Arrays, initialisers<shared::Arrays>()>() == 4);
  CHECK(count_fields<shared::Bits, initialisers<shared::Bits>()>() == 3);
  CHECK(count_fields<shared::Sixteen, initialisers<shared::Sixteen>()>() == 16);
}
