// Unload: from a running plugin to an empty address range, step by step.
//
// Each step makes the next one safe:
//
//   1. phase unloading   nothing new can be created for the plugin, by any thread, from here on.
//   2. plugin_destroy    the module is still whole: it joins its threads and lets go of others' things.
//                        Joining later, in a static destructor, would happen under the dynamic linker's
//                        lock and hang with any thread that needs it.
//      What waits in a call of ours, a suspended call or a thread of its own, is unwound after a grace.
//   3. tasks             destroying a frame runs the module's code, which withdraws most of what follows
//                        (I7); after this no code of the module runs by itself on the loop.
//   4. what is left      requests, subscriptions, resources, timers, I/O: withdrawn, not fired. Queued
//                        blocking jobs are cancelled; running ones cannot be, and are waited for, like
//                        calls of other threads that are on their way.
//   5. guards            objects of the module live elsewhere and their code must stay: phase pinned,
//                        until the last one is given back.
//   6. thread exits      thread_local objects of all threads. Not before 5: what guards keep alive may use
//                        them.
//   7. close             static destructors run, the mapping goes; seen in /proc/self/maps (I6), then
//                        the addresses are reserved.
//   8. memory            frames and slots. Not before 7: a static destructor may still give a frame back.
//                        And references to others' resources, which it may still release.
//
// The loop takes the steps between two turns, never from a frame of a plugin: dlclose under such a frame
// returns into nothing. Between two steps everything else goes on. What a step waits for wakes the loop
// (Runtime::begin_unload), so waiting costs no turn.
#pragma once

#include <tau/rt/timer.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "registry.hpp"
#include "runtime/runtime.hpp"
#include "watchdog.hpp"

namespace tau::host {

struct UnloadResult {
  bool unmapped = false;
  std::string why;  // when it is not: what keeps it mapped
};

/// Threading: [loop], all of it.
class Unloader {
 public:
  /// The record is still there; it may be gone once this returns. May load and unload others.
  using Done = std::function<void(Plugin&, const UnloadResult&)>;
  /// Shows one line to the user.
  using Report = std::function<void(const std::string&)>;

  static constexpr std::uint64_t default_patience_ns = 5'000'000'000;

  /// After `patience_ns` an unload that still waits says for what, once, and goes on waiting.
  Unloader(Runtime& runtime, Registry& registry, Watchdog& watchdog, Report report,
           std::uint64_t patience_ns = default_patience_ns);
  /// What is still on its way stays mapped and unsettled: the process ends.
  ~Unloader();
  Unloader(const Unloader&) = delete;
  Unloader& operator=(const Unloader&) = delete;

  /// Sets a plugin on its way; nothing happens to it before the loop's next turn, so it may be called
  /// from the plugin's own frame. One that is on its way already only gets another `done`.
  void unload(Plugin& plugin, Done done = {});

  /// The same for a plugin whose plugin_init failed: plugin_destroy is not called.
  void discard(Plugin& plugin);

  /// Unloads all, the newest first, each begun when the one before it is closed or pinned: a guard may be
  /// held by one whose turn comes later. `done` is called when none is left, at
  /// once if there is none.
  void unload_all(std::function<void()> done);

  /// Whether none is on its way.
  bool idle() const noexcept { return unloads_.empty(); }

 private:
  struct Unload;

  Unload& begin(Plugin& plugin);
  bool turn();
  bool step(Unload& unload);
  bool begin_next();
  bool end_fibers(Unload& unload);
  void call_destroy(Plugin& plugin);
  void close(Unload& unload);
  void say_what_is_left(Unload& unload);

  Runtime& runtime_;
  Registry& registry_;
  Watchdog& watchdog_;
  const Report report_;
  const std::uint64_t patience_ns_;
  Owner self_;  // the timers' owner
  std::vector<std::unique_ptr<Unload>> unloads_;
  std::function<void()> all_done_;
};

}  // namespace tau::host
