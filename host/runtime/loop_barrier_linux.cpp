// membarrier(2): the expedited form interrupts the processors that run this process; a thread that does
// not run passes a barrier when it is scheduled.
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "loop_barrier.hpp"

namespace tau::host::loop_barrier {
namespace {

std::atomic<bool> registered{false};

// By number: glibc has no wrapper.
long membarrier(int command) noexcept { return syscall(SYS_membarrier, command, 0, 0); }

}  // namespace

void prepare() noexcept {
  registered.store(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0, std::memory_order_relaxed);
}

bool available() noexcept { return registered.load(std::memory_order_relaxed); }

void issue() noexcept {
  // Once registered it fails only for want of memory, which passes; the slow form needs none.
  while (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0) {
    if (membarrier(MEMBARRIER_CMD_GLOBAL) == 0) return;
  }
}

}  // namespace tau::host::loop_barrier
