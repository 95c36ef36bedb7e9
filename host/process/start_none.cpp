// A system for which nobody has written how children are started: it is refused, and says so.
#include <errno.h>
#include <tau/rt/process.h>

#include "process/start.hpp"

namespace tau::host {

StartResult start_child(const StartPlan&) noexcept {
  StartResult result;
  result.error = TAU_E_UNSUPPORTED;
  result.step = TAU_STEP_FORK;
  return result;
}

std::int32_t reap_child(int, pid_t, std::int32_t*) noexcept { return -ECHILD; }
void await_child(int, pid_t) noexcept {}
std::int32_t signal_child(int, pid_t, int) noexcept { return -ESRCH; }

}  // namespace tau::host
