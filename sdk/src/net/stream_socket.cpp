// See stream_socket.hpp.
//
// send_file: the socket never blocks, but the disk may. So sendfile(2) runs on the pool, on duplicates of
// both descriptors, which the job owns: it may outlive the stream if its task is destroyed meanwhile. When
// the socket is full the loop waits until it is not.
#include <tau/net/stream_socket.hpp>
#include <tau/spawn_blocking.hpp>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <memory>

namespace tau::net {
namespace {

Result<std::size_t> answer(ssize_t moved) noexcept {
  if (moved < 0) return Error::system(errno);
  return static_cast<std::size_t>(moved);
}

/// What one job sends at most, so that an unload need not wait for a slow disk for long.
constexpr std::uint64_t most_at_once = 4 << 20;

struct Transfer {
  detail::Descriptor file;
  detail::Descriptor socket;
};

struct Part {
  std::uint64_t sent = 0;
  int error = 0;
};

/// SIGPIPE of this thread does not come out: sendfile(2) has no MSG_NOSIGNAL.
class NoSigpipe {
 public:
  NoSigpipe() noexcept {
    sigset_t pending;
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;
  ~NoSigpipe() {
    const timespec at_once{};
    while (!was_pending_ && ::sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool was_pending_;
};

struct SendPart {
  SendPart(std::shared_ptr<Transfer> both, std::uint64_t from, std::uint64_t size) noexcept
      : transfer(std::move(both)), offset(from), count(std::min(size, most_at_once)) {}

  /// Until the socket is full, the file ends or all is sent. At the file's end `error` is -1.
  Part operator()() const noexcept {
    const NoSigpipe guard;
    Part part;
    while (part.sent < count && part.error == 0) {
      off_t at = static_cast<off_t>(offset + part.sent);
      const ssize_t moved = ::sendfile(transfer->socket.fd(), transfer->file.fd(), &at, count - part.sent);
      if (moved > 0) {
        part.sent += static_cast<std::uint64_t>(moved);
      } else if (moved == 0) {
        part.error = -1;
      } else if (errno != EINTR) {
        part.error = errno;
      }
    }
    return part;
  }

  std::shared_ptr<Transfer> transfer;
  std::uint64_t offset;
  std::uint64_t count;
};

}  // namespace

Result<std::size_t> StreamSocket::try_read(io::MutableBuffer into) noexcept {
  if (descriptor_.has_given_back()) return descriptor_.take_back(into);
  return answer(::recv(fd(), into.data(), into.size(), MSG_DONTWAIT));
}

Result<std::size_t> StreamSocket::try_write(io::ConstBuffer bytes) noexcept {
  return answer(::send(fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

Task<Result<std::uint64_t>> StreamSocket::send_file(int file, std::uint64_t offset, std::uint64_t count) {
  auto transfer = std::make_shared<Transfer>();
  transfer->file = detail::Descriptor(::fcntl(file, F_DUPFD_CLOEXEC, 0));
  if (!transfer->file) co_return Error::system(errno);
  transfer->socket = detail::Descriptor(::fcntl(fd(), F_DUPFD_CLOEXEC, 0));
  if (!transfer->socket) co_return Error::system(errno);
  using Job = detail::BlockingJob<SendPart, Part>;
  std::uint64_t sent = 0;
  while (sent < count) {
    Job::Awaiter job(std::make_unique<Job>(SendPart(transfer, offset + sent, count - sent)));
    Result<Part> part = co_await job;
    if (!part) co_return part.error();
    sent += part->sent;
    if (part->error < 0) break;
    if (part->error == 0) continue;
    if (part->error != EAGAIN) co_return Error::system(part->error);
    detail::IoOperation writable(TAU_IO_POLL, fd(), nullptr, 0, TAU_OUT);
    Result<std::size_t> events = co_await writable;
    if (!events) co_return events.error();
  }
  co_return sent;
}

}  // namespace tau::net
