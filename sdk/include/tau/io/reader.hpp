// Reader and Writer: the two words that everything in io is written in.
//
// They are concepts and not base classes: what reads and writes is known where it is compiled, awaiting a
// socket needs neither a virtual call nor a coroutine frame, and no vtable of a module can outlive it.
//
//   read(buffer)   Result<std::size_t>: at least one byte, or 0 at the end; 0 as well for an empty buffer
//   write(buffer)  Result<std::size_t>: some of the bytes, at least one unless the buffer is empty
//   flush()        Result<void>: what is kept back is passed on. May be missing.
//   shutdown()     Result<void>: flush, then tell the other side that nothing follows. May be missing.
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include "../detail/await_result.hpp"
#include "../detail/ready.hpp"
#include "../result.hpp"
#include "buffer.hpp"

namespace tau::io {

/// See: tokio::io::AsyncRead
template <class R>
concept Reader = requires(R& reader, MutableBuffer buffer) {
  { reader.read(buffer) } -> detail::AwaitsTo<Result<std::size_t>>;
};

/// See: tokio::io::AsyncWrite
template <class W>
concept Writer = requires(W& writer, ConstBuffer buffer) {
  { writer.write(buffer) } -> detail::AwaitsTo<Result<std::size_t>>;
};

/// A Reader with a buffer: fill_buf() gives what is there, waiting if that is nothing and giving nothing at
/// the end; consume() takes it away.
/// See: tokio::io::AsyncBufRead
template <class R>
concept BufferedReader = Reader<R> && requires(R& reader, std::size_t count) {
  { reader.fill_buf() } -> detail::AwaitsTo<Result<ConstBuffer>>;
  reader.consume(count);
};

/// Passes on what `writer` keeps back; nothing for a Writer that keeps nothing.
template <Writer W>
auto flush(W& writer) {
  if constexpr (requires { writer.flush(); }) {
    return writer.flush();
  } else {
    return detail::ReadyResult<void>(Result<void>());
  }
}

/// Tells the other side that nothing follows, where there is a way to.
template <Writer W>
auto shutdown(W& writer) {
  if constexpr (requires { writer.shutdown(); }) {
    return writer.shutdown();
  } else {
    return flush(writer);
  }
}

/// A Reader and Writer that refers to another, which stays its owner's.
template <class S>
class Ref {
 public:
  explicit Ref(S& stream) noexcept : stream_(&stream) {}
  auto read(MutableBuffer buffer)
    requires Reader<S>
  {
    return stream_->read(buffer);
  }
  auto write(ConstBuffer buffer)
    requires Writer<S>
  {
    return stream_->write(buffer);
  }
  auto flush()
    requires Writer<S>
  {
    return io::flush(*stream_);
  }
  auto shutdown()
    requires Writer<S>
  {
    return io::shutdown(*stream_);
  }
  S& get() const noexcept { return *stream_; }

 private:
  S* stream_;
};

template <class S>
Ref<S> by_ref(S& stream) noexcept {
  return Ref<S>(stream);
}

}  // namespace tau::io
