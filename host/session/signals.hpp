// Signals that end the host: the first asks for an orderly end, the second ends at once.
//
// SIGINT and SIGTERM end the host whoever else subscribed to them: a plugin is told first, has a moment for
// what it can do without waiting, and then is unloaded like any other; one that forgot to end itself must not
// make tau unstoppable. SIGHUP means "read your settings again" to whoever handles it, so it ends the host
// only while no plugin has subscribed.
#pragma once

#include "signal/hub.hpp"

namespace tau::host {

/// While it lives SIGINT, SIGTERM and SIGHUP are the host's. One at a time.
class EndSignals {
 public:
  explicit EndSignals(SignalHub& hub);
  ~EndSignals();
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;

  /// The signal that has come, 0 if none. [any]
  static int received() noexcept;

 private:
  SignalHub& hub_;
};

}  // namespace tau::host
