// See unload.hpp.
#include "unload.hpp"

#include <algorithm>
#include <utility>

#include "fiber_keys.hpp"
#include "opening.hpp"
#include "pollset/pollsets.hpp"
#include "runtime/empty_owner.hpp"
#include "runtime/threads.hpp"
#include "thread_exit.hpp"

namespace tau::host {
namespace {

constexpr std::uint64_t grace_ns = 100'000'000;

// Whether empty_owner() could do anything. What is not named here leaves by itself: jobs that run, and
// what other threads have sent.
bool can_be_emptied(const Owner& o) noexcept {
  return o.tasks + o.waits + o.timers + o.ios + o.fds + o.fd_waits + o.subscriptions + o.resources + o.requests +
             o.signals.load() + o.children + o.lookups + o.sources !=
         0;
}

}  // namespace

struct Unloader::Unload : tau_timer {
  tau_timer grace;  // until suspended calls are unwound
  Unloader* unloader;
  Plugin* plugin;
  bool destroy;
  bool begun;
  bool emptied;
  std::vector<Done> done;
};

Unloader::Unloader(Runtime& runtime, Registry& registry, Watchdog& watchdog, Report report, std::uint64_t patience_ns)
    : runtime_(runtime),
      registry_(registry),
      watchdog_(watchdog),
      report_(std::move(report)),
      patience_ns_(patience_ns) {
  self_.name = "tau";
  self_.phase = Phase::running;
  runtime_.unload_turn = [this] { return turn(); };
  runtime_.fibers.keep_with_stack(opening_variable());
}

Unloader::~Unloader() {
  runtime_.unload_turn = nullptr;
  for (const auto& unload : unloads_) {
    runtime_.wheel.cancel(unload.get());
    runtime_.wheel.cancel(&unload->grace);
    runtime_.end_unload();
  }
}

Unloader::Unload& Unloader::begin(Plugin& plugin) {
  const auto known =
      std::find_if(unloads_.begin(), unloads_.end(), [&](const auto& u) { return u->plugin == &plugin; });
  if (known != unloads_.end()) return **known;
  auto unload = std::make_unique<Unload>();
  unload->fire = [](tau_timer* timer) {
    auto& expired = *static_cast<Unload*>(timer);
    expired.unloader->say_what_is_left(expired);
  };
  unload->owner = unload->grace.owner = &self_;
  unload->grace.fire = [](tau_timer*) {};  // the turn that it brings about looks
  unload->unloader = this;
  unload->plugin = &plugin;
  unload->destroy = true;
  unloads_.push_back(std::move(unload));
  runtime_.begin_unload();
  return *unloads_.back();
}

void Unloader::unload(Plugin& plugin, Done done) {
  if (plugin.stuck) {
    if (done) done(plugin, {false, "it was unloaded before, and stays mapped"});
    return;
  }
  Unload& unload = begin(plugin);
  if (done) unload.done.push_back(std::move(done));
}

void Unloader::discard(Plugin& plugin) { begin(plugin).destroy = false; }

void Unloader::unload_all(std::function<void()> done) {
  all_done_ = [before = std::exchange(all_done_, nullptr), done = std::move(done)] {
    if (before) before();
    if (done) done();
  };
  begin_next();
}

// Towards unload_all(). Returns whether it changed anything.
bool Unloader::begin_next() {
  if (!all_done_) return false;
  const bool busy = std::any_of(unloads_.begin(), unloads_.end(),
                                [](const auto& u) { return u->plugin->phase.load() != Phase::pinned; });
  if (busy) return false;
  const auto& all = registry_.all();
  const auto newest =
      std::find_if(all.rbegin(), all.rend(), [](const auto& p) { return p->phase.load() <= Phase::running; });
  if (newest != all.rend()) {
    begin(**newest);
    return true;
  }
  if (!unloads_.empty()) return false;
  std::exchange(all_done_, nullptr)();
  return true;
}

// Called by the runtime between two turns of the loop while something is on its way.
bool Unloader::turn() {
  bool moved = false;
  // By index, because `done` may set others on their way.
  for (std::size_t i = 0; i < unloads_.size();) {
    Unload* unload = unloads_[i].get();
    moved |= step(*unload);
    if (unload->plugin->phase.load() != Phase::closed) {
      ++i;
      continue;
    }
    const auto ended = std::move(unloads_[i]);
    unloads_.erase(unloads_.begin() + static_cast<std::ptrdiff_t>(i));
    runtime_.end_unload();
  }
  registry_.sweep();
  return begin_next() || moved;
}

// One step of one plugin. Returns whether it got any further.
bool Unloader::step(Unload& unload) {
  Plugin& plugin = *unload.plugin;
  bool moved = false;
  if (!unload.begun) {
    unload.begun = moved = true;
    plugin.phase.store(Phase::unloading);
    runtime_.arm(&unload, runtime_.clock.now() + patience_ns_);
    if (unload.destroy && plugin.destroy != nullptr) call_destroy(plugin);
    if (plugin.fibers + plugin.threads.load() != 0) runtime_.arm(&unload.grace, runtime_.clock.now() + grace_ns);
  }
  // Suspended calls first: their frames may use whatever else the plugin has.
  if (plugin.fibers != 0) return end_fibers(unload) || moved;
  if (plugin.threads.load() != 0) {
    if (unload.grace.previous != nullptr) return moved;
    if (!plugin.threads_leave.load()) threads::ask_to_leave(plugin);
  }
  // Once, and again when something was left by a destructor, or by another plugin that used an object of this one
  // while it was pinned.
  if (!std::exchange(unload.emptied, true) || can_be_emptied(plugin)) {
    empty_owner(runtime_, plugin);
    moved = true;
  }
  if (!is_emptied(plugin) && plugin.stuck_fibers == 0) return moved;
  if (plugin.refs.load() != 0) {
    const bool news = plugin.phase.exchange(Phase::pinned) != Phase::pinned;
    return news || moved;
  }
  thread_exit::drain(plugin);
  // The destructor of a thread_local may have left something behind or given a guard away: look again.
  // A task that stands on a stack which could not be unwound stays with it.
  if (plugin.refs.load() == 0 && (plugin.stuck_fibers != 0 || is_emptied(plugin))) close(unload);
  return true;
}

// plugin_destroy was the plugin's chance to end its calls; the grace is for them to return.
bool Unloader::end_fibers(Unload& unload) {
  Plugin& plugin = *unload.plugin;
  if (plugin.unwinding || unload.grace.previous != nullptr) return false;
  runtime_.fibers.unwind(plugin);
  return true;
}

void Unloader::call_destroy(Plugin& plugin) {
  const OpeningScope scope(&plugin);
  const Watchdog::Scope watch(watchdog_, plugin.name, "plugin_destroy");
  try {
    plugin.destroy(&plugin);
  } catch (...) {
    report_("plugin '" + plugin.name + "': plugin_destroy threw: " + current_exception_text() + "; unloading goes on");
  }
}

void Unloader::close(Unload& unload) {
  Plugin& plugin = *unload.plugin;
  runtime_.wheel.cancel(&unload);
  runtime_.wheel.cancel(&unload.grace);
  plugin.init = nullptr;
  plugin.destroy = nullptr;
  plugin.request = nullptr;
  // From here on a thread_local that begins in a static destructor is the module's own matter.
  plugin.phase.store(Phase::closed);
  UnloadResult result;
  {
    const OpeningScope scope(&plugin);  // static destructors may ask who they are
    const Watchdog::Scope watch(watchdog_, plugin.name, "a static destructor");
    if (plugin.stuck_fibers == 0) {
      result.unmapped = plugin.module->close(&result.why);
    } else {
      result.why = std::to_string(plugin.stuck_fibers) +
                   " suspended call(s) could not be unwound: a noexcept function stands on the stack, or a "
                   "catch (...) that neither rethrows nor returns";
    }
  }
  plugin.stuck = !result.unmapped;
  if (plugin.stuck) {
    // Whoever keeps it may still call it: what it could touch stays as well.
    report_("plugin '" + plugin.name + "' is unloaded but stays mapped: " + result.why);
  } else {
    plugin.module.reset();
    threads::join_those_of(plugin);
    if (const std::size_t left = pollsets().close_owner(plugin); left != 0) {
      report_("plugin '" + plugin.name + "' left an event loop behind; its " + std::to_string(left) +
              " descriptors are closed, its memory is lost");
    }
    plugin.frames.release();
    fiber_keys::forget(plugin);
    runtime_.executor.reclaim(plugin);
    runtime_.resources.forget_user(plugin);
  }
  // A callback may ask for another.
  while (!unload.done.empty()) {
    for (const Done& done : std::exchange(unload.done, {})) done(plugin, result);
  }
}

void Unloader::say_what_is_left(Unload& unload) {
  Plugin& plugin = *unload.plugin;
  std::string text = "plugin '" + plugin.name + "' is not unloaded after " +
                     std::to_string(patience_ns_ / 1'000'000'000) + " s; the host waits for: " + what_is_left(plugin);
  const std::vector<std::string> holders = runtime_.resources.holders(plugin);
  for (std::size_t i = 0; i < holders.size(); ++i) {
    text += (i == 0 ? " (resources of it are held by '" : "', '") + holders[i];
  }
  if (!holders.empty()) text += "')";
  report_(text);
}

}  // namespace tau::host
