// Systems without timerfd: making one says so.
#include <tau/rt/abi.h>

#include "timer_fds.hpp"

namespace tau::host {

TimerFds& timer_fds() noexcept {
  static TimerFds none;
  return none;
}

int TimerFds::create(int, int) noexcept { return TAU_E_UNSUPPORTED; }
int TimerFds::set(int, int, const itimerspec*, itimerspec*) noexcept { return TAU_E_UNSUPPORTED; }
int TimerFds::get(int, itimerspec*) noexcept { return TAU_E_UNSUPPORTED; }
std::ptrdiff_t TimerFds::read(int, void*, std::size_t) noexcept { return TAU_E_NOT_FOUND; }
void TimerFds::duplicated(int) noexcept {}
void TimerFds::make_all_real() noexcept {}

}  // namespace tau::host
