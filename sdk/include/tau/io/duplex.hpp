// duplex: a connection in memory, for code that speaks a protocol and its tests.
//
// Each direction is a ring of fixed size: a writer waits when it is full. Bytes are moved when the waiting
// side goes on and not when it is woken, so cancelling either side loses nothing.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "../detail/context.hpp"
#include "reader.hpp"

namespace tau::detail {

/// One direction. [loop]
class DuplexPipe {
 public:
  explicit DuplexPipe(std::size_t capacity) : bytes_(new std::byte[capacity]), capacity_(capacity) {}

  std::size_t take(std::span<std::byte> into) noexcept {
    const std::size_t count = std::min(into.size(), size_);
    const std::size_t first = std::min(count, capacity_ - begin_);
    copy(into.data(), bytes_.get() + begin_, first);
    copy(into.data() + first, bytes_.get(), count - first);
    begin_ = (begin_ + count) % capacity_;
    size_ -= count;
    if (count != 0) wake(writer_);
    return count;
  }
  std::size_t put(std::span<const std::byte> from) noexcept {
    const std::size_t count = std::min(from.size(), capacity_ - size_);
    const std::size_t end = (begin_ + size_) % capacity_;
    const std::size_t first = std::min(count, capacity_ - end);
    copy(bytes_.get() + end, from.data(), first);
    copy(bytes_.get(), from.data() + first, count - first);
    size_ += count;
    if (count != 0) wake(reader_);
    return count;
  }
  void end_writing() noexcept {
    write_ended_ = true;
    wake(reader_);
  }
  void end_reading() noexcept {
    read_ended_ = true;
    wake(writer_);
  }
  bool readable() const noexcept { return size_ != 0 || write_ended_; }
  bool writable() const noexcept { return size_ < capacity_ || write_ended_ || read_ended_; }
  bool takes_nothing_more() const noexcept { return write_ended_ || read_ended_; }

  /// Who waits; at most one on each side.
  struct Side {
    Waiter waiter;
    bool taken = false;
    bool woken = false;
  };
  Side reader_, writer_;

 private:
  static void copy(std::byte* to, const std::byte* from, std::size_t count) noexcept {
    if (count != 0) std::memcpy(to, from, count);
  }
  static void wake(Side& side) noexcept {
    if (!side.taken || std::exchange(side.woken, true)) return;
    side.waiter.wake();
  }

  std::unique_ptr<std::byte[]> bytes_;
  std::size_t capacity_;
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
  bool write_ended_ = false;
  bool read_ended_ = false;
};

/// A wait for one side of a pipe.
class DuplexWait {
 public:
  DuplexWait(const DuplexWait&) = delete;
  DuplexWait& operator=(const DuplexWait&) = delete;

 protected:
  DuplexWait(DuplexPipe& pipe, DuplexPipe::Side& side) noexcept : pipe_(pipe), side_(side) {}
  ~DuplexWait() { leave(); }
  template <class Promise>
  void enter(std::coroutine_handle<Promise> suspended) noexcept {
    side_.waiter.set(suspended);
    side_.taken = waits_ = true;
    side_.woken = false;
  }
  void leave() noexcept {
    if (std::exchange(waits_, false)) side_.taken = false;
  }
  /// Somebody else waits at this side.
  bool busy() const noexcept { return side_.taken && !waits_; }

  DuplexPipe& pipe_;
  DuplexPipe::Side& side_;
  bool waits_ = false;
};

class [[nodiscard]] DuplexRead final : DuplexWait {
 public:
  DuplexRead(DuplexPipe& pipe, std::span<std::byte> into) noexcept
      : DuplexWait(pipe, pipe.reader_), into_(into) {}
  bool await_ready() const noexcept { return busy() || into_.empty(); }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    if (pipe_.readable()) return suspend_if_exhausted(suspended);
    enter(suspended);
    return true;
  }
  Result<std::size_t> await_resume() noexcept {
    if (busy()) return Errc::busy;
    leave();
    return pipe_.take(into_);
  }

 private:
  std::span<std::byte> into_;
};

class [[nodiscard]] DuplexWrite final : DuplexWait {
 public:
  DuplexWrite(DuplexPipe& pipe, std::span<const std::byte> bytes) noexcept
      : DuplexWait(pipe, pipe.writer_), bytes_(bytes) {}
  bool await_ready() const noexcept { return busy() || bytes_.empty(); }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    if (pipe_.writable()) return suspend_if_exhausted(suspended);
    enter(suspended);
    return true;
  }
  Result<std::size_t> await_resume() noexcept {
    if (busy()) return Errc::busy;
    leave();
    if (pipe_.takes_nothing_more()) return Error::system(EPIPE);
    return pipe_.put(bytes_);
  }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace tau::detail

namespace tau::io {

/// One end of a connection in memory. A Reader and Writer.
///
/// Dropping it ends both directions: the other end reads to the end, and writes EPIPE.
/// Errors:    Errc::busy when two tasks read, or two write, at the same time.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::io::DuplexStream
class DuplexStream {
 public:
  DuplexStream(std::shared_ptr<detail::DuplexPipe> in, std::shared_ptr<detail::DuplexPipe> out) noexcept
      : in_(std::move(in)), out_(std::move(out)) {}
  DuplexStream(DuplexStream&&) noexcept = default;
  DuplexStream& operator=(DuplexStream&& other) noexcept {
    if (this != &other) {
      close();
      in_ = std::move(other.in_);
      out_ = std::move(other.out_);
    }
    return *this;
  }
  ~DuplexStream() { close(); }

  auto read(MutableBuffer into) noexcept { return detail::DuplexRead(*in_, into); }
  auto write(ConstBuffer bytes) noexcept { return detail::DuplexWrite(*out_, bytes); }
  /// The other end reads to the end of what was written; its own writes still come in.
  auto shutdown() noexcept {
    shutdown_write();
    return detail::ReadyResult<void>(Result<void>());
  }
  void shutdown_write() noexcept { out_->end_writing(); }

 private:
  void close() noexcept {
    if (out_) out_->end_writing();
    if (in_) in_->end_reading();
  }
  std::shared_ptr<detail::DuplexPipe> in_;
  std::shared_ptr<detail::DuplexPipe> out_;
};

/// Two ends that are connected with each other; each direction keeps up to `capacity` bytes, at least one.
/// See: tokio::io::duplex
inline std::pair<DuplexStream, DuplexStream> duplex(std::size_t capacity) {
  auto one = std::make_shared<detail::DuplexPipe>(std::max<std::size_t>(capacity, 1));
  auto other = std::make_shared<detail::DuplexPipe>(std::max<std::size_t>(capacity, 1));
  DuplexStream first(one, other);
  return {std::move(first), DuplexStream(std::move(other), std::move(one))};
}

}  // namespace tau::io
