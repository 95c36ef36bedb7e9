// Picks a backend and says which and why. Who asks by name gets that one or a refusal; the build's option
// is a preference, so where it cannot be met the next best one serves and the sentence says so.
//
// On Linux io_uring comes before epoll. Measured by tests/bench/reactor_echo_bench (64 connections, 64 bytes;
// processor time per request, epoll's as 1): receiving one at a time 0.99, multishot 0.96; registering and
// deregistering a descriptor 1.06; a wake 0.94. So sockets are no argument either way, and files are: in the
// ring they need no thread, no copy and no duplicate of the descriptor.
#include <stdlib.h>

#include "backends.hpp"
#include "reactor/reactor_backends.hpp"  // generated: TAU_REACTOR_BACKENDS, best first, and TAU_REACTOR_PREFERRED

namespace tau::host {
namespace {

struct Backend {
  std::string_view name;
  std::unique_ptr<Reactor> (*make)(std::string* why);
};

#define X(name) Backend{#name, &make_##name},
constexpr Backend built[] = {TAU_REACTOR_BACKENDS(X)};
#undef X

constexpr std::string_view known[] = {"auto", "epoll", "kqueue", "io_uring"};

bool is_known(std::string_view name) {
  for (std::string_view candidate : known) {
    if (candidate == name) return true;
  }
  return false;
}

std::string quoted(std::string_view name) { return "'" + std::string(name) + "'"; }

std::string names_built() {
  std::string names;
  for (const Backend& backend : built) names += (names.empty() ? "" : ", ") + std::string(backend.name);
  return names;
}

/// `why` explains a refusal only.
std::unique_ptr<Reactor> make_named(std::string_view name, std::string* why) {
  for (const Backend& backend : built) {
    if (backend.name == name) return backend.make(why);
  }
  *why = is_known(name) ? "this build has no reactor " + quoted(name) + "; it has: " + names_built()
                        : "no reactor is called " + quoted(name) + "; there are: auto, epoll, kqueue, io_uring";
  return nullptr;
}

std::unique_ptr<Reactor> make_best(std::string* why) {
  std::string refusals;
  for (const Backend& backend : built) {
    std::string refusal;
    if (auto reactor = backend.make(&refusal)) {
      *why = refusals.empty() ? std::string(backend.name) + ": the best that this build has"
                              : std::string(backend.name) + ", since " + refusals;
      return reactor;
    }
    refusals += (refusals.empty() ? "" : "; ") + refusal;
  }
  *why = refusals;
  return nullptr;
}

}  // namespace

std::unique_ptr<Reactor> make_reactor(std::string_view wanted, std::string* why) {
  std::string ignored;
  if (!why) why = &ignored;
  std::string_view reason = "as asked for";
  if (wanted.empty() || wanted == "auto") {
    const char* environment = ::getenv("TAU_REACTOR");
    wanted = environment && *environment ? environment : "auto";
    reason = "TAU_REACTOR asks for it";
  }
  if (wanted != "auto") {
    auto reactor = make_named(wanted, why);
    if (reactor) *why = std::string(wanted) + ": " + std::string(reason);
    return reactor;
  }

  constexpr std::string_view preferred = TAU_REACTOR_PREFERRED;
  if (preferred == "auto") return make_best(why);
  std::string refusal;
  if (auto reactor = make_named(preferred, &refusal)) {
    *why = std::string(preferred) + ": the build prefers it";
    return reactor;
  }
  auto reactor = make_best(why);
  *why += " (the build prefers " + quoted(preferred) + ", but " + refusal + ")";
  return reactor;
}

}  // namespace tau::host
