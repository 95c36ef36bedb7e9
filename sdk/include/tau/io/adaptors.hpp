// Small readers and writers: empty, sink, take, chain, and bytes in memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "../task.hpp"
#include "reader.hpp"

namespace tau::io {

/// At its end from the start. See: tokio::io::empty
class Empty {
 public:
  auto read(MutableBuffer) noexcept { return detail::ReadyResult<std::size_t>(std::size_t{0}); }
};
inline Empty empty() noexcept {
  return {};
}

/// Takes everything and keeps nothing. See: tokio::io::sink
class Sink {
 public:
  auto write(ConstBuffer bytes) noexcept { return detail::ReadyResult<std::size_t>(bytes.size()); }
};
inline Sink sink() noexcept {
  return {};
}

/// Reads bytes that lie in memory, which must stay. See: tokio's AsyncRead for &[u8]
class MemoryReader {
 public:
  explicit MemoryReader(ConstBuffer bytes) noexcept : left_(bytes) {}
  auto read(MutableBuffer into) noexcept {
    const std::size_t count = std::min(into.size(), left_.size());
    if (count != 0) std::memcpy(into.data(), left_.data(), count);
    consume(count);
    return detail::ReadyResult<std::size_t>(count);
  }
  auto fill_buf() noexcept { return detail::ReadyResult<ConstBuffer>(left_); }
  ConstBuffer buffered() const noexcept { return left_; }
  void consume(std::size_t count) noexcept {
    left_ = ConstBuffer(left_.subspan(std::min(count, left_.size())));
  }

 private:
  ConstBuffer left_;
};

/// The first `limit` bytes of a reader. See: tokio::io::AsyncReadExt::take
template <Reader R>
class Take {
 public:
  Take(R inner, std::uint64_t limit) : inner_(std::move(inner)), left_(limit) {}
  Task<Result<std::size_t>> read(MutableBuffer into) {
    const std::size_t room = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left_));
    if (room == 0) co_return std::size_t{0};
    Result<std::size_t> count = co_await inner_.read(into.first(room));
    if (count) left_ -= *count;
    co_return count;
  }
  std::uint64_t limit() const noexcept { return left_; }
  R& inner() noexcept { return inner_; }
  R into_inner() && { return std::move(inner_); }

 private:
  R inner_;
  std::uint64_t left_;
};
template <Reader R>
Take<R> take(R reader, std::uint64_t limit) {
  return Take<R>(std::move(reader), limit);
}

/// One reader, and after its end another. See: tokio::io::AsyncReadExt::chain
template <Reader A, Reader B>
class Chain {
 public:
  Chain(A first, B second) : first_(std::move(first)), second_(std::move(second)) {}
  Task<Result<std::size_t>> read(MutableBuffer into) {
    if (!first_ended_) {
      Result<std::size_t> count = co_await first_.read(into);
      if (!count || *count != 0 || into.empty()) co_return count;
      first_ended_ = true;
    }
    Result<std::size_t> count = co_await second_.read(into);
    co_return count;
  }

 private:
  A first_;
  B second_;
  bool first_ended_ = false;
};
template <Reader A, Reader B>
Chain<A, B> chain(A first, B second) {
  return Chain<A, B>(std::move(first), std::move(second));
}

}  // namespace tau::io
