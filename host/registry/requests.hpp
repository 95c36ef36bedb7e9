// Requests: messages from the host to a plugin, each answered at most once.
//
// A request is the host's memory from send() until it is ended. The plugin may keep it and end it later,
// from a task; when the plugin is unloaded first, the request ends as canceled.
#pragma once

#include <tau/rt/plugin.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "runtime/owner.hpp"

struct tau_request {
  std::uint64_t id;
  std::string payload;
  tau_plugin* owner;
  std::function<void(std::int32_t status, const std::string* answer)> ended;
  tau_request* next;
  tau_request* previous;
};

namespace tau::host {

class Requests {
 public:
  /// Called once per request: with the answer, or null when there is none; `status` is 0, or negative
  /// with an error text as the answer.
  using Ended = std::function<void(std::int32_t status, const std::string* answer)>;

  Requests() = default;
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  /// Calls the plugin's `entry` with a new request. [loop]
  void send(Owner& owner, void (*entry)(tau_plugin*, tau_request*), std::uint64_t id, std::string payload,
            Ended ended);
  /// Ends it and frees it. [loop]
  void end(tau_request* request, std::int32_t status, const char* text, std::size_t length);
  /// Ends what the owner still holds with TAU_E_CANCELED. [loop]
  void drop_owner(Owner& owner);

 private:
  tau_request* head_ = nullptr;
};

}  // namespace tau::host
