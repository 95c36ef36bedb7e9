// See fibers.hpp.
#include "fibers.hpp"

#include <cxxabi.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

#include "runtime/assert.hpp"
#include "runtime/threads.hpp"

namespace tau::host {

struct Fiber {
  SwitchPoint point;
  Stack stack;
  StackNote note;
  Fibers* fibers = nullptr;
  Fiber* next_all = nullptr;
  Fiber* next = nullptr;        // idle or dead
  Fiber* caller = nullptr;      // who is given control back at the first park, or at the end
  Parked* parked = nullptr;
  FiberLocals locals;

  // What belongs to a stack and lies elsewhere.
  void* caught_exceptions[2] = {};
  int error = 0;
  void* kept[4] = {};

  // Dedicated ones.
  Owner* owner = nullptr;
  void (*entry)(void*) = nullptr;
  void (*ended)(void*) = nullptr;
  void* argument = nullptr;
  bool finished = false;
  bool destroyed = false;

  Owner* unwound_for[2] = {};  // whose unloading the last unwinding was for
  bool stuck = false;
  unsigned refusals = 0;  // waits refused since it is being unwound
};

namespace {

// A stack that swallows the unwinding and waits again this often will not end.
constexpr unsigned patience = 100;

Fibers* instance = nullptr;

}  // namespace

Fibers::Fibers(void (*turn)(void*), void* context)
    : turn_(turn), context_(context), main_(new Fiber), current_(main_) {
  main_->fibers = this;
  main_->next_all = std::exchange(all_, main_);
  instance = this;
  FiberLocals::set_here(&main_->locals);
  terminate_before_ = std::set_terminate(&on_terminate);
}

Fibers::~Fibers() {
  TAU_ASSERT(current_ == main_, "the runtime is destroyed on a fiber");
  std::set_terminate(terminate_before_);
  instance = nullptr;
  FiberLocals::set_here(nullptr);
  // Idle ones stand in loop_main with nothing above it. What is parked or abandoned belongs to a plugin that
  // could not be unloaded: its stack stays.
  while (Fiber* fiber = take_idle()) free(fiber);
  if (loop_) free(loop_);
  for (Fiber* fiber = std::exchange(all_, nullptr); fiber;) {
    Fiber* next = fiber->next_all;
    if (fiber == main_) {
      switch_forget(fiber->point);
      delete fiber;
    }
    fiber = next;
  }
}

bool Fibers::on_fiber() const noexcept { return current_ != main_; }

void Fibers::keep_with_stack(void* variable) noexcept {
  for (std::size_t i = 0; i < kept_count_; ++i) {
    if (kept_[i] == variable) return;
  }
  TAU_ASSERT(kept_count_ < max_kept, "no room to keep another variable with each stack");
  kept_[kept_count_++] = variable;
}

void Fibers::drop_locals(Owner& owner) noexcept {
  for (Fiber* fiber = all_; fiber; fiber = fiber->next_all) fiber->locals.drop(owner);
}

// ---- stacks ----

Fiber* Fibers::create(std::size_t stack_size, void (*body)(void*)) noexcept {
  auto* fiber = new (std::nothrow) Fiber;
  if (!fiber) return nullptr;
  fiber->stack = stacks_.take(stack_size);
  if (!fiber->stack) {
    delete fiber;
    return nullptr;
  }
  fiber->fibers = this;
  fiber->note.base = fiber->stack.base;
  fiber->note.size = fiber->stack.size;
  note_created(fiber->note);
  fiber->next_all = std::exchange(all_, fiber);
  switch_prepare(fiber->point, fiber->stack.base, fiber->stack.size, body, fiber);
  return fiber;
}

void Fibers::free(Fiber* fiber) noexcept {
  Fiber** link = &all_;
  while (*link != fiber) link = &(*link)->next_all;
  *link = fiber->next_all;
  fiber->locals.clear();
  note_destroyed(fiber->note);
  switch_forget(fiber->point);
  stacks_.give_back(fiber->stack);
  delete fiber;
}

// ---- switching ----

void Fibers::go(Fiber* to, bool last) noexcept {
  Fiber* from = current_;
  auto* caught = reinterpret_cast<void**>(abi::__cxa_get_globals());
  std::memcpy(from->caught_exceptions, caught, sizeof from->caught_exceptions);
  std::memcpy(caught, to->caught_exceptions, sizeof to->caught_exceptions);
  for (std::size_t i = 0; i < kept_count_; ++i) {
    std::memcpy(&from->kept[i], kept_[i], sizeof(void*));
    std::memcpy(kept_[i], &to->kept[i], sizeof(void*));
  }
  from->error = errno;
  errno = to->error;
  left_ = from;
  current_ = to;
  FiberLocals::set_here(&to->locals);
  note_leaving(from->note, to->note, last);
  switch_stacks(from->point, to->point);
  arrived();
}

void Fibers::arrived() noexcept {
  note_arrived(current_->note, left_->note);
  while (Fiber* dead = dead_) {
    dead_ = dead->next;
    free(dead);
  }
}

Fiber* Fibers::take_idle() noexcept {
  Fiber* fiber = idle_;
  if (fiber) {
    idle_ = fiber->next;
    --idle_count_;
  }
  return fiber;
}

void Fibers::make_idle(Fiber* fiber) noexcept {
  fiber->next = std::exchange(idle_, fiber);
  ++idle_count_;
}

/// The stack that the loop goes on on, when the one it is on is left.
Fiber* Fibers::next_runner() noexcept {
  if (Fiber* caller = std::exchange(current_->caller, nullptr)) return caller;
  if (loop_ && loop_ != current_) return std::exchange(loop_, nullptr);
  if (Fiber* idle = take_idle()) return idle;
  return create(loop_stack, &loop_main);
}

// ---- turns ----

void Fibers::begin_round() noexcept {
  if (!due_head_) return;
  (round_tail_ ? round_tail_->next_due : round_head_) = due_head_;
  round_tail_ = due_tail_;
  due_head_ = due_tail_ = nullptr;
}

void Fibers::turn() {
  TAU_ASSERT(current_ == main_, "a turn is asked for on a fiber");
  Fiber* runner = next_runner();
  TAU_REQUIRE(runner, "no memory for a stack to run the loop on");
  go(runner);
}

bool Fibers::main_waits() const noexcept { return main_->parked != nullptr; }

bool Fibers::in_a_call() const noexcept { return current_ == main_ || (current_->owner && !current_->caller); }

void Fibers::loop_main(void* self) {
  auto* fiber = static_cast<Fiber*>(self);
  Fibers& fibers = *fiber->fibers;
  fibers.arrived();
  for (;;) {
    fibers.begin_round();
    // Those who were woken before this turn, once each; who is woken meanwhile has its go in the next.
    while (Parked* parked = fibers.round_head_) {
      fibers.forget_due(*parked);
      fibers.make_idle(fiber);
      fibers.resumed_ = true;
      fibers.go(parked->fiber);
    }
    fibers.turn_(fibers.context_);
    if (fibers.main_->parked) continue;  // nobody asks for turns: they are run until main's call ends
    fibers.loop_ = fiber;
    fibers.go(fibers.main_);
  }
}

// ---- parking ----

void Fibers::link(Parked& parked) noexcept {
  parked.next = parked_;
  parked.previous = nullptr;
  if (parked_) parked_->previous = &parked;
  parked_ = &parked;
  ++parked.owner->fibers;
  if (parked.beneath) ++parked.beneath->fibers;
}

void Fibers::unlink(Parked& parked) noexcept {
  (parked.previous ? parked.previous->next : parked_) = parked.next;
  if (parked.next) parked.next->previous = parked.previous;
  --parked.owner->fibers;
  if (parked.beneath) --parked.beneath->fibers;
}

void Fibers::check(Parked& parked) {
  if (current_->owner) parked.beneath = current_->owner;
  if (parked.beneath == parked.owner) parked.beneath = nullptr;
  if (!current_->destroyed && !parked.owner->unwinding && !(parked.beneath && parked.beneath->unwinding)) return;
  if (++current_->refusals > patience) abandon();
  leave_by_unwinding(parked);
}

bool Fibers::last_chance(const Parked& parked) const noexcept {
  return std::uncaught_exceptions() != 0 && !current_->destroyed &&
         (parked.owner->unwinding || (current_->owner && current_->owner->unwinding));
}

bool Fibers::park(Parked& parked) {
  if (current_->owner) parked.beneath = current_->owner;
  if (parked.beneath == parked.owner) parked.beneath = nullptr;
  const bool refused =
      current_->destroyed || parked.owner->unwinding || (parked.beneath && parked.beneath->unwinding);
  if (refused && !parked.stays) {
    if (++current_->refusals > patience) abandon();
    leave_by_unwinding(parked);
  }
  Fiber* next = next_runner();
  if (!next) return false;
  parked.fiber = current_;
  current_->parked = &parked;
  link(parked);
  if (parked.due) wake(parked);  // it happened before we got here
  go(next);
  unlink(parked);
  parked.due = false;
  current_->parked = nullptr;
  if (parked.unwind && !parked.stays) leave_by_unwinding(parked);
  current_->refusals = 0;
  return true;
}

void Fibers::leave_by_unwinding(Parked& parked) {
  current_->unwound_for[0] = parked.owner;
  current_->unwound_for[1] = parked.beneath;
  throw Unwinding{};
}

void Fibers::wake(Parked& parked) noexcept {
  if (!parked.fiber || parked.fiber->parked != &parked) {
    parked.due = true;
    return;
  }
  if (std::exchange(parked.due, true)) {
    for (Parked* p = round_head_; p; p = p->next_due) {
      if (p == &parked) return;
    }
    for (Parked* p = due_head_; p; p = p->next_due) {
      if (p == &parked) return;
    }
  }
  parked.next_due = nullptr;
  (due_tail_ ? due_tail_->next_due : due_head_) = &parked;
  due_tail_ = &parked;
}

void Fibers::forget_due(Parked& parked) noexcept {
  auto remove = [&](Parked*& head, Parked*& tail) {
    Parked* before = nullptr;
    for (Parked* p = head; p; before = p, p = p->next_due) {
      if (p != &parked) continue;
      (before ? before->next_due : head) = p->next_due;
      if (tail == p) tail = before;
      return true;
    }
    return false;
  };
  if (!remove(round_head_, round_tail_)) remove(due_head_, due_tail_);
}

void Fibers::unwind(Owner& owner) noexcept {
  owner.unwinding = true;
  for (Parked* p = parked_; p; p = p->next) {
    if (p->owner != &owner && p->beneath != &owner) continue;
    if (p->fiber->stuck) continue;
    p->unwind = true;
    wake(*p);
  }
}

// ---- dedicated fibers ----

Fiber* Fibers::start(Owner& owner, std::size_t stack_size, void (*entry)(void*), void (*ended)(void*),
                     void* argument) {
  Fiber* fiber = create(stack_size ? stack_size : default_stack, &dedicated_main);
  if (!fiber) return nullptr;
  fiber->owner = &owner;
  fiber->entry = entry;
  fiber->ended = ended;
  fiber->argument = argument;
  fiber->caller = current_;
  go(fiber);
  return fiber;
}

void Fibers::dedicated_main(void* self) {
  auto* fiber = static_cast<Fiber*>(self);
  fiber->fibers->arrived();
  try {
    fiber->entry(fiber->argument);
  } catch (...) {
    // The unwinding, which has come to its end; of what else an entry lets out nothing is left to tell.
  }
  fiber->locals.clear();
  fiber->finished = true;
  if (!fiber->destroyed) fiber->ended(fiber->argument);
  fiber->fibers->leave_for_good();
}

void Fibers::leave_for_good() noexcept {
  Fiber* next = next_runner();
  TAU_REQUIRE(next, "no memory for a stack to run the loop on");
  // Somebody else frees the stack that we stand on; one that can still be asked about stays until destroy().
  if (current_->destroyed || !current_->ended) {
    current_->next = std::exchange(dead_, current_);
  }
  go(next, true);
  TAU_ASSERT(false, "a fiber that has ended was gone back to");
  std::abort();
}

void Fibers::destroy(Fiber* fiber) noexcept {
  if (fiber->finished) return free(fiber);
  if (fiber->stuck) return;  // given up before: its stack stays
  TAU_REQUIRE(fiber->parked && fiber != current_, "a fiber is destroyed by what runs on it");
  fiber->destroyed = true;
  forget_due(*fiber->parked);
  fiber->parked->unwind = true;
  fiber->caller = current_;
  go(fiber);
}

void Fibers::enter(void (*work)(void*), void* argument) {
  if (on_fiber()) return work(argument);
  struct Visit {
    void (*work)(void*);
    void* argument;
    bool done = false;
  } visit{work, argument};
  static Owner nobody;
  Fiber* fiber = create(loop_stack, &dedicated_main);
  TAU_REQUIRE(fiber, "no memory for a stack");
  fiber->owner = &nobody;
  fiber->entry = [](void* v) {
    auto& visit = *static_cast<Visit*>(v);
    visit.work(visit.argument);
  };
  fiber->ended = [](void* v) { static_cast<Visit*>(v)->done = true; };
  fiber->argument = &visit;
  fiber->caller = current_;
  go(fiber);
  while (!visit.done) turn();
  free(fiber);
}

// ---- what cannot be unwound ----

void Fibers::on_terminate() {
  if (instance && std::current_exception()) {
    try {
      throw;
    } catch (const Unwinding&) {
      if (instance->thread_ != std::this_thread::get_id()) threads::abandon();
      instance->abandon();
    } catch (...) {
    }
  }
  if (instance && instance->terminate_before_) instance->terminate_before_();
  std::abort();
}

void Fibers::abandon() noexcept {
  Fiber* fiber = current_;
  fiber->stuck = true;
  for (Owner* owner : fiber->unwound_for) {
    if (owner) ++owner->stuck_fibers;
  }
  Fiber* next = next_runner();
  TAU_REQUIRE(next, "no memory for a stack to run the loop on");
  go(next);
  TAU_ASSERT(false, "an abandoned fiber was gone back to");
  std::abort();
}

}  // namespace tau::host
