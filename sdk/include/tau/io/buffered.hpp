// BufReader and BufWriter: fewer, larger operations on what lies below.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "read.hpp"
#include "write.hpp"

namespace tau::io {

inline constexpr std::size_t default_buffer_size = 8192;

/// Reads ahead.
///
/// Cancelling read() or fill_buf() loses nothing that the reader below does not lose.
/// Ownership: owns the reader below; by_ref(reader) where it should not.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::io::BufReader
template <Reader R>
class BufReader {
 public:
  explicit BufReader(R inner, std::size_t capacity = default_buffer_size)
      : inner_(std::move(inner)), buffer_(new std::byte[capacity]), capacity_(capacity) {}

  /// What was read ahead and not taken yet.
  ConstBuffer buffered() const noexcept {
    return std::span<const std::byte>(buffer_.get() + begin_, end_ - begin_);
  }
  /// Takes away `count` bytes of what is buffered.
  void consume(std::size_t count) noexcept {
    begin_ += std::min(count, end_ - begin_);
  }
  /// What is buffered, reading if that is nothing; nothing at the end.
  auto fill_buf() {
    return detail::shortcut<Result<ConstBuffer>>(
        [this] { return begin_ < end_ ? std::optional(Result<ConstBuffer>(buffered())) : std::nullopt; },
        [this] { return refill(); });
  }
  auto read(MutableBuffer into) {
    return detail::shortcut<Result<std::size_t>>(
        [this, into]() -> std::optional<Result<std::size_t>> {
          if (begin_ == end_ && !into.empty()) return std::nullopt;
          return Result<std::size_t>(take(into));
        },
        [this, into] { return read_below(into); });
  }
  /// Writing goes past the buffer.
  auto write(ConstBuffer bytes)
    requires Writer<R>
  {
    return inner_.write(bytes);
  }
  auto flush()
    requires Writer<R>
  {
    return io::flush(inner_);
  }
  auto shutdown()
    requires Writer<R>
  {
    return io::shutdown(inner_);
  }

  R& inner() noexcept { return inner_; }
  /// The reader below; what was read ahead is dropped.
  R into_inner() && { return std::move(inner_); }

 private:
  std::size_t take(MutableBuffer into) noexcept {
    const std::size_t count = std::min(into.size(), end_ - begin_);
    if (count != 0) std::memcpy(into.data(), buffer_.get() + begin_, count);
    begin_ += count;
    return count;
  }
  Task<Result<ConstBuffer>> refill() {
    begin_ = end_ = 0;
    Result<std::size_t> count = co_await inner_.read(std::span<std::byte>(buffer_.get(), capacity_));
    if (!count) co_return count.error();
    end_ = *count;
    co_return buffered();
  }
  Task<Result<std::size_t>> read_below(MutableBuffer into) {
    if (into.size() >= capacity_) {  // a copy would gain nothing
      Result<std::size_t> count = co_await inner_.read(into);
      co_return count;
    }
    Result<ConstBuffer> filled = co_await refill();
    if (!filled) co_return filled.error();
    co_return take(into);
  }

  R inner_;
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t capacity_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

/// Keeps writes back until there are many, or until flush().
///
/// Dropping it drops what is kept back: a destructor cannot wait. Nobody knows how much of a flush that was
/// cancelled has gone out, so after one every call but into_inner() fails with Errc::canceled, rather than to
/// send bytes twice. Writes that fit into the buffer are done at once and have nothing to cancel.
/// Ownership: owns the writer below; by_ref(writer) where it should not.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::io::BufWriter
template <Writer W>
class BufWriter {
 public:
  explicit BufWriter(W inner, std::size_t capacity = default_buffer_size)
      : inner_(std::move(inner)), buffer_(new std::byte[capacity]), capacity_(capacity) {}

  ConstBuffer buffered() const noexcept { return std::span<const std::byte>(buffer_.get(), size_); }
  /// Keeps all bytes back, or none.
  bool try_buffer(ConstBuffer bytes) noexcept {
    if (in_flight_ || bytes.size() > capacity_ - size_) return false;
    if (!bytes.empty()) std::memcpy(buffer_.get() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
    return true;
  }
  auto write(ConstBuffer bytes) {
    return detail::shortcut<Result<std::size_t>>(
        [this, bytes] {
          return try_buffer(bytes) ? std::optional(Result<std::size_t>(bytes.size())) : std::nullopt;
        },
        [this, bytes] { return write_below(bytes); });
  }
  /// Everything kept back goes out, and what the writer below keeps back as well.
  Task<Result<void>> flush() {
    Result<void> status = co_await flush_buffer();
    if (!status) co_return status;
    status = co_await io::flush(inner_);
    co_return status;
  }
  Task<Result<void>> shutdown() {
    Result<void> status = co_await flush_buffer();
    if (!status) co_return status;
    status = co_await io::shutdown(inner_);
    co_return status;
  }
  /// Reading goes past the buffer.
  auto read(MutableBuffer into)
    requires Reader<W>
  {
    return inner_.read(into);
  }

  W& inner() noexcept { return inner_; }
  /// The writer below; what was kept back is dropped.
  W into_inner() && { return std::move(inner_); }

 private:
  Task<Result<void>> flush_buffer() {
    if (in_flight_) co_return Errc::canceled;
    if (size_ == 0) co_return Result<void>();
    in_flight_ = true;
    std::size_t gone = 0;
    while (gone < size_) {
      Result<std::size_t> count = co_await inner_.write(buffered().subspan(gone));
      if (!count || *count == 0) {
        // Known to the byte: what is left stays, for another try.
        std::memmove(buffer_.get(), buffer_.get() + gone, size_ - gone);
        size_ -= gone;
        in_flight_ = false;
        if (!count) co_return count.error();
        co_return Errc::closed;
      }
      gone += *count;
    }
    size_ = 0;
    in_flight_ = false;
    co_return Result<void>();
  }
  Task<Result<std::size_t>> write_below(ConstBuffer bytes) {
    Result<void> flushed = co_await flush_buffer();
    if (!flushed) co_return flushed.error();
    if (try_buffer(bytes)) co_return bytes.size();
    Result<std::size_t> count = co_await inner_.write(bytes);
    co_return count;
  }

  W inner_;
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t capacity_;
  std::size_t size_ = 0;
  bool in_flight_ = false;
};

}  // namespace tau::io
