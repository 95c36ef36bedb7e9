// type_id: a fingerprint by which two plugins recognise a type without sharing any RTTI object.
//
// The compiler's own spelling of the type, with size and alignment: both plugins were built by the same
// compiler (I5), so equal types are spelled alike. A type of an anonymous namespace, an unnamed one and
// a closure's are refused: each translation unit has its own, and they would look the same.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace tau::detail {

template <class T>
constexpr std::string_view spelled() noexcept {
  return __PRETTY_FUNCTION__;
}

constexpr bool names_local_type(std::string_view name) noexcept {
  for (std::string_view mark : {"{anonymous}", "(anonymous ", "<unnamed", "(unnamed ", "<lambda", "(lambda "}) {
    if (name.find(mark) != std::string_view::npos) return true;
  }
  return false;
}

template <class T>
constexpr std::uint64_t fingerprint() noexcept {
  static_assert(std::is_object_v<T> && std::is_same_v<T, std::remove_cv_t<T>>,
                "a type that plugins share is an object type without const or volatile");
  static_assert(!names_local_type(spelled<T>()),
                "plugins cannot share a type of an anonymous namespace, an unnamed type or a closure: "
                "give it a name in a header that both include");
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
  for (char letter : spelled<T>()) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100'0000'01b3;
  }
  for (std::uint64_t word : {std::uint64_t{sizeof(T)}, std::uint64_t{alignof(T)}}) {
    hash = (hash ^ word) * 0x100'0000'01b3;
  }
  return hash ^ (hash >> 32);
}

/// Equal in every plugin for the same T.
template <class T>
inline constexpr std::uint64_t type_id = fingerprint<T>();

}  // namespace tau::detail
