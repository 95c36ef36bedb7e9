// For instruction sets without a switch of their own: portable, and two system calls slower.
#include <ucontext.h>

#include <cstdint>
#include <new>

#include "switch.hpp"

namespace tau::host {
namespace {

struct Start {
  void (*entry)(void*);
  void* argument;
};

// makecontext passes ints only: a pointer travels in two halves.
void start(unsigned high, unsigned low) {
  auto* start = reinterpret_cast<Start*>((std::uintptr_t{high} << 16 << 16) | low);
  const Start copy = *start;
  copy.entry(copy.argument);
}

ucontext_t& context(SwitchPoint& point) noexcept {
  if (!point.at) point.at = new ucontext_t{};  // out of memory ends the process: there is no stack to go back to
  return *static_cast<ucontext_t*>(point.at);
}

}  // namespace

void switch_prepare(SwitchPoint& point, void* stack, std::size_t size, void (*entry)(void*), void* argument) noexcept {
  // At the stack's low end, which the new stack's first frames do not reach before it is read.
  auto* start_at = new (stack) Start{entry, argument};
  ucontext_t& made = context(point);
  getcontext(&made);
  made.uc_stack.ss_sp = stack;
  made.uc_stack.ss_size = size;
  made.uc_link = nullptr;
  const auto address = reinterpret_cast<std::uintptr_t>(start_at);
  makecontext(&made, reinterpret_cast<void (*)()>(&start), 2, static_cast<unsigned>(address >> 16 >> 16),
              static_cast<unsigned>(address));
}

void switch_stacks(SwitchPoint& from, SwitchPoint& to) noexcept { swapcontext(&context(from), &context(to)); }

void switch_forget(SwitchPoint& point) noexcept {
  delete static_cast<ucontext_t*>(point.at);
  point.at = nullptr;
}

}  // namespace tau::host
