// Signal hub: one handler for the process, many subscribers for each signal.
//
// The handler, on whatever thread the signal found, sets a bit, nudges the loop and calls the handler that
// was there before. The loop takes all bits with one exchange and tells the subscribers, so a signal that
// came twice meanwhile is told once, as with the kernel's own pending signals.
//
// Who lets two parties call sigaction(2) for themselves has the second one cut off the first, and SIG_DFL of
// either ends the process. Here it is each owner's entry that comes and goes; the system's disposition is ours
// while there is any, and what it was before when there is none. If somebody replaced our handler meanwhile,
// his stays: only he knows whether it is still wanted.
//
// The state that the handler touches is static and lock-free. Records of earlier dispositions are never
// freed, because a handler on another thread may be reading one; equal ones are shared.
#pragma once

#include <signal.h>
#include <tau/rt/signal.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/owner.hpp"
#include "runtime/remote_queue.hpp"

namespace tau::host {

/// Threading: [loop] unless said otherwise. One at a time per process.
class SignalHub {
 public:
  static constexpr int most = 64;  // signals are numbered from 1

  explicit SignalHub(RemoteQueue& loop) noexcept;
  SignalHub(const SignalHub&) = delete;
  SignalHub& operator=(const SignalHub&) = delete;
  /// Puts back what it found. Every owner has been emptied before.
  ~SignalHub();

  /// See tau/rt/signal.h for the three. act(): [any]
  std::int32_t subscribe(tau_signal& subscription) noexcept;
  void unsubscribe(tau_signal& subscription) noexcept;
  std::int32_t act(Owner& owner, int number, const struct sigaction* action, struct sigaction* old) noexcept;

  /// The host's own interest: `at_once` is called in the handler, on whatever thread, and may do only what a
  /// handler may; `shared` says whether a plugin has subscribed too. Null ends it.
  /// Whether the signal was ignored when we were started (nohup) is the caller's to ask: is_ignored().
  void attend(int number, void (*at_once)(int number, bool shared)) noexcept;
  static bool is_ignored(int number) noexcept;

  /// Tells the subscribers of what has come; whether there was anything.
  bool deliver() noexcept {
    const std::uint64_t came = pending();
    if (came != 0) [[unlikely]] deliver_pending();
    return came != 0;
  }

  /// Ends every subscription and handler of `owner`; afterwards owner.signals is zero.
  void drop_owner(Owner& owner) noexcept;

  /// Where the hub says that it left somebody else's handler alone, or that a plugin's threw.
  void (*report)(const std::string& line) = nullptr;

 private:
  /// One owner's sigaction.
  struct Action {
    std::uint64_t id;  // in the order of their coming
    Owner* owner;
    int number;
    struct sigaction action;
  };
  struct List {
    tau_signal* first = nullptr;
    tau_signal** last = &first;
    void append(tau_signal& subscription) noexcept;
    void take(List& other) noexcept;
  };
  struct Subscribers {
    List told;
    List due;  // still to be told in the delivery that is on the stack
    std::uint32_t users = 0;
  };

  static std::uint64_t pending() noexcept;
  static std::int32_t check(int number) noexcept;
  void deliver_pending() noexcept;
  void tell(int number) noexcept;
  void call(Action& action) noexcept;
  void unlink(tau_signal& subscription) noexcept;
  std::int32_t add_user(int number, int plugins) noexcept;
  void remove_user(int number, int plugins) noexcept;

  mutable std::mutex mutex_;  // actions_, users, and the process's dispositions
  Subscribers signals_[most + 1];
  std::vector<Action> actions_;
  std::uint64_t last_action_ = 0;
};

}  // namespace tau::host
