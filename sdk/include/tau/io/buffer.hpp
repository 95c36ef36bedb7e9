// Buffers: what a read fills and what a write takes. Each is a std::span of bytes that also begins from
// what people have at hand: arrays, vectors and strings of char, of unsigned char, of std::byte.
#pragma once

#include <cstddef>
#include <iterator>
#include <ranges>
#include <span>
#include <string_view>
#include <type_traits>

namespace tau::detail {

template <class T>
concept ByteLike =
    sizeof(T) == 1 && std::is_trivially_copyable_v<T> && !std::is_same_v<std::remove_cv_t<T>, bool>;

template <class R>
concept ByteRange = std::ranges::contiguous_range<R> && std::ranges::sized_range<R> &&
                    ByteLike<std::remove_reference_t<std::ranges::range_reference_t<R>>>;

template <class R>
concept WritableByteRange =
    ByteRange<R> && !std::is_const_v<std::remove_reference_t<std::ranges::range_reference_t<R>>>;

template <class R>
inline constexpr bool is_literal = false;
template <std::size_t N>
inline constexpr bool is_literal<const char (&)[N]> = true;

}  // namespace tau::detail

namespace tau::io {

/// Memory to be filled. Borrowed: it stays until the operation that takes it has ended or was destroyed.
class MutableBuffer : public std::span<std::byte> {
 public:
  using span::span;
  constexpr MutableBuffer(std::span<std::byte> bytes) noexcept : span(bytes) {}
  template <detail::WritableByteRange R>
    requires(!std::is_base_of_v<std::span<std::byte>, std::remove_cvref_t<R>> &&
             (std::is_lvalue_reference_v<R> || std::ranges::borrowed_range<R>))
  MutableBuffer(R&& range) noexcept
      : span(reinterpret_cast<std::byte*>(std::ranges::data(range)), std::ranges::size(range)) {}
};

/// Memory to be read. Borrowed as above. A literal counts without its zero.
class ConstBuffer : public std::span<const std::byte> {
 public:
  using span::span;
  constexpr ConstBuffer(std::span<const std::byte> bytes) noexcept : span(bytes) {}
  ConstBuffer(std::string_view text) noexcept
      : span(reinterpret_cast<const std::byte*>(text.data()), text.size()) {}
  ConstBuffer(const char* text) noexcept : ConstBuffer(std::string_view(text)) {}
  template <detail::ByteRange R>
    requires(!std::is_base_of_v<std::span<const std::byte>, std::remove_cvref_t<R>> && !detail::is_literal<R>)
  ConstBuffer(R&& range) noexcept
      : span(reinterpret_cast<const std::byte*>(std::ranges::data(range)), std::ranges::size(range)) {}
};

/// The bytes of a buffer as text.
inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace tau::io
