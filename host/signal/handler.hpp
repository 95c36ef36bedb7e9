// The hub's handler, and what it shares with the hub: everything here may be touched in a signal's context.
#pragma once

#include <signal.h>

#include <atomic>
#include <cstdint>

#include "runtime/remote_queue.hpp"

namespace tau::host::signal_handler {

/// What the handler knows of one signal.
struct Slot {
  std::atomic<const struct sigaction*> earlier{nullptr};  // to be called as well
  std::atomic<void (*)(int, bool)> at_once{nullptr};
  std::atomic<std::uint32_t> plugins{0};  // how many subscribed on behalf of a plugin

  /// The latest arrival's information. Whoever finds it being written or read leaves it as it is.
  std::atomic_flag busy = ATOMIC_FLAG_INIT;
  siginfo_t info{};
};

Slot& slot(int number) noexcept;

/// Bit `number - 1` for each signal that came and was not told of.
std::atomic<std::uint64_t>& pending() noexcept;

/// Whom the handler wakes; null for nobody. Returns once no handler is using the one before.
void set_loop(RemoteQueue* loop) noexcept;

/// The latest arrival's information. [loop]
siginfo_t information(int number) noexcept;

bool is_ours(const struct sigaction& action) noexcept;

/// Makes the handler ours, unless it is, and remembers what it was. 0 or -errno. Not reentrant.
std::int32_t install(int number) noexcept;

/// Puts back what install() found. False if the handler is not ours any more, and then nothing is changed.
bool restore(int number) noexcept;

}  // namespace tau::host::signal_handler
