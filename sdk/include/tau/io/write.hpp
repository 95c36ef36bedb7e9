// Writing more than one write takes: all of it, integers.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <optional>

#include "../detail/shortcut.hpp"
#include "../task.hpp"
#include "reader.hpp"

namespace tau::detail {

template <io::Writer W>
Task<Result<void>> write_all_by_parts(W& writer, io::ConstBuffer bytes) {
  while (!bytes.empty()) {
    Result<std::size_t> count = co_await writer.write(bytes);
    if (!count) co_return count.error();
    if (*count == 0) co_return Errc::closed;
    bytes = io::ConstBuffer(bytes.subspan(*count));
  }
  co_return Result<void>();
}

/// Puts all bytes where a writer keeps them back.
template <class W>
bool put_buffered(W& writer, io::ConstBuffer bytes) noexcept {
  if constexpr (requires { writer.try_buffer(bytes); }) {
    return writer.try_buffer(bytes);
  } else {
    return false;
  }
}

template <std::integral T>
std::array<std::byte, sizeof(T)> to_bytes(T value, std::endian order) noexcept {
  const auto bits = static_cast<std::make_unsigned_t<T>>(value);
  std::array<std::byte, sizeof(T)> bytes;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    const std::size_t shift = 8 * (order == std::endian::big ? sizeof(T) - 1 - i : i);
    bytes[i] = static_cast<std::byte>(bits >> shift);
  }
  return bytes;
}

template <io::Writer W, std::size_t N>
Task<Result<void>> write_array_slowly(W& writer, std::array<std::byte, N> bytes) {
  Result<void> written = co_await write_all_by_parts(writer, bytes);
  co_return written;
}

}  // namespace tau::detail

namespace tau::io {

/// Writes all bytes. `Result<void>`. Whoever cancels it does not know how much was written.
/// See: tokio::io::AsyncWriteExt::write_all
template <Writer W>
auto write_all(W& writer, ConstBuffer bytes) {
  if constexpr (requires { writer.write_all(bytes); }) {
    return writer.write_all(bytes);
  } else {
    return detail::shortcut<Result<void>>(
        [&writer, bytes] {
          return detail::put_buffered(writer, bytes) ? std::optional(Result<void>()) : std::nullopt;
        },
        [&writer, bytes] { return detail::write_all_by_parts(writer, bytes); });
  }
}

/// Writes one integer. `Result<void>`
template <std::integral T, Writer W>
auto write_integer(W& writer, T value, std::endian order = std::endian::big) {
  const auto bytes = detail::to_bytes(value, order);
  return detail::shortcut<Result<void>>(
      [&writer, bytes] {
        return detail::put_buffered(writer, bytes) ? std::optional(Result<void>()) : std::nullopt;
      },
      [&writer, bytes] { return detail::write_array_slowly(writer, bytes); });
}

// clang-format off
/// Integers in network order, and with _le in little-endian. See: tokio::io::AsyncWriteExt
template <Writer W> auto write_u8(W& writer, std::uint8_t value) { return write_integer(writer, value); }
template <Writer W> auto write_i8(W& writer, std::int8_t value) { return write_integer(writer, value); }
template <Writer W> auto write_u16(W& writer, std::uint16_t value) { return write_integer(writer, value); }
template <Writer W> auto write_i16(W& writer, std::int16_t value) { return write_integer(writer, value); }
template <Writer W> auto write_u32(W& writer, std::uint32_t value) { return write_integer(writer, value); }
template <Writer W> auto write_i32(W& writer, std::int32_t value) { return write_integer(writer, value); }
template <Writer W> auto write_u64(W& writer, std::uint64_t value) { return write_integer(writer, value); }
template <Writer W> auto write_i64(W& writer, std::int64_t value) { return write_integer(writer, value); }
template <Writer W> auto write_u16_le(W& writer, std::uint16_t value) { return write_integer(writer, value, std::endian::little); }
template <Writer W> auto write_i16_le(W& writer, std::int16_t value) { return write_integer(writer, value, std::endian::little); }
template <Writer W> auto write_u32_le(W& writer, std::uint32_t value) { return write_integer(writer, value, std::endian::little); }
template <Writer W> auto write_i32_le(W& writer, std::int32_t value) { return write_integer(writer, value, std::endian::little); }
template <Writer W> auto write_u64_le(W& writer, std::uint64_t value) { return write_integer(writer, value, std::endian::little); }
template <Writer W> auto write_i64_le(W& writer, std::int64_t value) { return write_integer(writer, value, std::endian::little); }
// clang-format on

}  // namespace tau::io
