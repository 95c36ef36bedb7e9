// Core: what the states of all channels and locks have in common, and how a waiter is woken.
//
// A state lies in memory that no module owns and is counted by references: of the ends and guards that refer to
// it, and of the awaiters that wait in it. It holds no pointer to code. Whoever lets the last reference go
// destroys it with its own copy of the code, so the module that made it may be gone by then.
//
// Waking. On the loop's thread a waiter is woken at once. Another thread may not touch a task (I8): it puts
// the nodes that it has told into `told` and sends one call to the loop, which wakes them all; while that is
// on its way, nobody sends another. The call is sent on behalf of the *waiter's* plugin and enters the
// waiter's module: both are there, since a linked node is, and a plugin waits for what was sent on its
// behalf. If that plugin is being unloaded the call is refused, rightly: its tasks are about to be
// destroyed, and with them the node, which passes on what it was granted. So an operation of a thread never
// fails for the sake of somebody's unload; not even of its own plugin's, whose ends must be able to close.
//
// A node that is destroyed between being told and being woken leaves `told` by itself.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include "loop_lock.hpp"
#include "wait_list.hpp"

namespace tau::detail::sync {

/// What every state begins with. Guarded by `lock`, all of it.
struct Core {
  LoopLock lock;
  std::size_t refs;
  WaitList told;              // by other threads, and not woken yet
  bool drain_posted = false;  // a call to wake them is on its way, and holds a reference

  explicit Core(std::size_t first_refs) noexcept : refs(first_refs) {}

  // Memory that belongs to no module, from where frames come, too.
  static void* operator new(std::size_t size) {
    if (size > largest_shared) return ::operator new(size);
    void* const memory = tau_shared_alloc(size);
    if (!memory) throw std::bad_alloc();
    return memory;
  }
  static void operator delete(void* memory, std::size_t size) noexcept {
    if (size > largest_shared) return ::operator delete(memory, size);
    tau_frame_free(memory, size);
  }
  static void* operator new(std::size_t size, std::align_val_t alignment) { return ::operator new(size, alignment); }
  static void operator delete(void* memory, std::size_t size, std::align_val_t alignment) noexcept {
    ::operator delete(memory, size, alignment);
  }

