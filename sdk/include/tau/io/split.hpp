// split: one stream, read by one task and written by another.
#pragma once

#include <memory>
#include <utility>

#include "reader.hpp"

namespace tau::io {

/// The reading half of a stream.
///
/// Ownership: the stream lives as long as one of its halves.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::io::ReadHalf
template <class S>
class ReadHalf {
 public:
  explicit ReadHalf(std::shared_ptr<S> stream) noexcept : stream_(std::move(stream)) {}
  auto read(MutableBuffer buffer) { return stream_->read(buffer); }
  S& stream() const noexcept { return *stream_; }

 private:
  template <class T>
  friend class WriteHalf;
  std::shared_ptr<S> stream_;
};

/// The writing half. Dropping it tells the other side that nothing follows, if that can be told at once (S
/// has shutdown_write()); a buffered stream is to be shut down before, since a destructor cannot wait.
/// See: tokio::io::WriteHalf, tokio::net::tcp::OwnedWriteHalf
template <class S>
class WriteHalf {
 public:
  explicit WriteHalf(std::shared_ptr<S> stream) noexcept : stream_(std::move(stream)) {}
  WriteHalf(WriteHalf&&) noexcept = default;
  WriteHalf& operator=(WriteHalf&& other) noexcept {
    if (this != &other) {
      end();
      stream_ = std::move(other.stream_);
    }
    return *this;
  }
  ~WriteHalf() { end(); }

  auto write(ConstBuffer buffer) { return stream_->write(buffer); }
  auto write_all(ConstBuffer buffer)
    requires requires(S& s) { s.write_all(buffer); }
  {
    return stream_->write_all(buffer);
  }
  auto flush() { return io::flush(*stream_); }
  auto shutdown() { return io::shutdown(*stream_); }
  S& stream() const noexcept { return *stream_; }

  /// Whether both are of one stream.
  bool is_pair_of(const ReadHalf<S>& other) const noexcept { return stream_ == other.stream_; }
  /// The stream as it was before the split; the halves are one stream's.
  S unsplit(ReadHalf<S> other) && {
    S whole = std::move(*stream_);
    stream_.reset();
    other.stream_.reset();
    return whole;
  }
  /// Drops the half and leaves the stream open for writing, as long as the other half lives.
  void forget() && noexcept { stream_.reset(); }

 private:
  void end() noexcept {
    if (!stream_) return;
    if constexpr (requires { stream_->shutdown_write(); }) stream_->shutdown_write();
    stream_.reset();
  }
  std::shared_ptr<S> stream_;
};

/// Splits a stream into halves that two tasks may own.
/// See: tokio::io::split
template <class S>
  requires Reader<S> && Writer<S>
std::pair<ReadHalf<S>, WriteHalf<S>> split(S stream) {
  auto shared = std::make_shared<S>(std::move(stream));
  ReadHalf<S> reads(shared);
  return {std::move(reads), WriteHalf<S>(std::move(shared))};
}

}  // namespace tau::io
