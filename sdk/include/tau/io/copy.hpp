// copy: from a Reader to a Writer until the end.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "write.hpp"

namespace tau::io {

inline constexpr std::size_t copy_buffer_size = 16384;

/// Copies until `reader` ends, flushing after each part, so that nothing is kept back while the reader has
/// nothing. The writer is not shut down. Returns how much was copied; `copied`, if given, tells it also after
/// an error or a cancel.
///
/// Back-pressure: reads only when everything read before is written.
/// Cancelling loses what was read and not written.
/// See: tokio::io::copy
template <Reader R, Writer W>
Task<Result<std::uint64_t>> copy(R& reader, W& writer, std::uint64_t* copied = nullptr) {
  const std::unique_ptr<std::byte[]> buffer(new std::byte[copy_buffer_size]);
  std::uint64_t total = 0;
  for (;;) {
    Result<std::size_t> count = co_await reader.read(std::span<std::byte>(buffer.get(), copy_buffer_size));
    if (!count) co_return count.error();
    if (*count == 0) break;
    Result<void> written = co_await io::write_all(writer, std::span<const std::byte>(buffer.get(), *count));
    if (written) written = co_await io::flush(writer);
    if (!written) co_return written.error();
    total += *count;
    if (copied) *copied = total;
  }
  co_return total;
}

}  // namespace tau::io