 private:
  static constexpr std::size_t largest_shared = 1024;
};

/// Holds a state's lock. Never two of one state at a time; no code of an author's type runs under it but
/// moves into and out of a queue.
class Hold {
 public:
  __attribute__((always_inline)) Hold(Core& core, bool on_loop) noexcept
      : core_(core), on_loop_(on_loop), mutex_(on_loop ? core.lock.enter_on_loop() : core.lock.enter()) {}
  __attribute__((always_inline)) ~Hold() {
    core_.lock.leave(mutex_);
    if (thread_ || wakes_loop_) [[unlikely]] wake_after();
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  /// Wakes one whose stage was set and who is in no list.
  void wake(WaitNode& node) noexcept {
    if (on_loop_ && !node.blocking) {
      if (node.waiter.context) node.waiter.wake();
    } else {
      wake_across(node);
    }
  }
  /// Takes each out of `list`, sets its stage and wakes it.
  void wake_all(WaitList& list, Stage stage) noexcept {
    while (WaitNode* node = list.pop_front()) {
      node->stage = stage;
      wake(*node);
    }
  }

  /// Waits until somebody has told `node`, which is in a list. Not on the loop's thread.
  void block(BlockedThread& node) noexcept;
  void block(BlockedThread& node, WaitList& list) noexcept {
    node.stage = Stage::waiting;
    list.push_back(node);
    block(node);
  }

 private:
  void wake_across(WaitNode& node) noexcept;
  void wake_after() noexcept;

  Core& core_;
  const bool on_loop_;
  const bool mutex_;
  // Whom to wake when the lock is free again.
  bool wakes_loop_ = false;
  const void* thread_ = nullptr;
};

/// Calls `part(hold)` and lets one reference go.
template <class State, class Part>
void leave_state(State* state, bool on_loop, Part&& part) noexcept {
  bool last;
  {
    Hold hold(*state, on_loop);
    part(hold);
    last = --state->refs == 0;
  }
  if (last) delete state;
}

/// What another thread's call does on the loop: wakes those who were told.
template <class State>
void drain_state(void* core) noexcept {
  auto* const state = static_cast<State*>(static_cast<Core*>(core));
  leave_state(state, true, [state](Hold& hold) {
    state->drain_posted = false;
    while (WaitNode* node = state->told.pop_front()) hold.wake(*node);
  });
}

/// How a reference is counted beside `refs`: here, not at all.
struct Uncounted {
  template <class State>
  static void join(State&) noexcept {}
  template <class State>
  static void leave(State* state) noexcept {
    leave_state(state, tau_on_loop_thread(), [](Hold&) {});
  }
};

/// As one of several ends of a kind: `count` says how many there are, `gone` is called when the last has left.
template <class State, std::size_t State::* count, void (State::*gone)(Hold&) noexcept>
struct OneOf {
  static void join(State& state) noexcept { ++(state.*count); }
  static void leave(State* state) noexcept {
    leave_state(state, tau_on_loop_thread(), [state](Hold& hold) {
      if (--(state->*count) == 0) (state->*gone)(hold);
    });
  }
};

/// As the only end of its kind, which cannot be copied; `close` closes it and lets its reference go.
template <auto close>
struct TheOnly {
  template <class State>
  static void leave(State* state) noexcept {
    close(state);
  }
};

/// A counted reference to a state: all that most ends of channels are made of.
template <class State, class Kind = Uncounted>
class StateRef {
 public:
  StateRef() noexcept = default;
  /// Takes over a reference that is counted already.
  explicit StateRef(State* counted) noexcept : state_(counted) {}
  StateRef(const StateRef& other) noexcept
    requires requires(State& state) { Kind::join(state); }
      : state_(other.state_) {
    if (!state_) return;
    Hold hold(*state_, tau_on_loop_thread());
    count();
  }
  StateRef(StateRef&& other) noexcept : state_(other.release()) {}
  StateRef& operator=(StateRef other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~StateRef() { reset(); }

  /// One more reference to a state that somebody else keeps alive now.
  static StateRef share(State* state) noexcept {
    Hold hold(*state, tau_on_loop_thread());
    return share(state, hold);
  }
  static StateRef share(State* state, Hold&) noexcept {
    StateRef shared(state);
    shared.count();
    return shared;
  }

  explicit operator bool() const noexcept { return state_ != nullptr; }
  State* operator->() const noexcept { return state_; }
  State& operator*() const noexcept { return *state_; }
  State* get() const noexcept { return state_; }

  State* release() noexcept { return std::exchange(state_, nullptr); }
  void reset() noexcept {
    if (State* const mine = release()) Kind::leave(mine);
  }

 private:
  void count() const noexcept {
    ++state_->refs;
    Kind::join(*state_);
  }

  State* state_ = nullptr;
};

/// An awaiter's place in a state: idle, or counted as a reference.
///
/// The awaiter may outlive the end that it was made from: an author's object may go before the tasks that
/// use it, at unload.
template <class State>
class Place : public WaitNode {
 public:
  bool await_ready() const noexcept { return false; }

 protected:
  explicit Place(State* state) noexcept : state_(state) {}
  ~Place() = default;

  /// Counts the reference of one that will wait, or has been granted something and waits for its turn.
  void enter(Stage now) noexcept {
    ++state_->refs;
    stage = now;
  }
  /// The same for one who is to be put into a list, and woken from it.
  template <class Promise>
  void enter_waiting(std::coroutine_handle<Promise> suspended) noexcept {
    waiter.set(suspended);
    join();
  }
  void join() noexcept {
    owner = module_owner();
    drain = &drain_state<State>;
    enter(Stage::waiting);
  }
  /// Ends its stay: out of every list, `part(hold, stage)`, idle. Only if it had entered.
  template <class Part>
  __attribute__((noinline)) void exit(Part&& part) noexcept {
    leave_state(state_, true, [&](Hold& hold) {
      if (list) WaitList::remove(*this);
      const Stage was = stage;
      stage = Stage::idle;
      part(hold, was);
    });
  }

  State* state_;
};

/// The place of one who waits for news and takes nothing before his turn: if he is destroyed, nothing is lost
/// and nobody else has to be told.
template <class State>
class Onlooker : public Place<State> {
 protected:
  using Place<State>::Place;
  ~Onlooker() { leave(); }

  /// Waits in `list`.
  template <class Promise>
  __attribute__((always_inline)) bool wait_in(WaitList& list, std::coroutine_handle<Promise> suspended) noexcept {
    this->enter_waiting(suspended);
    list.push_back(*this);
    return true;
  }
  /// There is something already: holds his place until his turn.
  template <class Promise>
  __attribute__((always_inline)) bool stay(std::coroutine_handle<Promise> suspended) noexcept {
    this->enter(Stage::granted);
    return suspend_if_exhausted(suspended);
  }
  void leave() noexcept {
    if (this->stage != Stage::idle) this->exit([](Hold&, Stage) {});
  }
};

/// For an awaiter that has its result at once: whether it may go on, as suspend_if_exhausted() decides.
inline bool take_budget(Context* context) noexcept {
  if (context->budget <= 1) return false;
  --context->budget;
  return true;
}

}  // namespace tau::detail::sync
