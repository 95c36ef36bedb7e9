// Fibers: the loop goes on on another stack while somebody's call waits on this one.
//
// Whoever must block on the loop's thread (tau_block_on in a task, io_context::run() in plugin_init) keeps the
// stack it stands on: it is parked there, with every frame below it, and the loop goes on on another stack.
// When what it waits for has happened the loop goes back to it, whatever was parked meanwhile. Nesting the
// loop instead would end the waits in reverse order: one of 50 ms begun before one of 400 ms took 450.
//
// Three kinds of stacks:
//   main       the thread's own; it asks for turns and runs none itself
//   loop       runs turns; one at a time, the others are parked in the middle of one or idle
//   dedicated  started for one call (tau_fiber_start); runs nothing else
//
// A suspended call ends by return, or by an exception of the host's own type when its plugin is unloaded or
// its fiber destroyed, so that destructors run. It is thrown out of the call that waits, and again out of
// every further one. Code that cannot be unwound (a noexcept frame) or does not let itself be keeps its stack:
// the fiber is abandoned, counted with its owner, and the module stays mapped (stuck_fibers).
//
// Knows stacks, not tasks. Everything is the loop's thread's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <thread>
#include <utility>

#include "annotate.hpp"
#include "locals.hpp"
#include "runtime/owner.hpp"
#include "stack.hpp"
#include "switch.hpp"

namespace tau::host {

struct Fiber;

/// Leaves a suspended call by unwinding its stack. Nobody outside the host can name it.
struct Unwinding {};

/// One call that has left its stack; lives on that stack.
struct Parked {
  Owner* owner = nullptr;       // whose call it is
  Owner* beneath = nullptr;     // whose task or fiber it stands on, where that is another's
  bool stays = false;           // in a destructor that an exception runs: another one would end the program
  // Fibers'
  Fiber* fiber = nullptr;
  bool due = false;
  bool unwind = false;
  Parked* next = nullptr;       // of all
  Parked* previous = nullptr;
  Parked* next_due = nullptr;
};

class Fibers {
 public:
  static constexpr std::size_t loop_stack = std::size_t{8} << 20;
  static constexpr std::size_t default_stack = std::size_t{1} << 20;

  /// `turn(context)` is one turn of the loop.
  Fibers(void (*turn)(void* context), void* context);
  ~Fibers();
  Fibers(const Fibers&) = delete;
  Fibers& operator=(const Fibers&) = delete;

  /// Whether this stack is one of ours, that is, not the thread's own.
  bool on_fiber() const noexcept;

  /// From the main stack: has one turn run on a loop stack.
  void turn();

  /// Leaves this stack until wake() or an unwinding. False: no memory for a stack to go on on. Throws Unwinding.
  bool park(Parked& parked);
  /// Throws Unwinding if the calling stack is to be left: what park() does first.
  void check(Parked& parked);
  /// Whether check() would throw, in a destructor that runs because of an exception. Not for a fiber that is being
  /// destroyed: who does that waits for its end.
  bool last_chance(const Parked& parked) const noexcept;
  void wake(Parked& parked) noexcept;
  /// Whether a call waits on the thread's own stack, so that turns are run without being asked for.
  bool main_waits() const noexcept;
  /// Whether this stack runs one call and no turn, and whoever began it does not wait for its first park().
  bool in_a_call() const noexcept;
  /// Whether somebody waits to be gone back to.
  bool due() const noexcept { return due_head_ != nullptr || round_head_ != nullptr; }

  /// Whether somebody was gone back to since it was asked last.
  bool resumed() noexcept { return std::exchange(resumed_, false); }

  /// Starts `entry(argument)` on a stack of its own and runs it until it ends or parks for the first time.
  /// `ended(argument)` is called at its end, on some loop stack, unless it is destroyed before. Null: no memory.
  Fiber* start(Owner& owner, std::size_t stack_size, void (*entry)(void*), void (*ended)(void*), void* argument);
  /// Unwinds a parked fiber now and frees it; one that does not end is abandoned.
  void destroy(Fiber* fiber) noexcept;

  /// Runs `work` on a stack of ours and turns the loop until it has returned.
  template <class Work>
  void enter(Work& work) {
    enter([](void* w) { (*static_cast<Work*>(w))(); }, &work);
  }

  /// From now on every suspended call of `owner`, and every one it makes, ends by unwinding.
  void unwind(Owner& owner) noexcept;

  /// From now on each stack has its own value of a pointer variable, null on a new stack. At most four.
  void keep_with_stack(void* variable) noexcept;

  /// Destroys what `owner` has left in them, on every stack.
  void drop_locals(Owner& owner) noexcept;

  std::size_t idle() const noexcept { return idle_count_; }

 private:
  friend struct Fiber;
  static constexpr std::size_t max_kept = 4;

  void enter(void (*work)(void*), void* argument);
  static void loop_main(void* fiber);
  static void dedicated_main(void* fiber);
  static void on_terminate();
  [[noreturn]] void leave_by_unwinding(Parked& parked);
  [[noreturn]] void abandon() noexcept;
  [[noreturn]] void leave_for_good() noexcept;

  Fiber* create(std::size_t stack_size, void (*body)(void*)) noexcept;
  void free(Fiber* fiber) noexcept;
  void go(Fiber* to, bool last = false) noexcept;
  void arrived() noexcept;
  Fiber* take_idle() noexcept;
  void make_idle(Fiber* fiber) noexcept;
  Fiber* next_runner() noexcept;
  void begin_round() noexcept;
  void forget_due(Parked& parked) noexcept;
  void link(Parked& parked) noexcept;
  void unlink(Parked& parked) noexcept;

  void (*turn_)(void*);
  void* context_;
  StackPool stacks_;
  Fiber* main_;
  std::thread::id thread_ = std::this_thread::get_id();
  Fiber* current_;
  Fiber* left_ = nullptr;       // the stack we came from
  Fiber* loop_ = nullptr;       // the loop stack that ended the last turn
  Fiber* idle_ = nullptr;
  std::size_t idle_count_ = 0;
  Fiber* dead_ = nullptr;       // ended, to be freed by whoever arrives
  Fiber* all_ = nullptr;
  Parked* parked_ = nullptr;
  Parked* due_head_ = nullptr;  // woken, for the next round
  Parked* due_tail_ = nullptr;
  Parked* round_head_ = nullptr;  // to be gone back to in this turn
  Parked* round_tail_ = nullptr;
  bool resumed_ = false;
  void* kept_[max_kept] = {};
  std::size_t kept_count_ = 0;
  void (*terminate_before_)() = nullptr;
};

}  // namespace tau::host
