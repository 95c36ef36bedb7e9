// IoOperation: one operation of the reactor as an awaiter.
//
// Until it has ended or was withdrawn, operation and buffer belong to the reactor, or to the kernel; the
// destructor withdraws, and that is synchronous (I7). An operation may end and its awaiter be destroyed
// before its coroutine went on: what it brought must not be lost then. Whoever derives looks at unclaimed()
// in its destructor, after withdraw(), and gives back what came.
#pragma once

#include <tau/rt/io.h>

#include <cstddef>
#include <cstdint>

#include "../result.hpp"
#include "context.hpp"
#include "module.hpp"

namespace tau::detail {

class [[nodiscard("an operation does nothing until it is awaited")]] IoOperation : protected tau_io {
 public:
  IoOperation(std::uint32_t operation, int descriptor, const void* memory, std::size_t size,
              std::uint32_t operation_flags = 0, std::int64_t at = -1) noexcept
      : tau_io{} {
    opcode = operation;
    fd = descriptor;
    buffer = const_cast<void*>(memory);
    length = size;
    flags = operation_flags;
    offset = at;
  }
  IoOperation(const IoOperation&) = delete;
  IoOperation& operator=(const IoOperation&) = delete;
  ~IoOperation() {
    withdraw();
  }

  bool await_ready() const noexcept {
    return false;
  }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    waiter_.set(suspended);
    done = [](tau_io* self) { static_cast<IoOperation*>(self)->waiter_.wake(); };
    return submit() ? suspend_if_exhausted(suspended) : true;
  }
  /// Bytes, a descriptor, whatever the operation's result is.
  Result<std::size_t> await_resume() noexcept {
    return claim();
  }

 protected:
  /// True: ended, `result` is set. False: pending.
  bool submit() noexcept {
    owner = module_owner();
    const std::int32_t status = tau_io_submit(this);
    if (status == TAU_PENDING) return false;
    if (status < 0) result = status;
    return true;
  }
  void withdraw() noexcept {
    if (previous) tau_io_cancel(this);
  }
  Result<std::size_t> claim() noexcept {
    const std::int64_t ended_with = result;
    result = 0;
    if (ended_with < 0) return Error::from_status(static_cast<std::int32_t>(ended_with));
    return static_cast<std::size_t>(ended_with);
  }
  /// The result of an operation that ended and whose coroutine will never hear of it; 0 if none. For
  /// operations whose 0 needs no giving back. After withdraw().
  std::int64_t unclaimed() const noexcept {
    return result;
  }

  Waiter waiter_;
};

}  // namespace tau::detail
