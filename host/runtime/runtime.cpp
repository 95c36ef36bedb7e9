#include "runtime.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <new>
#include <utility>

#include "assert.hpp"
#include "loop_barrier.hpp"

namespace tau::host {

Runtime* Runtime::instance_ = nullptr;
constinit thread_local Runtime* Runtime::loop_ = nullptr;
bool Runtime::forked_ = false;

namespace {

// A finished job travels to the loop in its own memory: its queue links are free by then.
static_assert(sizeof(RemoteCall) <= 2 * sizeof(void*));

tau_job* job_of(RemoteCall* call) noexcept {
  return reinterpret_cast<tau_job*>(reinterpret_cast<std::byte*>(call) - offsetof(tau_job, next));
}

void send_completed(void* context, tau_job* job) noexcept {
  auto* call = new (reinterpret_cast<std::byte*>(job) + offsetof(tau_job, next)) RemoteCall;
  call->arrive = [](RemoteCall* self) { BlockingPool::finish(job_of(self)); };
  static_cast<Runtime*>(context)->remote.push(call);
}

}  // namespace

Runtime::Runtime(std::unique_ptr<Reactor> chosen, Options options)
    : reactor_(std::move(chosen)),
      reactor(*reactor_),
      remote([](void* context) { static_cast<Reactor*>(context)->wake(); }, reactor_.get()),
      executor(remote),
      wheel(clock.now()),
      resources([](Owner* owner) { (void)owner, instance_->let_go(); }),
      signals(remote),
      children(reactor, pool),
      resolver(pool, options.blocking_threads / 4),
      pool(&send_completed, this, options.blocking_threads),
      fibers([](void* runtime) { static_cast<Runtime*>(runtime)->turn_here(); }, this) {
  TAU_ASSERT(!instance_, "one runtime per process (I1)");
  if (options.manual_clock) clock.stop();
  loop_barrier::prepare();
  reactor.keep({.io_ends = [](tau_plugin* owner) { --owner->ios; },
                .wait_ends = [](tau_plugin* owner) { --owner->fd_waits; }});
  reactor.offload_to({[](void* self, tau_job* job) { return static_cast<Runtime*>(self)->pool.submit(job); }, this});
  fibers.keep_with_stack(executor.current_variable());
  instance_ = this;
  loop_ = this;
  static const int once = ::pthread_atfork(nullptr, nullptr, become_child);
  static_cast<void>(once);
}

Runtime::~Runtime() {
  loop_ = nullptr;
  instance_ = nullptr;
}

void Runtime::become_child() noexcept {
  loop_ = nullptr;
  forked_ = instance_ != nullptr;
}

void Runtime::refuse_child() noexcept {
  static constexpr char text[] = "tau: a process that a plugin forked off came back to the loop, which is its parent's; "
                                 "it has to end by exec or _exit\n";
  static_cast<void>(!::write(STDERR_FILENO, text, sizeof text - 1));
  ::_exit(70);  // EX_SOFTWARE
}

void Runtime::turn(bool may_sleep) {
  may_sleep_ = may_sleep;
  fibers.turn();
}

void Runtime::turn_here() {
  if (forked_) [[unlikely]] refuse_child();
  bool worked = remote.drain([this](RemoteLink* link) { executor.arrived(link); });
  worked |= signals.deliver();
  worked |= executor.run(batch) != 0;
  if (!wheel.empty()) worked |= wheel.advance(clock.now()) != 0;
  worked |= run_deferred();
  worked |= run_unloads();
  worked |= fibers.resumed();

  const bool sources_in_play = !sources.empty();
  if (sources_in_play) worked |= ask_sources();

  // Where the thread's own stack waits nobody asked for this turn, nor waits for its end.
  const bool may_sleep = may_sleep_ || fibers.main_waits();
  if (executor.ready() || remote.pending() || fibers.due() || !may_sleep || (sources_in_play && worked)) {
    if (reactor.pending() != 0) reactor.poll(0);
  } else if (!worked && paused_by_ && jump_to_next_deadline()) {
    // The next turn fires what is due.
  } else if (!worked && remote.prepare_sleep()) {
    // Only a turn that did nothing sleeps: the caller may have been waiting for what this one did.
    reactor.poll(sleep_limit());
    remote.end_sleep();
  }
  if (sources_in_play) sources.check();
}

/// Whether a turn now would find nothing to do, as far as the reactor has not more to tell.
bool Runtime::is_idle() noexcept {
  if (forked_ || paused_by_ || clock.manual() || !sources.empty()) return false;
  if (executor.ready() || fibers.due() || remote.pending() || !deferred_.empty()) return false;
  if (unloads_.load(std::memory_order_relaxed) != 0) return false;
  if (fibers.main_waits() || !fibers.on_fiber()) return true;
  return may_sleep_ && awaited_.happened && !awaited_.happened(awaited_.data);
}

bool Runtime::sleep_in_place(std::uint64_t deadline_ns) noexcept {
  // Only where nothing of a turn is in progress beneath: callbacks of the reactor's, of timers and of other threads
  // are called one after another.
  if (!executor.current() && !fibers.in_a_call()) return false;
  if (!is_idle()) return false;
  std::int64_t limit = -1;
  if (deadline_ns != UINT64_MAX || !wheel.empty()) {
    const std::uint64_t now = clock.now();
    const std::uint64_t due = wheel.empty() ? UINT64_MAX : wheel.next_wake_ns();
    if (due <= now) return false;
    const std::uint64_t until = std::min(due, deadline_ns);
    limit = until <= now ? 0 : static_cast<std::int64_t>(std::min<std::uint64_t>(until - now, INT64_MAX));
  }
  if (limit == 0 && reactor.pending() == 0) return true;  // nobody waits for what it could tell
  if (!remote.prepare_sleep()) return false;
  const Executor::Outside outside(executor);  // what comes is not the calling task's doing
  reactor.poll(limit);
  remote.end_sleep();
  return true;
}

/// Returns whether that left something to be done that only a turn's earlier steps do.
bool Runtime::ask_sources() noexcept {
  const unsigned unloads = unloads_.load(std::memory_order_relaxed);
  const std::size_t deferred = deferred_.size();
  const bool whole = sources.prepare();
  return !whole || deferred_.size() != deferred || unloads_.load(std::memory_order_relaxed) != unloads;
}

std::int64_t Runtime::sleep_limit() const noexcept {
  if (sources.unasked()) return 0;
  const std::uint64_t now = clock.now();
  std::uint64_t due = sources.deadline_ns();
  if (clock.manual()) return due <= now ? 0 : -1;  // sleeping would not make it any later
  if (!wheel.empty()) due = std::min(due, wheel.dense_wake_ns());
  if (due == Sources::never) return -1;
  return due <= now ? 0 : static_cast<std::int64_t>(std::min<std::uint64_t>(due - now, INT64_MAX));
}

bool Runtime::jump_to_next_deadline() noexcept {
  if (wheel.empty() || paused_by_->jobs.load(std::memory_order_acquire) != 0 || paused_by_->lookups != 0) return false;
  if (reactor.pending() != 0) reactor.poll(0);
  if (!executor.ready() && !remote.pending() && !fibers.due()) {
    const std::uint64_t due = wheel.next_wake_ns();
    const std::uint64_t now = clock.now();
    if (due > now) clock.advance(due - now);
  }
  return true;
}

std::int32_t Runtime::pause_clock(Owner& owner) noexcept {
  if (clock.manual()) return TAU_E_BUSY;
  if (wheel.size() != owner.timers || executor.has_tasks_beside(owner)) return TAU_E_BUSY;
  clock.stop();
  paused_by_ = &owner;
  return TAU_OK;
}

std::int32_t Runtime::advance_clock(Owner& owner, std::uint64_t by_ns) noexcept {
  if (paused_by_ != &owner) return TAU_E_INVALID;
  clock.advance(by_ns);
  return TAU_OK;
}

std::int32_t Runtime::resume_clock(Owner& owner) noexcept {
  if (paused_by_ != &owner) return TAU_E_INVALID;
  clock.start();
  paused_by_ = nullptr;
  return TAU_OK;
}

bool Runtime::run_deferred() {
  if (exclusive_ || deferred_.empty()) return false;
  exclusive_ = true;
  // What the work defers anew waits for the next turn.
  std::vector<std::function<void()>> work = std::exchange(deferred_, {});
  for (auto& call : work) call();
  exclusive_ = false;
  return true;
}

bool Runtime::run_unloads() {
  if (exclusive_ || !unload_turn || unloads_.load(std::memory_order_relaxed) == 0) return false;
  exclusive_ = true;
  const bool worked = unload_turn();
  exclusive_ = false;
  return worked;
}

void Runtime::release(Owner& owner) noexcept {
  // Counted as on its way, so that the record is not freed between the two steps.
  owner.remote_calls.fetch_add(1, std::memory_order_seq_cst);
  owner.refs.fetch_sub(1, std::memory_order_acq_rel);
  owner.remote_calls.fetch_sub(1, std::memory_order_seq_cst);
  let_go();
}

std::int32_t Runtime::spawn_remote(Owner& owner, void (*start)(void*), void (*abandon)(void*), void* data,
                                   bool quietly) noexcept {
  struct Call : RemoteCall {
    Runtime* runtime;
    Owner* owner;
    void (*start)(void*);
    void (*abandon)(void*);
    void* data;
  };
  // Counted before the phase is read: an unload that begins now waits for the call.
  owner.remote_calls.fetch_add(1, std::memory_order_seq_cst);
  Call* call = owner.accepts() ? new (std::nothrow) Call{} : nullptr;
  if (!call) {
    std::int32_t status = owner.accepts() ? TAU_E_NO_MEMORY : TAU_E_UNLOADING;
    owner.remote_calls.fetch_sub(1, std::memory_order_seq_cst);
    let_go();
    return status;
  }
  call->runtime = this;
  call->owner = &owner;
  call->start = start;
  call->abandon = abandon;
  call->data = data;
  call->arrive = [](RemoteCall* self) {
    std::unique_ptr<Call> arrived(static_cast<Call*>(self));
    (arrived->owner->accepts() ? arrived->start : arrived->abandon)(arrived->data);
    arrived->owner->remote_calls.fetch_sub(1, std::memory_order_seq_cst);
    arrived->runtime->let_go();
  };
  if (quietly) {
    remote.push_quietly(call);
  } else {
    remote.push(call);
  }
  return TAU_OK;
}

std::int32_t Runtime::block_on(Owner& owner, const tau_task_fns* fns, void* resume, void* data, tau_task_id* out,
                               void** result) {
  if (!on_loop()) return block_off_loop(owner, fns, resume, data, out, result);
  Parked parked;
  parked.owner = &owner;
  if (TaskSlot* current = executor.current()) parked.beneath = TaskChunk::of(current)->owner;
  fibers.check(parked);
  tau_task_id id = 0;
  if (std::int32_t status = executor.spawn(owner, fns, resume, data, &id); status < 0) return status;
  *out = id;  // also for a caller that is unwound: the task has taken over what it was made of

  struct Blocked : tau_wait {
    Runtime& runtime;
    tau_task_id id;
    Parked& parked;
    bool returned = false;

    Blocked(Runtime& runtime, tau_task_id id, Parked& parked) noexcept
        : tau_wait{}, runtime(runtime), id(id), parked(parked) {
      fire = [](tau_wait* self) {
        auto& blocked = *static_cast<Blocked*>(self);
        blocked.runtime.fibers.wake(blocked.parked);
      };
      tau_wait::owner = parked.owner;
    }
    ~Blocked() {
      runtime.executor.join_cancel(id, this);
      if (returned) return;
      // Unwound: nobody waits for the task any more.
      if (TaskSlot* task = runtime.executor.find(id)) runtime.executor.abort(task);
      if (TaskSlot* task = runtime.executor.find(id)) runtime.executor.detach(task);
    }
  } blocked(*this, id, parked);

  std::int32_t status;
  while ((status = executor.join_take(id, result)) == TAU_PENDING) {
    if (!blocked.linked && (status = executor.join(id, &blocked)) < 0) break;
    if (!fibers.park(parked)) return TAU_E_NO_MEMORY;
  }
  blocked.returned = true;
  return status;
}

// The caller waits on a condition variable of its own; the loop spawns the task and links a wait to it.
std::int32_t Runtime::block_off_loop(Owner& owner, const tau_task_fns* fns, void* resume, void* data,
                                     tau_task_id* out, void** result) noexcept {
  struct Blocked : tau_wait {
    Runtime* runtime;
    const tau_task_fns* fns;
    void* resume;
    void* data;
    tau_task_id id = 0;
    void* result = nullptr;
    std::int32_t status = TAU_PENDING;
    std::mutex mutex;
    std::condition_variable told;

    void tell(std::int32_t outcome) {
      std::lock_guard lock(mutex);
      status = outcome;
      told.notify_one();  // under the lock: the waiter's stack holds this object
    }
    void ended() { tell(runtime->executor.join_take(id, &result)); }
    void start() {
      std::int32_t spawned = runtime->executor.spawn(*owner, fns, resume, data, &id);
      if (spawned < 0) return tell(spawned);
      runtime->executor.join(id, this);
    }
  };
  Blocked blocked{};
  blocked.fire = [](tau_wait* self) { static_cast<Blocked*>(self)->ended(); };
  blocked.owner = &owner;
  blocked.runtime = this;
  blocked.fns = fns;
  blocked.resume = resume;
  blocked.data = data;
  std::int32_t status = spawn_remote(
      owner, [](void* self) { static_cast<Blocked*>(self)->start(); },
      [](void* self) { static_cast<Blocked*>(self)->tell(TAU_E_UNLOADING); }, &blocked);
  if (status < 0) return status;
  std::unique_lock lock(blocked.mutex);
  blocked.told.wait(lock, [&] { return blocked.status != TAU_PENDING; });
  *out = blocked.id;
  *result = blocked.result;
  return blocked.status;
}

}  // namespace tau::host
