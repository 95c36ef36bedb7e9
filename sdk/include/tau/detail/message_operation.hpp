// MessageOperation: recvmsg(2) and sendmsg(2) as awaiters: several buffers, datagrams with addresses, control
// messages.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>

#include "socket_operation.hpp"

namespace tau::detail {

class MessageOperation : public SocketOperation {
 protected:
  MessageOperation(Descriptor& descriptor, std::uint32_t operation, int message_flags) noexcept
      : SocketOperation(descriptor, operation, {}, message_flags), message_{} {
    buffer = &message_;
  }
  ~MessageOperation() = default;

  msghdr message_;
};

/// More buffers than this are left for the next call.
inline constexpr std::size_t most_pieces = 16;

class VectoredOperation : public MessageOperation {
 protected:
  template <class Buffers>
  VectoredOperation(Descriptor& descriptor, std::uint32_t operation, const Buffers& buffers) noexcept
      : MessageOperation(descriptor, operation, 0) {
    message_.msg_iov = pieces_.data();
    message_.msg_iovlen = std::min(buffers.size(), most_pieces);
    for (std::size_t i = 0; i < message_.msg_iovlen; ++i) {
      pieces_[i] = {const_cast<std::byte*>(buffers[i].data()), buffers[i].size()};
    }
  }
  ~VectoredOperation() = default;

  std::array<iovec, most_pieces> pieces_;
};

class [[nodiscard]] SendVectored final : public VectoredOperation {
 public:
  SendVectored(Descriptor& descriptor, std::span<const io::ConstBuffer> buffers) noexcept
      : VectoredOperation(descriptor, TAU_IO_SENDMSG, buffers) {}
};

class [[nodiscard]] ReceiveVectored final : public VectoredOperation {
 public:
  ReceiveVectored(Descriptor& descriptor, std::span<const io::MutableBuffer> buffers) noexcept
      : VectoredOperation(descriptor, TAU_IO_RECVMSG, buffers) {}
  ~ReceiveVectored() {
    withdraw();
    if (unclaimed() > 0) give_back();
  }
  bool await_ready() noexcept;

 private:
  void give_back() noexcept;
};

}  // namespace tau::detail
