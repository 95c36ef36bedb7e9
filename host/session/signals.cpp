#include "signals.hpp"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>

namespace tau::host {
namespace {

constexpr int ending[] = {SIGINT, SIGTERM, SIGHUP};
std::atomic<int> came{0};
std::atomic<void (*)()> waker{nullptr};

void handle(int signal) {
  int error = errno;
  // The second one is for a host that does not come to its end: it has the usual effect.
  if (came.exchange(signal) != 0) _exit(128 + signal);
  if (auto wake = waker.load()) wake();
  errno = error;
}

}  // namespace

EndSignals::EndSignals(void (*wake)()) {
  came = 0;
  waker = wake;
  struct sigaction action {};
  action.sa_handler = handle;
  action.sa_flags = SA_RESTART;
  for (int signal : ending) {
    // A signal that was ignored when we were started (nohup) stays so.
    struct sigaction before {};
    sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
  }
}

EndSignals::~EndSignals() {
  for (int number : ending) signal(number, SIG_DFL);
  waker = nullptr;
}

int EndSignals::received() noexcept { return came.load(); }

}  // namespace tau::host
