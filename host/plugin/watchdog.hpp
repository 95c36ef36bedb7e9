// Watchdog: says so when a plugin's code does not return to the host.
//
// plugin_init and plugin_destroy run on the loop's thread, so the loop itself cannot notice. A thread
// does; it is started by the first watch and sleeps without a time limit between watches (I11), so a
// watch costs two notifications.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace tau::host {

class Watchdog {
 public:
  /// `say` is called on the watchdog's thread. The first word comes after `patience`, the next after
  /// twice that, and so on.
  Watchdog(std::function<void(std::string_view)> say, std::chrono::nanoseconds patience)
      : say_(std::move(say)), patience_(patience) {}
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// For as long as it lives, the named plugin is expected to return from `what`. Scopes nest; the
  /// innermost is watched. [loop]
  class Scope {
   public:
    Scope(Watchdog& watchdog, std::string plugin, const char* what);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    friend class Watchdog;
    Watchdog& watchdog_;
    Scope* outer_;
    std::string plugin_;
    const char* what_;
    std::chrono::steady_clock::time_point since_;
  };

 private:
  void run();

  const std::function<void(std::string_view)> say_;
  const std::chrono::nanoseconds patience_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Scope* innermost_ = nullptr;  // under mutex_
  bool stop_ = false;           // under mutex_
  std::thread thread_;
};

}  // namespace tau::host
