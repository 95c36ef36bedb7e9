// See parking.hpp.
#include "parking.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>
#include <thread>

#include "fibers.hpp"
#include "runtime/runtime.hpp"
#include "runtime/threads.hpp"

namespace tau::host {
namespace {

// What a parker's state says.
enum : std::uint32_t {
  empty,
  notified,     // the next wait takes it and goes on
  on_loop,      // a stack of the loop's thread is parked; `parked` is its Message
  claimed,      // another thread unparks it and is about to read `parked`
  on_its_way,   // and has sent the message
  on_thread,    // a thread blocks; `parked` is its condition variable
};

std::atomic_ref<std::uint32_t> state_of(tau_parker& parker) noexcept { return std::atomic_ref(parker.state); }

// ---- on the loop's thread ----

struct OnLoop;

struct Message : RemoteCall {
  OnLoop* target = nullptr;  // null: it has gone on. [loop]
};

struct OnLoop : tau_timer {
  Runtime& runtime;
  tau_parker& parker;
  Message* message;
  Parked parked;
  bool timed_out = false;

  OnLoop(Runtime& runtime, Owner& owner, tau_parker& parker, Message* message) noexcept
      : tau_timer{}, runtime(runtime), parker(parker), message(message) {
    tau_timer::owner = &owner;
    fire = [](tau_timer* self) {
      auto& call = *static_cast<OnLoop*>(self);
      call.timed_out = true;
      call.runtime.fibers.wake(call.parked);
    };
    parked.owner = &owner;
    if (TaskSlot* current = runtime.executor.current()) parked.beneath = TaskChunk::of(current)->owner;
    message->target = this;
    message->arrive = [](RemoteCall* self) {
      auto* message = static_cast<Message*>(self);
      if (OnLoop* call = message->target) {
        state_of(call->parker).store(notified, std::memory_order_relaxed);
        call->runtime.fibers.wake(call->parked);
      } else {
        delete message;
      }
    };
    parker.parked = message;
  }
  ~OnLoop() {
    if (previous) runtime.wheel.cancel(this);
    // Also when the call is unwound, the parker is left empty or notified, and nothing names this stack.
    std::uint32_t was = on_loop;
    if (state_of(parker).compare_exchange_strong(was, empty, std::memory_order_acquire)) was = empty;
    while (was == claimed) {  // between two instructions of another thread
      std::this_thread::yield();
      was = state_of(parker).load(std::memory_order_acquire);
    }
    if (was == on_its_way) {
      state_of(parker).store(notified, std::memory_order_relaxed);
      message->target = nullptr;
    } else {
      delete message;
    }
  }
  OnLoop(const OnLoop&) = delete;
};

constexpr std::uint64_t last_chance_ns = 1'000'000'000;

std::int32_t park_on_loop(Runtime& runtime, Owner& owner, tau_parker& parker, std::uint64_t deadline_ns) {
  auto* message = new (std::nothrow) Message{};
  if (!message) return TAU_E_NO_MEMORY;
  OnLoop call(runtime, owner, parker, message);
  std::uint32_t expected = empty;
  if (!state_of(parker).compare_exchange_strong(expected, on_loop, std::memory_order_acq_rel)) {
    state_of(parker).store(empty, std::memory_order_relaxed);
    return TAU_OK;
  }
  // Of its owner, but armed behind arm()'s back: a call that waits while its plugin is being unloaded keeps its
  // deadline.
  if (deadline_ns != UINT64_MAX) runtime.wheel.insert(&call, deadline_ns);
  for (;;) {
    if (!call.parked.stays && runtime.fibers.last_chance(call.parked)) {
      // What is waited for there is about to happen: a thread of the object's own ends. If not, it is left after all.
      call.parked.stays = true;
      const std::uint64_t end = runtime.clock.now() + last_chance_ns;
      if (deadline_ns > end) {
        if (call.previous) runtime.wheel.cancel(&call);
        runtime.wheel.insert(&call, end);
      }
    }
    if (!runtime.fibers.park(call.parked)) return TAU_E_NO_MEMORY;
    expected = notified;
    if (state_of(parker).compare_exchange_strong(expected, empty, std::memory_order_acquire)) return TAU_OK;
    if (!call.timed_out) continue;
    if (call.parked.stays && runtime.clock.now() < deadline_ns) runtime.fibers.check(call.parked);
    expected = on_loop;
    if (state_of(parker).compare_exchange_strong(expected, empty, std::memory_order_acquire)) return TAU_E_TIMED_OUT;
    // Unparked at the very end: what is on its way arrives soon.
    call.timed_out = false;
    call.parked.due = false;
  }
}

// ---- on other threads ----

// One for all: a thread that parks here is about to sleep anyway.
std::mutex& threads_mutex() {
  static auto* mutex = new std::mutex;  // threads may outlive main()
  return *mutex;
}

// Under the same lock.
struct ThreadWait {
  const Owner& owner;
  std::condition_variable told;
  ThreadWait* next;
  ThreadWait* previous = nullptr;
  static inline ThreadWait* first = nullptr;

