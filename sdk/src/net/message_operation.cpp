// See message_operation.hpp.
#include <tau/detail/message_operation.hpp>

#include <errno.h>

namespace tau::detail {

MessageOperation::MessageOperation(Descriptor& descriptor, Kind kind, int message_flags) noexcept
    : tau_fd_wait{}, descriptor_(descriptor), flags_(message_flags) {
  owner = module_owner();
  interest = kind == Kind::receive ? TAU_IN : TAU_OUT;
  done = [](tau_fd_wait* self) {
    auto* const operation = static_cast<MessageOperation*>(self);
    if (operation->tau_fd_wait::result < 0) {
      operation->outcome_ = operation->tau_fd_wait::result;
      operation->waiter_.wake();
    } else if (operation->go_on()) {
      operation->waiter_.wake();
    }
  };
}

bool MessageOperation::go_on() noexcept {
  for (;;) {
    // recvmsg shortens what it had room for, also when it fails.
    msghdr message = message_;
    const ssize_t moved = interest == TAU_IN ? ::recvmsg(descriptor_.fd(), &message, flags_ | MSG_DONTWAIT | MSG_CMSG_CLOEXEC)
                                             : ::sendmsg(descriptor_.fd(), &message, flags_ | MSG_DONTWAIT | MSG_NOSIGNAL);
    if (moved >= 0) {
      message_ = message;
      outcome_ = moved;
      return true;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
      outcome_ = -errno;
      return true;
    }
    // Nothing that became ready after the call is forgotten here: events are collected in the reactor's turn.
    std::int32_t status = TAU_E_INVALID;
    const tau_fd watch = descriptor_.watch(&status);
    if (watch != 0) {
      tau_fd_clear(watch, interest);
      status = tau_fd_wait_ready(watch, this);
      if (status == TAU_PENDING) return false;
      if (status == TAU_READY) status = tau_fd_wait::result;
    }
    if (status < 0) {
      outcome_ = status;
      return true;
    }
  }
}

bool ReceiveVectored::await_ready() noexcept {
  if (!descriptor_.has_given_back()) return false;
  outcome_ = 0;
  for (std::size_t i = 0; i < message_.msg_iovlen; ++i) {
    outcome_ += static_cast<std::int64_t>(
        descriptor_.take_back({static_cast<std::byte*>(pieces_[i].iov_base), pieces_[i].iov_len}));
  }
  return true;
}

ReceiveVectored::~ReceiveVectored() {
  if (!unclaimed()) return;
  // Put back the last piece first: each goes in front of what is there.
  std::size_t left = static_cast<std::size_t>(outcome_);
  std::size_t pieces = 0;
  for (std::size_t sum = 0; sum < left; ++pieces) sum += pieces_[pieces].iov_len;
  for (std::size_t before = left; pieces-- > 0; left = before) {
    before = 0;
    for (std::size_t i = 0; i < pieces; ++i) before += pieces_[i].iov_len;
    descriptor_.give_back({static_cast<const std::byte*>(pieces_[pieces].iov_base), left - before});
  }
}

}  // namespace tau::detail
