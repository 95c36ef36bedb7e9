// Error: a domain and a code, trivially copyable, no pointers: it may outlive any module.
#pragma once

#include <tau/rt/abi.h>

#include <cstdint>
#include <cstring>
#include <string>

namespace tau {

/// What can go wrong beside the operating system's errors; the values are the C ABI's.
enum class Errc : std::int32_t {
  canceled = TAU_E_CANCELED,
  stale = TAU_E_STALE,
  unloading = TAU_E_UNLOADING,
  invalid = TAU_E_INVALID,
  exists = TAU_E_EXISTS,
  not_found = TAU_E_NOT_FOUND,
  type_mismatch = TAU_E_TYPE,
  threw = TAU_E_THREW,
  timed_out = TAU_E_TIMED_OUT,
  closed = TAU_E_CLOSED,
  busy = TAU_E_BUSY,
  wrong_thread = TAU_E_THREAD,
  no_memory = TAU_E_NO_MEMORY,
  unsupported = TAU_E_UNSUPPORTED,
  lagged = TAU_E_LAGGED,
  would_block = TAU_E_WOULD_BLOCK,
};

/// An outcome that is not success. [inert]
class Error {
 public:
  enum class Domain { tau, system };

  constexpr Error(Errc code) noexcept : code_(static_cast<std::int32_t>(code)) {}
  /// From an errno value, positive as the system gives it.
  static constexpr Error system(int error_number) noexcept { return Error(-error_number); }
  /// From a status of the C ABI: negative.
  static constexpr Error from_status(std::int32_t status) noexcept { return Error(status); }

  constexpr Domain domain() const noexcept { return code_ >= -4095 ? Domain::system : Domain::tau; }
  /// The status as the C ABI has it: -errno, or a TAU_E_*.
  constexpr std::int32_t status() const noexcept { return code_; }
  /// errno of a system error, 0 otherwise.
  constexpr int error_number() const noexcept { return domain() == Domain::system ? -code_ : 0; }

  friend constexpr bool operator==(Error, Error) noexcept = default;
  friend constexpr bool operator==(Error error, Errc code) noexcept {
    return error.code_ == static_cast<std::int32_t>(code);
  }

  /// For people; a copy, so it too may outlive the module.
  std::string message() const {
    if (domain() == Domain::system) return std::strerror(-code_);
    switch (static_cast<Errc>(code_)) {
      case Errc::canceled: return "canceled: aborted, or its plugin was unloaded";
      case Errc::stale: return "the handle names nothing that is alive";
      case Errc::unloading: return "the plugin is being unloaded and takes nothing new";
      case Errc::invalid: return "invalid argument";
      case Errc::exists: return "the name is taken";
      case Errc::not_found: return "no such name";
      case Errc::type_mismatch: return "the name holds another type";
      case Errc::threw: return "ended with an exception";
      case Errc::timed_out: return "timed out";
      case Errc::closed: return "the other side is closed";
      case Errc::busy: return "somebody else is waiting there already";
      case Errc::wrong_thread: return "not allowed on this thread";
      case Errc::no_memory: return "out of memory";
      case Errc::unsupported: return "not supported by this build or system";
      case Errc::lagged: return "a bounded queue overflowed; the oldest were dropped";
      case Errc::would_block: return "not now: it is full, or taken, and the call does not wait";
    }
    return "unknown error " + std::to_string(code_);
  }

 private:
  explicit constexpr Error(std::int32_t status) noexcept : code_(status) {}

  std::int32_t code_;
};

}  // namespace tau
