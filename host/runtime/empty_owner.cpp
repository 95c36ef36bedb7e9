#include "empty_owner.hpp"

#include <utility>

#include "pollset/pollsets.hpp"
#include "threads.hpp"

namespace tau::host {

void empty_owner(Runtime& runtime, Owner& owner) noexcept {
  runtime.resume_clock(owner);  // refused unless it has paused it
  runtime.executor.drop_owner(owner);
  runtime.requests.drop_owner(owner);
  runtime.events.drop_owner(owner);
  runtime.resources.drop_owner(owner);
  if (owner.signals.load() != 0) runtime.signals.drop_owner(owner);
  runtime.children.drop_owner(owner);
  if (owner.lookups != 0) runtime.resolver.drop_owner(owner);
  if (owner.sources != 0) runtime.sources.drop_owner(owner);
  if (owner.timers != 0) runtime.wheel.withdraw_owner(&owner);
  if (owner.ios + owner.fds + owner.fd_waits + owner.buffers != 0) {
    runtime.reactor.withdraw_owner(&owner);
    owner.ios = owner.fds = owner.fd_waits = owner.buffers = 0;
  }
  runtime.pool.cancel_owner(owner);
  pollsets().drop_owner(owner);
  runtime.fibers.drop_locals(owner);
}

bool is_emptied(const Owner& owner) noexcept {
  return owner.tasks + owner.waits + owner.timers + owner.ios + owner.fds + owner.fd_waits + owner.subscriptions + owner.resources + owner.requests + owner.fibers + owner.signals.load() +
             owner.children + owner.lookups + owner.sources + owner.source_calls + owner.buffers +
             owner.threads.load(std::memory_order_seq_cst) + owner.jobs.load(std::memory_order_seq_cst) +
             owner.remote_calls.load(std::memory_order_seq_cst) ==
         0;
}

std::string what_is_left(const Owner& owner) {
  std::string text;
  auto add = [&](std::uint64_t count, const char* one, const char* many) {
    if (count == 0) return;
    if (!text.empty()) text += ", ";
    text += std::to_string(count) + ' ' + (count == 1 ? one : many);
  };
  add(owner.jobs.load(), "blocking job running", "blocking jobs running");
  add(owner.threads.load(), "thread that it started", "threads that it started");
  if (owner.threads.load() != 0) text += ": " + threads::names(owner) + ", which plugin_destroy is to end";
  add(owner.remote_calls.load(), "call from another thread on its way", "calls from other threads on their way");
  add(owner.fibers, "suspended call", "suspended calls");
  add(owner.tasks, "task", "tasks");
  add(owner.waits, "wait", "waits");
  add(owner.timers, "timer", "timers");
  add(owner.ios + owner.fd_waits, "I/O wait", "I/O waits");
  add(owner.fds, "registered descriptor", "registered descriptors");
  add(owner.buffers, "group of buffers", "groups of buffers");
  add(owner.subscriptions, "event subscription", "event subscriptions");
  add(owner.resources, "resource", "resources");
  add(owner.signals.load(), "signal subscription", "signal subscriptions");
  add(owner.children, "child process", "child processes");
  add(owner.lookups, "name lookup", "name lookups");
  add(owner.requests, "unanswered request", "unanswered requests");
  add(owner.sources, "source", "sources");
  add(owner.source_calls, "function of a source on the stack", "functions of sources on the stack");
  add(owner.refs.load(), "guard held elsewhere", "guards held elsewhere");
  return text;
}

}  // namespace tau::host
