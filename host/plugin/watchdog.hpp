// Watchdog: says so when a plugin's code does not return to the host.
//
// plugin_init and plugin_destroy run on the loop's thread, so the loop itself cannot notice. A thread
// does. It stays for a moment after a watch, in which the next one costs two notifications, and then ends:
// beside a second thread, asleep though it be, the kernel counts references to a descriptor in each system
// call of the first, two in a hundred of what an echo of 64 bytes costs.
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
  static constexpr std::chrono::milliseconds default_stay{100};

  /// `say` is called on the watchdog's thread. The first word comes after `patience`, the next after
  /// twice that, and so on. `stay`: of the thread, with nothing to watch.
  Watchdog(std::function<void(std::string_view)> say, std::chrono::nanoseconds patience,
           std::chrono::nanoseconds stay = default_stay)
      : say_(std::move(say)), patience_(patience), stay_(stay) {}
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
  void start();
  void run();

  const std::function<void(std::string_view)> say_;
  const std::chrono::nanoseconds patience_;
  const std::chrono::nanoseconds stay_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Scope* innermost_ = nullptr;  // under mutex_
  bool stop_ = false;           // under mutex_
  bool runs_ = false;           // under mutex_; false: the thread takes it no more
  std::thread thread_;
};

}  // namespace tau::host
