// Owner: what the runtime holds on behalf of one loaded generation of one plugin (I4).
//
// Everything that a plugin asks of the runtime is counted here, by kind. Unloading empties each count,
// kind by kind; a count that will not become zero names what keeps the module from being closed.
// The C ABI calls it tau_plugin. It outlives the module: the registry keeps it until no reference is
// left, so a guard released late finds it.
#pragma once

#include <cstdint>
#include <string>

#include "frame_slab.hpp"
#include "spawn_sites.hpp"
#include "runtime/atomic.hpp"

namespace tau::host {

struct TaskChunk;
struct TaskSlot;

enum class Phase : std::uint32_t {
  opening,    // dlopen and plugin_init: may spawn
  running,    //
  unloading,  // takes nothing new
  pinned,     // emptied; guards held elsewhere keep it mapped
  closed,     // unmapped
};

}  // namespace tau::host

struct tau_plugin {
  std::uint64_t id = 0;
  std::string name;
  tau::host::Atomic<tau::host::Phase> phase{tau::host::Phase::opening};

  /// Guards: PluginGuard, PluginBox, PluginArc, PluginFn, resource references. [any]
  tau::host::Atomic<std::uint64_t> refs{0};

  // Live counts. [loop]
  std::uint64_t live_tasks = 0;  // spawned and not finished
  std::uint64_t waits = 0;       // tau_wait linked into another task
  std::uint64_t tasks = 0;       // slots taken, finished but unjoined ones included
  std::uint64_t timers = 0;
  std::uint64_t ios = 0;
  std::uint64_t fds = 0;
  std::uint64_t fd_waits = 0;
  std::uint64_t buffers = 0;  // groups
  std::uint64_t subscriptions = 0;
  std::uint64_t resources = 0;
  std::uint64_t children = 0;  // handles of processes
  std::uint64_t lookups = 0;   // names asked for
  std::uint64_t requests = 0;  // messages handed over and not ended
  std::uint64_t fibers = 0;    // suspended calls
  std::uint64_t stuck_fibers = 0;  // suspended calls that could not be unwound: their frames stay
  bool unwinding = false;          // suspended calls end by unwinding
  std::uint64_t sources = 0;
  std::uint64_t timed_sources = 0;  // those of them whose last answer named a time
  std::uint64_t source_calls = 0;   // functions of sources that are on a stack

  // Live counts of what other threads touch. [any]
  tau::host::Atomic<std::uint64_t> signals{0};       // subscriptions and handlers
  tau::host::Atomic<std::uint64_t> jobs{0};          // queued or running on the blocking pool, or done not called
  tau::host::Atomic<std::uint64_t> remote_calls{0};  // tau_spawn_remote on its way to the loop
  tau::host::Atomic<std::uint64_t> threads{0};       // that it started and that have not left it
  tau::host::Atomic<bool> threads_leave{false};      // they are to: see threads.hpp
  tau::host::Atomic<std::uint64_t> thread_exits{0};  // thread_local destructors registered

  // Memory. [loop]
  tau::host::TaskChunk* chunks = nullptr;
  tau::host::TaskSlot* free_slots = nullptr;
  tau::host::SpawnSites sites;
  tau::host::FrameSlab frames;

  /// Text that plugin_init left for its failure. [loop]
  std::string error;

  /// Whether new things may be created for it. [any]
  bool accepts() const noexcept {
    return phase.load(std::memory_order_acquire) <= tau::host::Phase::running;
  }

  /// Whether the plugin has something that will go on by itself: the host stays for it. [loop]
  bool has_live_work() const noexcept {
    return live_tasks + timers + ios + fd_waits + lookups + requests + timed_sources + fibers +
               jobs.load(std::memory_order_acquire) +
               remote_calls.load(std::memory_order_acquire) !=
           0;
  }
};

namespace tau::host {
using Owner = ::tau_plugin;
}
