// See unload.hpp.
#include "unload.hpp"

#include <algorithm>

#include "opening.hpp"
#include "thread_exit.hpp"

namespace tau::host {
namespace {

std::string seconds(std::uint64_t ns) { return std::to_string(ns / 1'000'000'000) + " s"; }

}  // namespace

Unloading::Unloading(Plugin& plugin, RuntimeParts& parts, Watchdog& watchdog, bool destroy, Finished finished,
                     std::uint64_t patience_ns)
    : plugin_(plugin),
      parts_(parts),
      watchdog_(watchdog),
      destroy_(destroy),
      finished_(std::move(finished)),
      patience_ns_(patience_ns) {}

bool Unloading::advance() {
  if (!begun_) begin();
  // Also again while pinned: what another plugin does with the module's objects may leave things behind.
  if (!emptied()) return false;
  if (plugin_.refs.load() != 0) {
    const std::uint64_t refs = plugin_.refs.load();
    if (plugin_.phase.exchange(Phase::pinned) != Phase::pinned && plugin_.refs.load() != 0) {
      parts_.report("plugin '" + plugin_.name + "' stays mapped: " + std::to_string(refs) +
                    (refs == 1 ? " guard is" : " guards are") + " held elsewhere");
    }
    // The last guard may have gone before `pinned` could be seen by who gave it back.
    if (plugin_.refs.load() != 0) {
      due_ns_ = UINT64_MAX;
      return false;
    }
  }
  thread_exit::drain(plugin_);
  // A thread_local's destructor may have handed out a guard or ended a job's wait: look again.
  if (plugin_.refs.load() != 0 || !emptied()) {
    parts_.advance_soon();
    return false;
  }
  close();
  return true;
}

void Unloading::begin() {
  begun_ = true;
  since_ns_ = parts_.now_ns();
  due_ns_ = since_ns_ + patience_ns_;
  plugin_.phase.store(Phase::unloading);
  if (destroy_ && plugin_.destroy != nullptr) call_destroy();
}

void Unloading::call_destroy() {
  const OpeningScope scope(&plugin_);
  const Watchdog::Scope watch(watchdog_, plugin_.name, "plugin_destroy");
  try {
    plugin_.destroy(&plugin_);
  } catch (...) {
    parts_.report("plugin '" + plugin_.name + "': plugin_destroy threw: " + current_exception_text() +
                  "; unloading goes on");
  }
}

// Steps 3 to 5. Destructors may leave work for a step that is past (a frame's destructor ends a
// request), so nothing counts as done before nothing at all is left.
bool Unloading::emptied() {
  parts_.empty(plugin_);
  const std::string left = parts_.what_is_left(plugin_);
  if (left.empty()) return true;
  wait_for(left);
  return false;
}

void Unloading::wait_for(const std::string& what) {
  const std::uint64_t now = parts_.now_ns();
  if (due_ns_ == UINT64_MAX) due_ns_ = now + patience_ns_;  // pinned before, and emptying again
  if (now < due_ns_) return;
  parts_.report("plugin '" + plugin_.name + "': unloading waits for " + what + " (" + seconds(now - since_ns_) +
                " so far)");
  patience_ns_ *= 2;
  due_ns_ = now + patience_ns_;
}

void Unloading::close() {
  plugin_.init = nullptr;
  plugin_.destroy = nullptr;
  plugin_.request = nullptr;
  UnloadResult result;
  {
    const OpeningScope scope(&plugin_);  // static destructors may ask who they are
    const Watchdog::Scope watch(watchdog_, plugin_.name, "a static destructor");
    result.unmapped = plugin_.module == nullptr || plugin_.module->close(&result.why);
  }
  plugin_.stuck = !result.unmapped;
  if (plugin_.stuck) parts_.report("plugin '" + plugin_.name + "' is unloaded but stays mapped: " + result.why);
  if (const std::uint64_t frames = plugin_.frames.live(); frames != 0) {
    parts_.report("plugin '" + plugin_.name + "' left " + std::to_string(frames) + (frames == 1 ? " frame" : " frames") +
                  " of coroutines that it never destroyed; their memory is taken back");
  }
  parts_.release_memory(plugin_);
  plugin_.module.reset();
  plugin_.phase.store(Phase::closed);
  if (finished_) finished_(plugin_, result);
}

bool Unloader::start(Plugin& plugin, Unloading::Finished finished, bool destroy) {
  const bool known = std::any_of(unloadings_.begin(), unloadings_.end(),
                                 [&](const auto& u) { return &u->plugin() == &plugin; });
  if (known || plugin.phase.load() > Phase::running) return false;
  unloadings_.push_back(
      std::make_unique<Unloading>(plugin, parts_, watchdog_, destroy, std::move(finished), patience_ns_));
  parts_.advance_soon();
  return true;
}

void Unloader::advance() {
  // By index: a finished callback or a destructor may start another.
  for (std::size_t i = 0; i < unloadings_.size();) {
    Unloading& one = *unloadings_[i];
    if (one.advance()) {
      unloadings_.erase(std::find_if(unloadings_.begin(), unloadings_.end(),
                                     [&](const auto& u) { return u.get() == &one; }));
    } else {
      ++i;
    }
  }
  registry_.sweep();
}

std::optional<std::uint64_t> Unloader::due_ns() const noexcept {
  std::optional<std::uint64_t> first;
  for (const auto& u : unloadings_) {
    if (u->due_ns() != UINT64_MAX) first = std::min(first.value_or(UINT64_MAX), u->due_ns());
  }
  return first;
}

}  // namespace tau::host