  explicit ThreadWait(const Owner& owner) noexcept : owner(owner), next(first) {
    if (first) first->previous = this;
    first = this;
  }
  ~ThreadWait() {
    if (next) next->previous = previous;
    (previous ? previous->next : first) = next;
  }
  ThreadWait(const ThreadWait&) = delete;
};

std::int32_t park_thread(const Owner& owner, tau_parker& parker, std::uint64_t deadline_ns) {
  std::unique_lock lock(threads_mutex());
  ThreadWait wait(owner);
  std::condition_variable& told = wait.told;
  parker.parked = &told;
  std::uint32_t expected = empty;
  if (!state_of(parker).compare_exchange_strong(expected, on_thread, std::memory_order_acq_rel)) {
    state_of(parker).store(empty, std::memory_order_relaxed);
    return TAU_OK;
  }
  const std::chrono::steady_clock::time_point deadline{
      std::chrono::nanoseconds(static_cast<std::int64_t>(std::min<std::uint64_t>(deadline_ns, INT64_MAX)))};
  std::cv_status status = std::cv_status::no_timeout;
  while (state_of(parker).load(std::memory_order_acquire) != notified && status == std::cv_status::no_timeout) {
    if (threads::is_asked_to_leave(owner)) {
      state_of(parker).store(empty, std::memory_order_release);
      throw Unwinding{};
    }
    if (deadline_ns == UINT64_MAX) {
      told.wait(lock);
    } else {
      status = told.wait_until(lock, deadline);
    }
  }
  return state_of(parker).exchange(empty, std::memory_order_acquire) == notified ? TAU_OK : TAU_E_TIMED_OUT;
}

}  // namespace

void wake_threads_of(const Owner& owner) noexcept {
  const std::lock_guard lock(threads_mutex());
  for (ThreadWait* wait = ThreadWait::first; wait; wait = wait->next) {
    if (&wait->owner == &owner) wait->told.notify_one();
  }
}

std::int32_t park(Runtime& runtime, Owner& owner, tau_parker& parker, std::uint64_t deadline_ns) {
  std::uint32_t expected = notified;
  if (state_of(parker).compare_exchange_strong(expected, empty, std::memory_order_acquire)) return TAU_OK;
  return runtime.on_loop() ? park_on_loop(runtime, owner, parker, deadline_ns) : park_thread(owner, parker, deadline_ns);
}

bool is_notified(const tau_parker& parker) noexcept {
  return state_of(const_cast<tau_parker&>(parker)).load(std::memory_order_acquire) == notified;
}

void unpark(Runtime& runtime, tau_parker& parker) noexcept {
  const bool loop = runtime.on_loop();
  std::uint32_t was = state_of(parker).load(std::memory_order_acquire);
  for (;;) {
    switch (was) {
      case empty:
        if (state_of(parker).compare_exchange_weak(was, notified, std::memory_order_acq_rel)) return;
        continue;
      case on_loop: {
        if (!state_of(parker).compare_exchange_weak(was, loop ? notified : claimed, std::memory_order_acq_rel)) continue;
        auto* message = static_cast<Message*>(parker.parked);
        if (loop) return runtime.fibers.wake(message->target->parked);
        state_of(parker).store(on_its_way, std::memory_order_release);
        return runtime.remote.push(message);
      }
      case on_thread: {
        const std::lock_guard lock(threads_mutex());
        was = on_thread;
        if (!state_of(parker).compare_exchange_strong(was, notified, std::memory_order_acq_rel)) continue;
        return static_cast<std::condition_variable*>(parker.parked)->notify_one();
      }
      default: return;  // notified, or about to be
    }
  }
}

// ---- condition variables ----

namespace {

struct CondWaiter {
  void* cond = nullptr;
  tau_parker parker{};
  CondWaiter* next = nullptr;
};

// All that wait at a condition variable, oldest first. A signal unparks under the lock: whoever finds itself
// unlinked has been unparked already.
struct CondWaiters {
  std::mutex mutex;
  CondWaiter* head = nullptr;

  void add(CondWaiter& waiter) {
    CondWaiter** link = &head;
    while (*link) link = &(*link)->next;
    *link = &waiter;
  }
  void remove(CondWaiter& waiter) {
    for (CondWaiter** link = &head; *link; link = &(*link)->next) {
      if (*link != &waiter) continue;
      *link = waiter.next;
      return;
    }
  }
};

CondWaiters& cond_waiters() {
  static auto* waiters = new CondWaiters;
  return *waiters;
}

}  // namespace

std::int32_t cond_wait(Runtime& runtime, Owner& owner, void* cond, void* mutex, std::uint64_t deadline_ns) {
  CondWaiters& waiters = cond_waiters();
  CondWaiter waiter;
  waiter.cond = cond;
  auto* user = static_cast<pthread_mutex_t*>(mutex);
  {
    const std::lock_guard lock(waiters.mutex);
    waiters.add(waiter);
  }
  pthread_mutex_unlock(user);

  struct End {
    CondWaiters& waiters;
    CondWaiter& waiter;
    pthread_mutex_t* user;
    ~End() {
      {
        const std::lock_guard lock(waiters.mutex);
        waiters.remove(waiter);
      }
      pthread_mutex_lock(user);
    }
  };
  std::int32_t status;
  try {
    End end{waiters, waiter, user};
    status = park(runtime, owner, waiter.parker, deadline_ns);
  } catch (...) {
    // A signal that came at the same time is another's now.
    if (state_of(waiter.parker).load(std::memory_order_acquire) == notified) cond_wake(runtime, cond, 1);
    throw;
  }
  return state_of(waiter.parker).load(std::memory_order_acquire) == notified ? TAU_OK : status;
}

void cond_wake(Runtime& runtime, void* cond, std::size_t count) noexcept {
  CondWaiters& waiters = cond_waiters();
  const std::lock_guard lock(waiters.mutex);
  for (CondWaiter** link = &waiters.head; *link && count != 0;) {
    CondWaiter& waiter = **link;
    if (waiter.cond != cond) {
      link = &waiter.next;
      continue;
    }
    *link = waiter.next;
    unpark(runtime, waiter.parker);
    --count;
  }
}

}  // namespace tau::host
