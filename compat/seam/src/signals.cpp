// Dispositions of signals go to the hub, where each plugin has its own: rt/signal.h.
#include <signal.h>
#include <tau/rt/signal.h>

#include "seam.hpp"

namespace {

int set_action(int number, const struct sigaction* action, struct sigaction* old) noexcept {
  const std::int32_t status = tau_sigaction(tau::seam::owner, number, action, old);
  // Faults are their maker's matter, not the hub's.
  return tau::seam::answer(status == TAU_E_UNSUPPORTED || status == TAU_E_INVALID ? -EINVAL : status);
}

}  // namespace

TAU_SEAM int sigaction(int number, const struct sigaction* action, struct sigaction* old) noexcept {
  return set_action(number, action, old);
}

TAU_SEAM sighandler_t signal(int number, sighandler_t handler) noexcept {
  struct sigaction action {};
  struct sigaction old {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  return set_action(number, &action, &old) < 0 ? SIG_ERR : old.sa_handler;
}
