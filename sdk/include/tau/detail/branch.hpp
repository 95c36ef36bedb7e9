// Branch: one of several things that a task awaits at once.
//
// A context has one place to go on from (context.hpp), and two branches may become ready before the
// task's turn comes. So each branch has a context of its own: a tau_task with TAU_TASK_BRANCH in its
// state, which lies in the awaiting coroutine's frame. Awaiters notice nothing. Waking it ends in
// woken(), which links the branch into its driver's list and puts the driver into the parent's context;
// that one may be a branch as well. At the task's turn the driver resumes each branch on the list.
//
// Neither branch nor driver has a coroutine: what resumes them finds a PseudoFrame. So awaiting several
// awaiters allocates nothing.
//
// What holds at every moment:
//   - a driver that runs, or has settled, is not in its parent's context: nothing stale stays there
//   - what a branch wakes during a turn runs in the next one, so a branch that yields starves nobody
//   - the task's budget is handed to a branch when it runs and back afterwards
//   - TAU_TASK_RUNNING is set in a branch while its frames are on the stack, as the host does for tasks
#pragma once

#include <utility>

#include "context.hpp"

namespace tau::detail {

/// To whoever resumes it, a suspended coroutine. Every compiler begins a coroutine's frame like this;
/// the promise follows. tests/sdk/structured/branch_test.cpp asks the compiler.
struct PseudoFrame {
  void (*resume)(PseudoFrame*);
  void (*destroy)(PseudoFrame*);
};

/// What awaiters look for in the promise of who awaits them.
struct BranchPromise {
  Context* context;
};

class Driver;

class Branch : public tau_task {
 public:
  /// `ended` is called when what is awaited is ready, as the awaiting coroutine would be resumed.
  explicit Branch(void (*ended)(Branch*) noexcept) noexcept
      : tau_task{nullptr, nullptr, &fns_, 0, TAU_TASK_BRANCH}, frame_{{&resumed, nullptr}, {this}}, ended_(ended) {}
  /// Branches move until they start, and have nothing to take along.
  Branch(Branch&& other) noexcept : Branch(other.ended_) {}

  std::coroutine_handle<BranchPromise> handle() noexcept {
    return std::coroutine_handle<BranchPromise>::from_address(&frame_);
  }
  /// What it awaited has come to its end.
  bool has_ended() noexcept { return resume == ended(this); }
  void end() noexcept { resume = ended(this); }

 private:
  friend class Driver;

  struct Frame : PseudoFrame {
    BranchPromise promise;
  };

  static void resumed(PseudoFrame* frame) noexcept {
    auto* self = static_cast<Branch*>(static_cast<Frame*>(frame)->promise.context);
    self->ended_(self);
  }
  static std::int32_t woken(tau_task* self) noexcept;
  static constexpr tau_task_fns fns_{&woken, nullptr};

  Frame frame_;
  void (*ended_)(Branch*) noexcept;
  Driver* driver_ = nullptr;
  Branch* next_ = nullptr;  // in the driver's list
  unsigned place_ = 0;      // among its siblings
  bool ready_ = false;      // in the driver's list
};

/// Resumes the branches of one combinator, which derives from it and says when it has settled.
class Driver : PseudoFrame {
 public:
  /// `ended` is told of each branch that ends. True resumes the parent; by then it has called close(), or
  /// rest() if the driver is to be used again.
  explicit Driver(bool (*ended)(Driver*, Branch*) noexcept, bool in_order = false) noexcept
      : PseudoFrame{&resumed, nullptr}, ended_(ended), in_order_(in_order) {}
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

 protected:
  template <class Promise>
  void begin(std::coroutine_handle<Promise> parent) noexcept {
    context_ = parent.promise().context;
    continuation_ = parent;
    state_ = State::running;
  }
  /// Starts a branch by `start`; true when that settled the whole.
  template <class F>
  bool start(Branch& branch, unsigned place, F&& start) noexcept {
    branch.driver_ = this;
    branch.place_ = place;
    return run(branch, start);
  }
  /// After starting: waits for wakes.
  void suspend() noexcept {
    state_ = State::suspended;
    if (head_) queue();
  }
  /// From here on no branch is resumed, and wakes find nobody.
  void close() noexcept { state_ = State::closed; }
  /// Until begin() nobody waits: what is woken stays on the list.
  void rest() noexcept { state_ = State::idle; }
  /// Resumes the parent at the task's next turn, by something that is no branch.
  void finish() noexcept {
    close();
    schedule(context_, continuation_);
  }

  Context* context() const noexcept { return context_; }

 private:
  friend class Branch;
  enum class State { idle, suspended, queued, running, closed };

  template <class F>
  bool run(Branch& branch, F&& go_on) noexcept {
    branch.budget = context_->budget;
    branch.state |= TAU_TASK_RUNNING;
    go_on();
    branch.state &= ~std::uint32_t{TAU_TASK_RUNNING};
    context_->budget = branch.budget;
    return branch.has_ended() && ended_(this, &branch);
  }

  static void resumed(PseudoFrame* self) noexcept {
    if (static_cast<Driver*>(self)->turn()) static_cast<Driver*>(self)->continuation_.resume();
  }

  /// Resumes those that are ready now; true when settled.
  bool turn() noexcept {
    state_ = State::running;
    Branch* batch = std::exchange(head_, nullptr);
    tail_ = nullptr;
    while (batch) {
      Branch& branch = *batch;
      batch = branch.next_;
      branch.ready_ = false;
      void* resume = std::exchange(branch.resume, nullptr);
      if (!resume) continue;
      auto go_on = [resume] { std::coroutine_handle<>::from_address(resume).resume(); };
      if (run(branch, go_on)) {
        if (state_ != State::closed) put_back(batch);
        return true;
      }
    }
    suspend();
    return false;
  }

  void put_back(Branch* batch) noexcept {
    if (!batch) return;
    Branch* last = batch;
    while (last->next_) last = last->next_;
    last->next_ = head_;
    head_ = batch;
    if (!tail_) tail_ = last;
  }

  void queue() noexcept {
    state_ = State::queued;
    schedule(context_, std::coroutine_handle<>::from_address(static_cast<PseudoFrame*>(this)));
  }

  void wake(Branch* branch) noexcept {
    if (state_ == State::closed || branch->ready_) return;
    branch->ready_ = true;
    Branch** link = &head_;
    if (in_order_) {
      while (*link && (*link)->place_ < branch->place_) link = &(*link)->next_;
    } else if (tail_) {
      link = &tail_->next_;
    }
    branch->next_ = *link;
    *link = branch;
    if (!branch->next_) tail_ = branch;
    if (state_ == State::suspended) queue();
  }

  bool (*ended_)(Driver*, Branch*) noexcept;
  Context* context_ = nullptr;
  std::coroutine_handle<> continuation_;
  Branch* head_ = nullptr;  // ready: first woken first, or in order of their places
  Branch* tail_ = nullptr;
  State state_ = State::idle;
  bool in_order_;
};

inline std::int32_t Branch::woken(tau_task* self) noexcept {
  auto* branch = static_cast<Branch*>(self);
  branch->driver_->wake(branch);
  return TAU_PENDING;
}

}  // namespace tau::detail
