// Request: one message of the host, ended exactly once, in every way a plugin may leave it.
#pragma once

#include <tau/rt/plugin.h>

#include <exception>
#include <string_view>
#include <utility>

namespace tau::detail {

/// Calls `use` with the text of the exception being handled.
template <class Use>
void with_exception_text(Use&& use) noexcept {
  try {
    throw;
  } catch (const std::exception& error) {
    use(std::string_view(error.what()));
  } catch (...) {
    use(std::string_view("an exception that is no std::exception"));
  }
}

/// Ownership: of the request; one that is dropped unended is answered `canceled`.
/// Threading: [loop]
class Request {
 public:
  explicit Request(tau_request* request) noexcept : request_(request) {}
  Request(Request&& other) noexcept : request_(std::exchange(other.request_, nullptr)) {}
  Request& operator=(Request&&) = delete;
  ~Request() {
    if (request_ != nullptr) fail(TAU_E_CANCELED, "canceled before it was answered");
  }

  explicit operator bool() const noexcept { return request_ != nullptr; }

  /// Valid until it is ended.
  std::string_view payload() const noexcept {
    std::size_t length = 0;
    const char* text = tau_request_payload(request_, &length);
    return {text, length};
  }

  void answer(std::string_view text) noexcept { end(TAU_OK, text.data(), text.size()); }
  void end_unanswered() noexcept { end(TAU_OK, nullptr, 0); }
  void fail(std::int32_t status, std::string_view text) noexcept { end(status, text.data(), text.size()); }
  /// From inside a catch clause.
  void fail_with_exception() noexcept {
    with_exception_text([this](std::string_view text) { fail(TAU_E_THREW, text); });
  }

 private:
  void end(std::int32_t status, const char* text, std::size_t length) noexcept {
    tau_request_end(std::exchange(request_, nullptr), status, text, length);
  }

  tau_request* request_;
};

}  // namespace tau::detail
