// A resolver that answers when the test says so, in place of the system's.
//
//   GatedResolver names(runtime.resolver);   // each lookup waits at the gate
//   names.await_inside(1);                   // a thread is in there
//   names.open();                            // all go on, to 192.0.2.1
#pragma once

#include <doctest/doctest.h>

#include <netdb.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "net/resolver.hpp"

namespace tau::test {

/// One at a time. It must outlive the jobs that it holds up: destroying it opens it, and waits for them.
class GatedResolver {
 public:
  explicit GatedResolver(host::Resolver& resolver) : resolver_(resolver), before_(resolver.function) {
    REQUIRE(!current_);
    current_ = this;
    resolver.function = &ask;
  }
  ~GatedResolver() {
    open();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_ == 0; });
    resolver_.function = before_;
    current_ = nullptr;
  }
  GatedResolver(const GatedResolver&) = delete;
  GatedResolver& operator=(const GatedResolver&) = delete;

  /// Waits until `threads` stand at the gate.
  void await_inside(int threads) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_ == threads; });
  }
  int inside() const {
    std::lock_guard lock(mutex_);
    return inside_;
  }
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  /// Who came in, in this order.
  std::vector<std::string> asked() const {
    std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  static int ask(const char* host, const char*, const addrinfo* hints, addrinfo** found) {
    GatedResolver& self = *current_;
    const std::string name = host ? host : "";
    std::unique_lock lock(self.mutex_);
    self.asked_.push_back(name);
    ++self.inside_;
    self.changed_.notify_all();
    self.changed_.wait(lock, [&] { return self.open_; });
    addrinfo numeric = *hints;
    numeric.ai_flags |= AI_NUMERICHOST;
    const int code = name == "nobody" ? EAI_NONAME : ::getaddrinfo("192.0.2.1", nullptr, &numeric, found);
    --self.inside_;
    self.changed_.notify_all();  // under the lock: who waits for it destroys this object
    return code;
  }

  inline static GatedResolver* current_ = nullptr;

  host::Resolver& resolver_;
  host::Resolver::Function before_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int inside_ = 0;
  std::vector<std::string> asked_;
};

}  // namespace tau::test
