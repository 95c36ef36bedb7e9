// Reading and writing where there is no socket: pipes and terminals. See socket_operation.hpp.
#pragma once

#include "socket_operation.hpp"

namespace tau::detail {

/// At least one byte, or 0 at the end. A read that ended and was destroyed puts its bytes back.
class [[nodiscard]] PipeRead final : public SocketOperation {
 public:
  PipeRead(Descriptor& descriptor, std::span<std::byte> into) noexcept
      : SocketOperation(descriptor, TAU_IO_READ, into, 0) {}
  ~PipeRead() {
    withdraw();
    if (unclaimed() > 0) {
      descriptor_.give_back({static_cast<const std::byte*>(buffer), static_cast<std::size_t>(unclaimed())});
    }
  }
  bool await_ready() noexcept {
    if (length == 0) return true;
    if (!descriptor_.has_given_back()) return false;
    result = static_cast<std::int64_t>(descriptor_.take_back({static_cast<std::byte*>(buffer), length}));
    return true;
  }
};

/// Some of the bytes.
class [[nodiscard]] PipeWrite final : public SocketOperation {
 public:
  PipeWrite(Descriptor& descriptor, std::span<const std::byte> bytes) noexcept
      : SocketOperation(descriptor, TAU_IO_WRITE, bytes, 0) {}
  bool await_ready() const noexcept { return length == 0; }
};

}  // namespace tau::detail
