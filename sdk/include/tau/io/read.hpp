// Reading more than one read gives: exactly so much, up to a mark, to the end, integers.
//
// A Reader that knows a better way than read() in a loop has a member of the same name, and that is taken.
// Unless said otherwise, what was read before a cancel is in the caller's buffer and no longer in the reader.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../detail/shortcut.hpp"
#include "../task.hpp"
#include "reader.hpp"

namespace tau::detail {

template <io::Reader R>
Task<Result<void>> read_exact_by_parts(R& reader, io::MutableBuffer into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    Result<std::size_t> count = co_await reader.read(into.subspan(filled));
    if (!count) co_return count.error();
    if (*count == 0) co_return Errc::closed;
    filled += *count;
  }
  co_return Result<void>();
}

/// Appends to `out`, whose elements are bytes of some kind, until the end.
template <io::Reader R, class Container>
Task<Result<std::size_t>> append_to_end(R& reader, Container& out) {
  const std::size_t before = out.size();
  std::size_t room = 4096;
  for (;;) {
    // Grows by steps that double, so that reading is linear; takes off what a read did not fill before
    // anything else can look.
    struct Tail {
      Tail(Container& container, std::size_t size) : out(container), filled(container.size()) {
        out.resize(filled + size);
      }
      ~Tail() { out.resize(filled); }
      Container& out;
      std::size_t filled;
    };
    std::size_t count = 0;
    {
      Tail tail(out, room);
      Result<std::size_t> got = co_await reader.read(io::MutableBuffer(out).subspan(tail.filled));
      if (!got) co_return got.error();
      count = *got;
      tail.filled += count;
    }
    if (count == 0) co_return out.size() - before;
    if (count == room && room < (std::size_t{1} << 20)) room *= 2;
  }
}

/// Takes a whole buffer out of what a reader holds already.
template <class R>
bool take_buffered(R& reader, io::MutableBuffer into) noexcept {
  if constexpr (requires { reader.buffered(); }) {
    io::ConstBuffer held = reader.buffered();
    if (held.size() < into.size()) return false;
    std::copy_n(held.data(), into.size(), into.data());
    reader.consume(into.size());
    return true;
  } else {
    return false;
  }
}

template <std::integral T>
T from_bytes(std::array<std::byte, sizeof(T)> bytes, std::endian order) noexcept {
  using Bits = std::make_unsigned_t<T>;
  Bits bits = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    const std::size_t shift = 8 * (order == std::endian::big ? sizeof(T) - 1 - i : i);
    bits = static_cast<Bits>(bits | (static_cast<Bits>(bytes[i]) << shift));
  }
  return static_cast<T>(bits);
}

template <std::integral T, io::Reader R>
Task<Result<T>> read_integer_slowly(R& reader, std::endian order) {
  std::array<std::byte, sizeof(T)> bytes;
  Result<void> read = co_await read_exact_by_parts(reader, bytes);
  if (!read) co_return read.error();
  co_return from_bytes<T>(bytes, order);
}

}  // namespace tau::detail

namespace tau::io {

/// Fills the whole buffer. `Result<void>`; Errors: Errc::closed when the end comes before.
/// See: tokio::io::AsyncReadExt::read_exact
template <Reader R>
auto read_exact(R& reader, MutableBuffer into) {
  if constexpr (requires { reader.read_exact(into); }) {
    return reader.read_exact(into);
  } else {
    return detail::shortcut<Result<void>>(
        [&reader, into] {
          return detail::take_buffered(reader, into) ? std::optional(Result<void>()) : std::nullopt;
        },
        [&reader, into] { return detail::read_exact_by_parts(reader, into); });
  }
}

/// Appends everything up to the end to `out`; returns how much that was. There is no limit: see take().
template <Reader R>
Task<Result<std::size_t>> read_to_end(R& reader, std::vector<std::byte>& out) {
  return detail::append_to_end(reader, out);
}
/// The same into a string. The text is not checked for being UTF-8.
template <Reader R>
Task<Result<std::size_t>> read_to_string(R& reader, std::string& out) {
  return detail::append_to_end(reader, out);
}

/// One integer of the given byte order. Errors: Errc::closed when the end comes before its last byte.
template <std::integral T, Reader R>
auto read_integer(R& reader, std::endian order = std::endian::big) {
  return detail::shortcut<Result<T>>(
      [&reader, order]() -> std::optional<Result<T>> {
        std::array<std::byte, sizeof(T)> bytes;
        if (!detail::take_buffered(reader, bytes)) return std::nullopt;
        return Result<T>(detail::from_bytes<T>(bytes, order));
      },
      [&reader, order] { return detail::read_integer_slowly<T>(reader, order); });
}

// clang-format off
/// Integers in network order, and with _le in little-endian. See: tokio::io::AsyncReadExt
template <Reader R> auto read_u8(R& reader) { return read_integer<std::uint8_t>(reader); }
template <Reader R> auto read_i8(R& reader) { return read_integer<std::int8_t>(reader); }
template <Reader R> auto read_u16(R& reader) { return read_integer<std::uint16_t>(reader); }
template <Reader R> auto read_i16(R& reader) { return read_integer<std::int16_t>(reader); }
template <Reader R> auto read_u32(R& reader) { return read_integer<std::uint32_t>(reader); }
template <Reader R> auto read_i32(R& reader) { return read_integer<std::int32_t>(reader); }
template <Reader R> auto read_u64(R& reader) { return read_integer<std::uint64_t>(reader); }
template <Reader R> auto read_i64(R& reader) { return read_integer<std::int64_t>(reader); }
template <Reader R> auto read_u16_le(R& reader) { return read_integer<std::uint16_t>(reader, std::endian::little); }
template <Reader R> auto read_i16_le(R& reader) { return read_integer<std::int16_t>(reader, std::endian::little); }
template <Reader R> auto read_u32_le(R& reader) { return read_integer<std::uint32_t>(reader, std::endian::little); }
template <Reader R> auto read_i32_le(R& reader) { return read_integer<std::int32_t>(reader, std::endian::little); }
template <Reader R> auto read_u64_le(R& reader) { return read_integer<std::uint64_t>(reader, std::endian::little); }
template <Reader R> auto read_i64_le(R& reader) { return read_integer<std::int64_t>(reader, std::endian::little); }
// clang-format on

}  // namespace tau::io
