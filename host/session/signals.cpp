#include "signals.hpp"

#include <unistd.h>

#include <atomic>

namespace tau::host {
namespace {

constexpr int ending[] = {SIGINT, SIGTERM, SIGHUP};
std::atomic<int> came{0};

void at_once(int number, bool shared) {
  if (number == SIGHUP && shared) return;
  // The second one is for a host that does not come to its end: it has the usual effect.
  if (came.exchange(number) != 0) _exit(128 + number);
}

}  // namespace

EndSignals::EndSignals(SignalHub& hub) : hub_(hub) {
  came = 0;
  for (int number : ending) {
    // A signal that was ignored when we were started (nohup) stays so.
    if (!SignalHub::is_ignored(number)) hub_.attend(number, &at_once);
  }
}

EndSignals::~EndSignals() {
  for (int number : ending) hub_.attend(number, nullptr);
}

int EndSignals::received() noexcept { return came.load(); }

}  // namespace tau::host
