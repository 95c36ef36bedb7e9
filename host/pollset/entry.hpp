// What a Pollset knows of one descriptor, and of one call that waits.
#pragma once

#include <sys/stat.h>
#include <tau/rt/fiber.h>
#include <tau/rt/io.h>
#include <tau/rt/pollset.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "pollset.hpp"
#include "timer_fds.hpp"

namespace tau::host {

struct Pollset::Entry : tau_fd_wait {
  static constexpr std::uint32_t conditions = TAU_IN | TAU_PRI | TAU_OUT | TAU_ERR | TAU_HUP | TAU_RDHUP;
  static constexpr std::uint32_t always = TAU_ERR | TAU_HUP;

  Pollset* set = nullptr;
  int watched = -1;             // the descriptor
  dev_t device = 0;             // which file it was, of a shared set
  ino_t node = 0;
  // As given last, flags included; under the set's lock.
  tau_poll_event told{};
  bool changing = false;        // in changed_
  std::atomic<bool> disarmed{false};  // one-shot, and it has come

  // Of a shared set. [loop]
  std::uint32_t wanted = 0;     // what of `told` has reached the loop
  std::uint64_t data = 0;
  std::uint32_t ready = 0;      // what came and was not harvested
  bool queued = false;
  tau_fd handle = 0;            // its registration
  std::shared_ptr<TimerFd> timer;  // instead of one: the kernel does not count for it
  Entry* next_ready = nullptr;

  bool edge() const noexcept { return wanted & TAU_EDGE; }
  /// Hears each event, whether the one before has been harvested or not.
  bool stands() const noexcept { return (wanted & (TAU_EDGE | TAU_ONESHOT)) == TAU_EDGE; }
  bool entered() const noexcept { return handle != 0 || timer; }
  std::uint32_t conditions_wanted() const noexcept { return (wanted & conditions) | always; }
};

struct Pollset::Waiter {
  tau_parker parker{};
  Waiter* next = nullptr;
};

/// What a set has the reactor watch is the host's: a plugin that waits nowhere keeps nothing alive by it.
inline Owner& owner_of_watches() noexcept {
  static auto* owner = new Owner;
  return *owner;
}

}  // namespace tau::host
