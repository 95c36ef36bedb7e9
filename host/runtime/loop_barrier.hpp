// Loop barrier: a full memory barrier on the loop's thread, asked for by another thread.
//
// It lets the loop's side of a handshake be plain loads and stores: whoever comes rarely pays for both.
// The sdk's LoopLock stands on it.
#pragma once

namespace tau::host::loop_barrier {

/// Tells the kernel that this process will ask. Once is enough, more is harmless.
void prepare() noexcept;

/// Whether issue() works. [any], after prepare()
bool available() noexcept;

/// Returns when every thread of the process that was running has passed a full barrier. [any]
void issue() noexcept;

}  // namespace tau::host::loop_barrier
