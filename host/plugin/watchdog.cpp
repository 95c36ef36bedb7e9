// See watchdog.hpp.
#include "watchdog.hpp"

#include <pthread.h>
#include <signal.h>

#include <sstream>
#include <system_error>

namespace tau::host {

Watchdog::Scope::Scope(Watchdog& watchdog, std::string plugin, const char* what)
    : watchdog_(watchdog), plugin_(std::move(plugin)), what_(what), since_(std::chrono::steady_clock::now()) {
  const std::lock_guard lock(watchdog_.mutex_);
  outer_ = watchdog_.innermost_;
  watchdog_.innermost_ = this;
  if (!watchdog_.runs_) watchdog_.start();
  watchdog_.changed_.notify_one();
}

Watchdog::Scope::~Scope() {
  const std::lock_guard lock(watchdog_.mutex_);
  // Not always the innermost: what blocks is left on its stack, and others come and go meanwhile.
  Scope** link = &watchdog_.innermost_;
  while (*link != this) link = &(*link)->outer_;
  *link = outer_;
  watchdog_.changed_.notify_one();  // or its time would run out later, in an idle host
}

/// With mutex_, which a thread that has ended before gave back for good.
void Watchdog::start() {
  if (thread_.joinable()) thread_.join();
  // Signals are the loop's.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { run(); });
    runs_ = true;
  } catch (const std::system_error&) {
    // No thread to be had: then nobody watches, and loading goes on.
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Watchdog::run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const Scope* watched = innermost_;
    if (watched == nullptr) {
      if (changed_.wait_for(lock, stay_, [this] { return stop_ || innermost_ != nullptr; })) continue;
      break;
    }
    // Two scopes can follow one another at one address, but not begin at the same time.
    const auto since = watched->since_;
    for (auto after = patience_; !stop_ && innermost_ == watched && watched->since_ == since;) {
      if (changed_.wait_until(lock, since + after) == std::cv_status::no_timeout) continue;
      if (stop_ || innermost_ != watched || watched->since_ != since) break;
      std::ostringstream text;
      text << "plugin '" << watched->plugin_ << "': " << watched->what_ << " has not returned for "
           << std::chrono::duration<double>(after).count() << " s; the host waits for it";
      after *= 2;
      lock.unlock();
      say_(text.str());
      lock.lock();
    }
  }
  runs_ = false;
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace tau::host
