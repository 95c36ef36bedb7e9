// MessageOperation: recvmsg(2) and sendmsg(2) as awaiters: several buffers, datagrams with addresses, control
// messages. The call is tried at once and, where it would block, again when the socket is ready.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>

#include "../io/buffer.hpp"
#include "context.hpp"
#include "descriptor.hpp"

namespace tau::detail {

class [[nodiscard("an operation does nothing until it is awaited")]] MessageOperation : protected tau_fd_wait {
 public:
  enum class Kind { receive, send };

  MessageOperation(Descriptor& descriptor, Kind kind, int message_flags = 0) noexcept;
  MessageOperation(const MessageOperation&) = delete;
  MessageOperation& operator=(const MessageOperation&) = delete;
  ~MessageOperation() { withdraw(); }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    waiter_.set(suspended);
    return go_on() ? suspend_if_exhausted(suspended) : true;
  }
  Result<std::size_t> await_resume() noexcept {
    taken_ = true;
    if (outcome_ < 0) return Error::from_status(static_cast<std::int32_t>(outcome_));
    return static_cast<std::size_t>(outcome_);
  }

 protected:
  void withdraw() noexcept {
    if (previous) tau_fd_wait_cancel(this);
  }
  /// True: ended, `outcome_` is set. False: waits.
  bool go_on() noexcept;
  bool unclaimed() const noexcept { return !taken_ && outcome_ >= 0; }

  Descriptor& descriptor_;
  Waiter waiter_;
  msghdr message_{};
  int flags_;
  bool taken_ = false;
  std::int64_t outcome_ = -1;  // bytes, or a negative status
};

/// More buffers than this are left for the next call.
inline constexpr std::size_t most_pieces = 16;

class [[nodiscard]] SendVectored final : public MessageOperation {
 public:
  SendVectored(Descriptor& descriptor, std::span<const io::ConstBuffer> buffers) noexcept
      : MessageOperation(descriptor, Kind::send) {
    message_.msg_iov = pieces_.data();
    message_.msg_iovlen = std::min(buffers.size(), most_pieces);
    for (std::size_t i = 0; i < message_.msg_iovlen; ++i) {
      pieces_[i] = {const_cast<std::byte*>(buffers[i].data()), buffers[i].size()};
    }
  }

 private:
  std::array<iovec, most_pieces> pieces_;
};

class [[nodiscard]] ReceiveVectored final : public MessageOperation {
 public:
  ReceiveVectored(Descriptor& descriptor, std::span<const io::MutableBuffer> buffers) noexcept
      : MessageOperation(descriptor, Kind::receive) {
    message_.msg_iov = pieces_.data();
    message_.msg_iovlen = std::min(buffers.size(), most_pieces);
    for (std::size_t i = 0; i < message_.msg_iovlen; ++i) pieces_[i] = {buffers[i].data(), buffers[i].size()};
  }
  ~ReceiveVectored();
  bool await_ready() noexcept;

 private:
  std::array<iovec, most_pieces> pieces_;
};

}  // namespace tau::detail
