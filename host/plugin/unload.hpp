// Unload: from a running plugin to an empty address range, step by step.
//
// Each step makes the next one safe:
//
//   1. phase unloading   nothing new can be created for the plugin, by any thread, from here on.
//   2. plugin_destroy    the module is still whole: it joins its threads and lets go of others' things.
//                        Joining later, in a static destructor, would happen under the dynamic linker's
//                        lock and hang with any thread that needs it.
//   3. tasks             destroying a frame runs the module's code, which withdraws most of what follows
//                        (I7); after this no code of the module runs by itself on the loop.
//   4. what is left      subscriptions, resources, requests, timers, I/O: withdrawn, not fired. Before the
//                        jobs, because those may take long and nobody should call in meanwhile.
//   5. jobs              queued ones are cancelled; running ones cannot be, and are waited for.
//   6. guards            objects of the module live elsewhere and their code must stay: phase pinned,
//                        until the last one is given back.
//   7. thread exits      thread_local objects of all threads. Not before 6: what guards keep alive may use
//                        them.
//   8. close             static destructors run, the mapping goes; seen in /proc/self/maps (I6), then
//                        the addresses are reserved.
//   9. memory            frames and slots. Not before 8: a static destructor may still give a frame back.
//
// Steps are taken by advance(), called by the loop between tasks and never from a frame of a plugin:
// dlclose under such a frame returns into nothing. Between two calls everything else goes on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "registry.hpp"
#include "watchdog.hpp"

namespace tau::host {

/// What unloading asks of the runtime: its executor, reactor, wheel, pool and registries. All [loop].
class RuntimeParts {
 public:
  virtual ~RuntimeParts() = default;

  /// Steps 3 to 5: destroys or withdraws whatever of `owner` can be at this moment. Called again, at
  /// each advance(), until nothing is left, and then does what has become possible. No frame of the
  /// owner is on the stack.
  virtual void empty(Owner& owner) = 0;
  /// What empty() had to leave, in words ("2 blocking jobs running"); empty when nothing. References to
  /// the owner's objects held elsewhere are not among it: they are guards.
  virtual std::string what_is_left(const Owner& owner) = 0;
  /// Frees what is accounted to an owner of which nothing is left: slots and frames.
  virtual void release_memory(Owner& owner) = 0;

  /// The loop's clock.
  virtual std::uint64_t now_ns() = 0;
  /// Shows one line to the user.
  virtual void report(const std::string& line) = 0;
  /// Asks the loop to call Unloader::advance() at its next turn, from no plugin's frame.
  virtual void advance_soon() = 0;
};

struct UnloadResult {
  bool unmapped = false;
  std::string why;  // when it is not: what keeps it mapped
};

/// One plugin on its way out.
class Unloading {
 public:
  using Finished = std::function<void(Plugin&, const UnloadResult&)>;

  /// `destroy`: whether plugin_destroy is to be called; not after a plugin_init that failed.
  Unloading(Plugin& plugin, RuntimeParts& parts, Watchdog& watchdog, bool destroy, Finished finished,
            std::uint64_t patience_ns);

  /// Takes what steps can be taken now. True once the module is closed: then `finished` was called.
  bool advance();

  /// When advance() is due even if nothing happens: to say what it waits for. [loop]
  std::uint64_t due_ns() const noexcept { return due_ns_; }
  Plugin& plugin() noexcept { return plugin_; }

 private:
  void begin();
  void call_destroy();
  bool emptied();
  void wait_for(const std::string& what);
  void close();

  Plugin& plugin_;
  RuntimeParts& parts_;
  Watchdog& watchdog_;
  const bool destroy_;
  Finished finished_;
  bool begun_ = false;
  std::uint64_t since_ns_ = 0;
  std::uint64_t patience_ns_;  // doubles with each word
  std::uint64_t due_ns_ = 0;
};

/// All plugins on their way out. [loop]
class Unloader {
 public:
  Unloader(Registry& registry, RuntimeParts& parts, Watchdog& watchdog, std::uint64_t patience_ns = 5'000'000'000)
      : registry_(registry), parts_(parts), watchdog_(watchdog), patience_ns_(patience_ns) {}

  /// Sets a plugin on its way; nothing happens to it before advance(). False if it is on it already.
  /// May be called from a plugin's frame. `finished` is called from advance(), the record is still there.
  bool start(Plugin& plugin, Unloading::Finished finished = {}, bool destroy = true);

  /// Takes what steps can be taken, for each plugin; then removes records that nobody refers to.
  /// Called by the loop, never from a plugin's frame and not while it is on the stack already: after
  /// start(), when a job ended, when the last guard was given back, and when due_ns() has come.
  void advance();

  /// Whether all are through.
  bool idle() const noexcept { return unloadings_.empty(); }
  /// The next moment at which advance() is due by time alone.
  std::optional<std::uint64_t> due_ns() const noexcept;

 private:
  Registry& registry_;
  RuntimeParts& parts_;
  Watchdog& watchdog_;
  const std::uint64_t patience_ns_;
  std::vector<std::unique_ptr<Unloading>> unloadings_;
};

}  // namespace tau::host
