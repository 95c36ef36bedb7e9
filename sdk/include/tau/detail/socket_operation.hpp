// What streams of bytes do on a socket, each as an awaiter without a frame of its own.
//
// A receive that ended and was destroyed before its coroutine went on puts its bytes back in front of the
// stream: a select that lost, or a timeout in the same turn, loses nothing. A send cannot be taken back: who
// destroys one does not know how much has left.
#pragma once

#include <sys/socket.h>

#include "../io/buffer.hpp"
#include "descriptor.hpp"
#include "io_operation.hpp"

namespace tau::detail {

class SocketOperation : public IoOperation {
 public:
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    const bool waits = IoOperation::await_suspend(suspended);
    if (waits && previous) descriptor_.watch();  // only saves system calls: without it all works, too
    return waits;
  }

 protected:
  SocketOperation(Descriptor& descriptor, std::uint32_t operation, std::span<const std::byte> bytes,
                  int operation_flags) noexcept
      : IoOperation(operation, descriptor.fd(), bytes.data(), bytes.size(),
                    static_cast<std::uint32_t>(operation_flags)),
        descriptor_(descriptor) {}
  ~SocketOperation() = default;

  Descriptor& descriptor_;
};

/// At least one byte, or 0 at the end of the stream.
class [[nodiscard]] Receive final : public SocketOperation {
 public:
  Receive(Descriptor& descriptor, std::span<std::byte> into, int receive_flags = 0) noexcept
      : SocketOperation(descriptor, TAU_IO_RECV, into, receive_flags) {}
  ~Receive() {
    withdraw();
    if (unclaimed() > 0 && !peeks()) {
      descriptor_.give_back({static_cast<const std::byte*>(buffer), static_cast<std::size_t>(unclaimed())});
    }
  }
  bool await_ready() noexcept {
    if (length == 0) return true;
    if (!descriptor_.has_given_back()) return false;
    result =
        static_cast<std::int64_t>(descriptor_.take_back({static_cast<std::byte*>(buffer), length}, peeks()));
    return true;
  }

 private:
  bool peeks() const noexcept { return flags & MSG_PEEK; }
};

/// Some of the bytes.
class [[nodiscard]] Send final : public SocketOperation {
 public:
  Send(Descriptor& descriptor, std::span<const std::byte> bytes, int send_flags = 0) noexcept
      : SocketOperation(descriptor, TAU_IO_SEND, bytes, send_flags) {}
  bool await_ready() const noexcept { return length == 0; }
};

/// An operation that is submitted again for the rest until all bytes have gone or come.
template <class Derived>
class WholeOperation : public SocketOperation {
 public:
  bool await_ready() noexcept { return left() == 0; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    waiter_.set(suspended);
    done = [](tau_io* self) {
      auto* const whole = static_cast<WholeOperation*>(self);
      if (whole->advance() || whole->go_on()) whole->waiter_.wake();
    };
    if (go_on()) return suspend_if_exhausted(suspended);
    descriptor_.watch();
    return true;
  }

 protected:
  using SocketOperation::SocketOperation;

  std::uint64_t left() const noexcept { return length; }

 private:
  /// True: over, well or badly.
  bool go_on() noexcept {
    do {
      if (!submit()) return false;
    } while (!advance());
    return true;
  }
  bool advance() noexcept {
    if (result <= 0) return true;
    moved_ += static_cast<std::size_t>(result);
    buffer = static_cast<std::byte*>(buffer) + result;
    length -= static_cast<std::uint64_t>(result);
    result = 0;
    return length == 0;
  }

 protected:
  std::size_t moved_ = 0;
};

class [[nodiscard]] SendAll final : public WholeOperation<SendAll> {
 public:
  SendAll(Descriptor& descriptor, std::span<const std::byte> bytes,
          std::uint32_t operation = TAU_IO_SEND) noexcept
      : WholeOperation(descriptor, operation, bytes, 0) {}
  Result<void> await_resume() const noexcept {
    return Result<void>::from_status(static_cast<std::int32_t>(result));
  }
};

/// The whole buffer; Errc::closed when the stream ends before, with what came lost to nobody: it is given
/// back.
class [[nodiscard]] ReceiveExactly final : public WholeOperation<ReceiveExactly> {
 public:
  ReceiveExactly(Descriptor& descriptor, std::span<std::byte> into) noexcept
      : WholeOperation(descriptor, TAU_IO_RECV, into, 0), into_(into) {}
  ~ReceiveExactly() {
    withdraw();
    if (result > 0) moved_ += static_cast<std::size_t>(result);
    descriptor_.give_back(into_.first(moved_));
  }
  bool await_ready() noexcept {
    if (descriptor_.has_given_back()) {
      moved_ = descriptor_.take_back(into_);
      buffer = static_cast<std::byte*>(buffer) + moved_;
      length -= moved_;
    }
    return left() == 0;
  }
  Result<void> await_resume() noexcept {
    if (left() == 0) {
      moved_ = 0;
      return {};
    }
    if (result < 0) return Error::from_status(static_cast<std::int32_t>(result));
    return Errc::closed;
  }

 private:
  std::span<std::byte> into_;
};

}  // namespace tau::detail
