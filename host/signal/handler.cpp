// See handler.hpp. signal-safety(7) says what a handler may do; lock-free atomics and write(2) are all of it.
#include "signal/handler.hpp"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include <forward_list>

#include "signal/hub.hpp"

namespace tau::host::signal_handler {
namespace {

constinit Slot slots[SignalHub::most + 1];
constinit std::atomic<std::uint64_t> pending_signals{0};
constinit std::atomic<RemoteQueue*> loop{nullptr};
constinit std::atomic<std::uint32_t> handlers_running{0};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<RemoteQueue*>::is_always_lock_free);

// Signals whose handler is on this thread's stack: a handler that replaced ours and calls it, while ours
// calls that one, would go round for ever.
constinit thread_local std::uint64_t on_stack = 0;

void call(const struct sigaction& earlier, int number, siginfo_t* info, void* context) {
  if (earlier.sa_flags & SA_SIGINFO) {
    earlier.sa_sigaction(number, info, context);
  } else if (earlier.sa_handler != SIG_DFL && earlier.sa_handler != SIG_IGN) {
    earlier.sa_handler(number);
  }
}

void handle(int number, siginfo_t* info, void* context) {
  const std::uint64_t bit = std::uint64_t{1} << (number - 1);
  if (on_stack & bit) return;
  on_stack |= bit;
  const int kept = errno;
  Slot& mine = slots[number];
  handlers_running.fetch_add(1, std::memory_order_seq_cst);
  if (info && !mine.busy.test_and_set(std::memory_order_acquire)) {
    mine.info = *info;
    mine.busy.clear(std::memory_order_release);
  }
  pending_signals.fetch_or(bit, std::memory_order_release);
  if (auto at_once = mine.at_once.load()) at_once(number, mine.plugins.load() != 0);
  if (RemoteQueue* queue = loop.load(std::memory_order_seq_cst)) queue->nudge();
  handlers_running.fetch_sub(1, std::memory_order_seq_cst);
  if (const auto* earlier = mine.earlier.load(std::memory_order_acquire)) call(*earlier, number, info, context);
  errno = kept;
  on_stack &= ~bit;
}

bool equal(const struct sigaction& a, const struct sigaction& b) noexcept {
  return a.sa_flags == b.sa_flags && a.sa_sigaction == b.sa_sigaction &&
         memcmp(&a.sa_mask, &b.sa_mask, sizeof a.sa_mask) == 0;
}

/// A copy that lives for ever.
const struct sigaction* keep(const struct sigaction& action) {
  static std::forward_list<struct sigaction>& kept = *new std::forward_list<struct sigaction>;
  for (const auto& known : kept) {
    if (equal(known, action)) return &known;
  }
  return &kept.emplace_front(action);
}

}  // namespace

Slot& slot(int number) noexcept { return slots[number]; }

std::atomic<std::uint64_t>& pending() noexcept { return pending_signals; }

void set_loop(RemoteQueue* queue) noexcept {
  loop.store(queue, std::memory_order_seq_cst);
  while (handlers_running.load(std::memory_order_seq_cst) != 0) sched_yield();
}

siginfo_t information(int number) noexcept {
  Slot& mine = slots[number];
  while (mine.busy.test_and_set(std::memory_order_acquire)) sched_yield();  // a handler on another thread
  const siginfo_t copy = mine.info;
  mine.busy.clear(std::memory_order_release);
  return copy;
}

bool is_ours(const struct sigaction& action) noexcept {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == &handle;
}

std::int32_t install(int number) noexcept try {
  struct sigaction before {};
  if (sigaction(number, nullptr, &before) < 0) return -errno;
  if (is_ours(before)) return 0;
  // What an earlier handler did not want to be interrupted by still does not interrupt it.
  struct sigaction ours = before;
  ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  ours.sa_sigaction = &handle;
  slots[number].earlier.store(keep(before), std::memory_order_release);
  return sigaction(number, &ours, nullptr) < 0 ? -errno : 0;
} catch (...) {
  return -ENOMEM;
}

bool restore(int number) noexcept {
  struct sigaction now {};
  if (sigaction(number, nullptr, &now) < 0 || !is_ours(now)) return false;
  sigaction(number, slots[number].earlier.load(), nullptr);
  return true;
}

}  // namespace tau::host::signal_handler
