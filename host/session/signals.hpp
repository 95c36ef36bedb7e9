// Signals that end the host: the first asks for an orderly end, the second ends at once.
#pragma once

#include <functional>

namespace tau::host {

/// While it lives SIGINT, SIGTERM and SIGHUP are the host's. One at a time.
class EndSignals {
 public:
  /// `wake` is called in the signal handler, on whatever thread: it may do only what a handler may.
  explicit EndSignals(void (*wake)());
  ~EndSignals();
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;

  /// The signal that has come, 0 if none. [any]
  static int received() noexcept;
};

}  // namespace tau::host
