// Cases: named functions in a module, each with a context or more that its driver runs in the way under test.
//
// A case says what it wants by WANT; what is not so is collected as text, and the case goes on. What a case throws is a
// failure, too; only what the host throws to unwind a suspended call passes.
#pragma once

#include <chrono>
#include <exception>
#include <mutex>
#include <string>

#include "flavour.hpp"
#include "run.hpp"

#include NET_HEADER(io_context.hpp)

namespace asio_cases {

using namespace std::chrono_literals;

class Driver {
 public:
  Driver(Run& run, const char* name) noexcept : run_(run), name_(name) {}

  /// Runs `context` until it is stopped or out of work. What a handler throws comes out here.
  void drive(net::io_context& context);

  /// Every handler of a driven context says that it runs: on the loop's thread, or never there.
  void here(const char* file, int line);
  bool want(bool true_, const char* what, const char* file, int line);

  Run& run() noexcept { return run_; }
  Way way() const noexcept { return run_.way; }

 private:
  Run& run_;
  const char* name_;
  std::mutex mutex_;  // handlers of pools want something, too
};

struct Case {
  enum Kind { normal, on_request, lasting };  // lasting: leaves something that plugin_destroy ends

  Case(const char* name, void (*body)(Driver&), Kind kind = normal) noexcept
      : name(name), body(body), kind(kind), next(first) {
    first = this;
  }

  const char* const name;
  void (*const body)(Driver&);
  const Kind kind;
  Case* const next;
  static Case* first;
};

/// Called before the first case, unless one alone was asked for.
struct AtBegin {
  explicit AtBegin(void (*what)()) noexcept;
};
/// Called by plugin_destroy.
void at_destroy(void (*what)());

/// Counted: when a case has ended, and its plugin's unload at the latest, none is left.
class Alive {
 public:
  explicit Alive(Run& run) noexcept : run_(run) { ++run_.alive; }
  Alive(const Alive& other) noexcept : Alive(other.run_) {}
  Alive& operator=(const Alive&) = delete;
  ~Alive() { --run_.alive; }

 private:
  Run& run_;
};

/// For co_spawn: what a coroutine throws comes out of run().
struct Rethrow {
  void operator()(std::exception_ptr thrown) const {
    if (thrown) std::rethrow_exception(thrown);
  }
};
inline constexpr Rethrow rethrow{};

#define NET_CASE_ON(line, ...)                                                   \
  static void net_case_##line(asio_cases::Driver& d);                            \
  static asio_cases::Case net_entry_##line(NET_CASE_NAME(line, __VA_ARGS__));    \
  static void net_case_##line([[maybe_unused]] asio_cases::Driver& d)
#define NET_CASE_NAME(line, name, ...) name, &net_case_##line __VA_OPT__(, asio_cases::Case::__VA_ARGS__)
#define NET_CASE_AT(line, ...) NET_CASE_ON(line, __VA_ARGS__)
/// NET_CASE("sentence") { ... } with a Driver& d; a second argument is a Case::Kind.
#define NET_CASE(...) NET_CASE_AT(__LINE__, __VA_ARGS__)
#define WANT(...) d.want(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
#define HERE() d.here(__FILE__, __LINE__)

}  // namespace asio_cases
