// Children: the processes that plugins started, from exec until they are reaped.
//
// Each is watched by a descriptor of its own in the reactor. SIGCHLD is left to whoever wants it, and
// waitpid(-1), which would take children from under other libraries, is never called. Handles are counted
// numbers; a child whose handle was given up, or whose plugin was unloaded, is the host's own from then on and
// reaped in the background, so none becomes a zombie while the host runs.
#pragma once

#include <tau/rt/io.h>
#include <tau/rt/process.h>

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "process/start.hpp"
#include "reactor/reactor.hpp"
#include "runtime/blocking_pool.hpp"
#include "runtime/owner.hpp"

namespace tau::host {

class StartJob;

/// Threading: [loop], all of it. See tau/rt/process.h for what the calls mean.
class Children {
 public:
  Children(Reactor& reactor, BlockingPool& pool) noexcept;
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;
  /// Those that run go on without us; those that were killed are reaped. Every owner has been emptied, and the
  /// pool has no job any more.
  ~Children();

  std::int32_t spawn(tau_process& process) noexcept;
  void cancel(tau_process& process) noexcept;
  std::int32_t wait(tau_child child, tau_wait& wait) noexcept;
  void cancel_wait(tau_wait& wait) noexcept;
  std::int32_t status(tau_child child, std::int32_t* status) const noexcept;
  std::int32_t signal(tau_child child, int number) noexcept;
  std::int32_t release(tau_child child) noexcept;

  /// Withdraws what `owner` waits for and starts, and gives up its children.
  void drop_owner(Owner& owner) noexcept;

  /// How many are alive or were not reaped, given-up ones included.
  std::size_t unreaped() const noexcept;

 private:
  friend class StartJob;
  struct Child;
  struct Retry;

  /// Takes over a child that was just started; on failure it has been killed.
  std::int32_t adopt(Owner& owner, const StartResult& started, std::uint32_t options, tau_child* out) noexcept;
  void watch(Child& child) noexcept;
  void ended(Child& child) noexcept;
  void ask_again(Child& child) noexcept;
  void settle(Child& child, std::int32_t how) noexcept;
  void give_up(Child& child) noexcept;
  Child* find(tau_child child) const noexcept;

  Reactor& reactor_;
  BlockingPool& pool_;
  Owner self_;  // of the children that nobody has a handle of, and of all watches
  std::unordered_map<tau_child, std::unique_ptr<Child>> children_;
  StartJob* starting_ = nullptr;  // whose caller is still interested
  tau_child last_ = 0;
};

}  // namespace tau::host
