// Runtime: owns the parts and turns the loop (I1).
//
// One turn: what other threads sent -> ready tasks, at most a batch -> due timers -> deferred work ->
// sources are asked -> reactor -> sources are told. With tasks left over the reactor is only asked if it has
// something to watch, and never sleeps; with none it sleeps until the next deadline, a completion or another
// thread's wake. So an idle host makes no wake-up and a busy one no system call per task switch (I11).
//
// A turn runs on a fiber, so that what blocks in the middle of one keeps its stack and the loop goes on
// (fiber/fibers.hpp). Deferred work is what must not happen inside a plugin's frame, unloading above all: the
// stack that runs a turn has none on it between two tasks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "blocking_pool.hpp"
#include "clock.hpp"
#include "executor.hpp"
#include "fiber/fibers.hpp"
#include "net/resolver.hpp"
#include "owner.hpp"
#include "reactor/reactor.hpp"
#include "process/children.hpp"
#include "registry/events.hpp"
#include "registry/requests.hpp"
#include "registry/resources.hpp"
#include "remote_queue.hpp"
#include "runtime/atomic.hpp"
#include "signal/hub.hpp"
#include "sources.hpp"
#include "timer_wheel.hpp"

namespace tau::host {

class Runtime {
 public:
  struct Options {
    std::size_t blocking_threads = BlockingPool::default_threads;
    bool manual_clock = false;
  };

  /// Makes this thread the loop's. One runtime at a time per process.
  Runtime(std::unique_ptr<Reactor> reactor, Options options);
  /// Every owner has been emptied before.
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// One turn. `may_sleep`: wait in the reactor when nothing is ready. Never from inside a turn. [loop]
  void turn(bool may_sleep);

  /// `done()` is also asked in the middle of a turn, on another stack: it only looks.
  template <class Done>
  void run_until(Done&& done) {
    using Asked = std::remove_reference_t<Done>;
    const Expecting here(awaited_, {[](void* d) -> bool { return (*static_cast<Asked*>(d))(); },
                                    const_cast<void*>(static_cast<const void*>(&done))});
    while (!done()) turn(true);
  }

  /// For a call that has nothing to do but wait: if the same is true of the loop, sleeps in the reactor on the caller's
  /// stack, until something comes or `deadline_ns`, and spares the two switches of stacks. False: it has not slept, and
  /// the caller has to park. [loop]
  bool sleep_in_place(std::uint64_t deadline_ns) noexcept;

  /// Calls `work` between two turns, with no plugin's frame on the stack. [loop]
  void defer(std::function<void()> work) { deferred_.push_back(std::move(work)); }

  /// `quietly`: as RemoteQueue::push_quietly.
  std::int32_t spawn_remote(Owner& owner, void (*start)(void*), void (*abandon)(void*), void* data,
                            bool quietly = false) noexcept;
  /// Throws Unwinding when the caller is to leave.
  std::int32_t block_on(Owner& owner, const tau_task_fns* fns, void* resume, void* data, tau_task_id* out,
                        void** result);

  /// Runs `work`, which may block, on a fiber, and turns the loop until it has returned. [loop]
  template <class Work>
  void enter(Work&& work) {
    if (fibers.on_fiber()) return work();
    may_sleep_ = true;
    const Expecting here(awaited_, {[](void*) { return false; }, nullptr});
    fibers.enter(work);
  }

  std::int32_t arm(tau_timer* timer, std::uint64_t deadline_ns) noexcept {
    if (timer->previous) wheel.cancel(timer);
    if (!timer->owner->accepts()) return TAU_E_UNLOADING;
    wheel.insert(timer, deadline_ns);
    return TAU_OK;
  }

  /// A plugin's test stops the clock for a while. While nothing is left to do it goes on to the next deadline
  /// by itself, unless the plugin waits for the blocking pool or a resolver, whose work takes real time. [loop]
  std::int32_t pause_clock(Owner& owner) noexcept;
  std::int32_t advance_clock(Owner& owner, std::uint64_t by_ns) noexcept;
  std::int32_t resume_clock(Owner& owner) noexcept;

  void retain(Owner& owner) noexcept { owner.refs.fetch_add(1, std::memory_order_relaxed); }
  void release(Owner& owner) noexcept;

  /// Whether this is the loop's thread. [any]
  bool on_loop() const noexcept { return loop_ == this; }

  /// While something is being unloaded, other threads that let go of something tell the loop.
  void begin_unload() noexcept { unloads_.fetch_add(1, std::memory_order_seq_cst); }
  void end_unload() noexcept { unloads_.fetch_sub(1, std::memory_order_seq_cst); }
  void let_go() noexcept {
    if (unloads_.load(std::memory_order_seq_cst) != 0) remote.nudge();
  }

  /// Called in each turn while something is being unloaded, with no task on the stack; returns
  /// whether it did anything. [loop]
  std::function<bool()> unload_turn;

  /// The process's runtime; null before and after it. [any]
  static Runtime* instance() noexcept { return instance_; }

 private:
  std::unique_ptr<Reactor> reactor_;

 public:
  Clock clock;
  Reactor& reactor;
  RemoteQueue remote;
  Executor executor;
  TimerWheel wheel;
  Resources resources;
  Events events;
  Requests requests;
  SignalHub signals;
  Sources sources{clock};
  Children children;  // jobs that the pool ends last are its
  Resolver resolver;  // as are these
  BlockingPool pool;
  Fibers fibers;

 private:
  static constexpr std::size_t batch = 512;

  // What the thread's own stack has turns run for. Null: it wants to be gone back to after one.
  struct Awaited {
    bool (*happened)(void*) = nullptr;
    void* data = nullptr;
  };
  class Expecting {
   public:
    Expecting(Awaited& current, Awaited awaited) noexcept
        : current_(current), before_(std::exchange(current, awaited)) {}
    ~Expecting() { current_ = before_; }
    Expecting(const Expecting&) = delete;

   private:
    Awaited& current_;
    Awaited before_;
  };

  void turn_here();
  bool is_idle() noexcept;
  bool run_deferred();
  bool run_unloads();
  bool ask_sources() noexcept;
  std::int64_t sleep_limit() const noexcept;
  bool jump_to_next_deadline() noexcept;
  std::int32_t block_off_loop(Owner& owner, const tau_task_fns* fns, void* resume, void* data, tau_task_id* out,
                              void** result) noexcept;

  std::vector<std::function<void()>> deferred_;
  Owner* paused_by_ = nullptr;
  bool may_sleep_ = false;
  Awaited awaited_;
  bool exclusive_ = false;  // deferred work or an unload is on some stack
  Atomic<unsigned> unloads_{0};

  static Runtime* instance_;
  static constinit thread_local Runtime* loop_;
  /// In a process that a plugin forked off: it has our descriptors, and what it does to them we would feel. So it
  /// has no loop: waits there are a thread's, and who comes back to the loop is sent away.
  static void become_child() noexcept;
  [[noreturn]] static void refuse_child() noexcept;
  static bool forked_;
};

}  // namespace tau::host
