// Fields of an aggregate, as a list of types: how Transferable looks inside a plain struct.
//
// The number of fields is found by trying initialisers, the types by structured bindings. A C array
// takes as many initialisers as it has elements (brace elision), so a second pass looks for positions
// that also accept a braced group of initialisers in place of several.
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace tau::detail {

inline constexpr std::size_t most_fields = 16;

template <class... Ts>
struct TypeList {};

/// Converts to any field, but not to T itself, which would make `T{any}` a copy.
template <class T>
struct AnyField {
  template <class U>
    requires(!std::same_as<U, T>)
  operator U() const noexcept;
};

/// Converts to bases of T only.
template <class T>
struct AnyBase {
  template <class U>
    requires(std::is_base_of_v<U, T> && !std::same_as<U, T>)
  operator U() const noexcept;
};

template <class T, std::size_t>
using AnyAt = AnyField<T>;

template <class T, std::size_t... Before>
constexpr bool takes_flat(std::index_sequence<Before...>) {
  return requires { T{AnyAt<T, Before>{}...}; };
}

template <class T, std::size_t... Before, std::size_t... In, std::size_t... After>
constexpr bool takes_group(std::index_sequence<Before...>, std::index_sequence<In...>,
                           std::index_sequence<After...>) {
  return requires { T{AnyAt<T, Before>{}..., {AnyAt<T, In>{}...}, AnyAt<T, After>{}...}; };
}

/// More initialisers than this are not looked at.
inline constexpr std::size_t most_initialisers = 64;

/// How many initialisers T takes without inner braces; most_initialisers + 1 if more, 0 also for a T that
/// cannot be initialised so at all. Fewer may not do, where a field has no default; once a number does,
/// all up to the greatest do.
template <class T, std::size_t N = 0, bool Found = false>
constexpr std::size_t initialisers() {
  constexpr bool fits = takes_flat<T>(std::make_index_sequence<N>());
  if constexpr (Found && !fits) {
    return N - 1;
  } else if constexpr (N > most_initialisers) {
    return fits ? N : 0;
  } else {
    return initialisers<T, N + 1, fits>();
  }
}

/// How many of the initialisers from `At` on belong to one field.
template <class T, std::size_t At, std::size_t Total, std::size_t Size = Total - At>
constexpr std::size_t field_width() {
  if constexpr (Size <= 1) {
    return 1;
  } else {
    constexpr std::size_t rest = Total - At - Size;
    constexpr bool grouped =
        takes_group<T>(std::make_index_sequence<At>(), std::make_index_sequence<Size>(),
                       std::make_index_sequence<rest>()) &&
        !takes_group<T>(std::make_index_sequence<At>(), std::make_index_sequence<Size>(),
                        std::make_index_sequence<rest + 1>());
    if constexpr (grouped) {
      return Size;
    } else {
      return field_width<T, At, Total, Size - 1>();
    }
  }
}

template <class T, std::size_t Total, std::size_t At = 0, std::size_t Count = 0>
constexpr std::size_t count_fields() {
  if constexpr (At >= Total) {
    return Count;
  } else {
    return count_fields<T, Total, At + field_width<T, At, Total>(), Count + 1>();
  }
}

/// An aggregate with a base class: its fields cannot be told from the base's.
template <class T>
concept HasBase = requires { T{AnyBase<T>{}}; };

// clang-format off
/// Declared types of the fields of a T that has N of them.
template <class T, std::size_t N>
auto fields_of(T& t) {
  if constexpr (N == 0) { return TypeList<>(); }
  else if constexpr (N == 1) { auto& [a] = t; return TypeList<decltype(a)>(); }
  else if constexpr (N == 2) { auto& [a,b] = t; return TypeList<decltype(a),decltype(b)>(); }
  else if constexpr (N == 3) { auto& [a,b,c] = t; return TypeList<decltype(a),decltype(b),decltype(c)>(); }
  else if constexpr (N == 4) {
    auto& [a,b,c,d] = t;
    return TypeList<decltype(a),decltype(b),decltype(c),decltype(d)>();
  }
  else if constexpr (N == 5) {
    auto& [a,b,c,d,e] = t;
    return TypeList<decltype(a),decltype(b),decltype(c),decltype(d),decltype(e)>();
  }
  else if constexpr (N == 6) {
    auto& [a,b,c,d,e,f] = t;
    return TypeList<decltype(a),decltype(b),decltype(c),decltype(d),decltype(e),decltype(f)>();
  }
  else if constexpr (N == 7) {
    auto& [a,b,c,d,e,f,g] = t;
    return TypeList<decltype(a),decltype(b),decltype(c),decltype(d),decltype(e),decltype(f),decltype(g)>();
  }
  else if constexpr (N == 8) {
    auto& [a,b,c,d,e,f,g,h] = t;
    return TypeList<decltype(a),decltype(b),decltype(c),decltype(d),decltype(e),decltype(f),decltype(g),decltype(h)>();
  }
  else if constexpr (N == 9) {
    auto& [a,b,c,d,e,f,g,h,i] = t;
    return TypeList<decltype(a),decltype(b),decltype(c),decltype(d),decltype(e),decltype(f),decltype(g),decltype(h),decltype(i)>();
  }
  else if constexpr (N == 10) {
    auto& [a,b,c,d,e,f,g,h,i,j] = t;
    return TypeList<decltype(a),decltype(b),decltype(c),decltype(d),decltype(e),decltype(f),decltype(g),decltype(h),decltype(i),decltype(j)>();
  }
  else if constexpr (N == 11) {
    auto& [a,b,c,d,e,f,g,h,i,j,k] = t;
    return TypeList<decltype(a),decltype(b),decltype(c),decltype(d),decltype(e),decltype(f),decltype(g),decltype(h),decltype(i),decltype(j),decltype(k)>();
  }
  else if constexpr (N == 12) {
    auto& [a,b,c,d,e,f,g,h,i,j,k,l] = t;
    return TypeList<decltype(a),decltype(b),decltype(c),decltype(d),decltype(e),decltype(f),decltype(g),decltype(h),decltype(i),decltype(j),decltype(k),decltype(l)>();
  }
  else if constexpr (N == 13) {
    auto& [a,b,c,d,e,f,g,h,i,j,k,l,m] = t;
    return TypeList<decltype(a),decltype(b),decltype(c),decltype(d),decltype(e),decltype(f),decltype(g),decltype(h),decltype(i),decltype(j),decltype(k),decltype(l),decltype(m)>();
  }
  else if constexpr (N == 14) {
    auto& [a,b,c,d,e,f,g,h,i,j,k,l,m,n] = t;
    return TypeList<decltype(a),decltype(b),decltype(c),decltype(d),decltype(e),decltype(f),decltype(g),decltype(h),decltype(i),decltype(j),decltype(k),decltype(l),decltype(m),decltype(n)>();
  }
  else if constexpr (N == 15) {
    auto& [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o] = t;
    return TypeList<decltype(a),decltype(b),decltype(c),decltype(d),decltype(e),decltype(f),decltype(g),decltype(h),decltype(i),decltype(j),decltype(k),decltype(l),decltype(m),decltype(n),decltype(o)>();
  }
  else if constexpr (N == 16) {
    auto& [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p] = t;
    return TypeList<decltype(a),decltype(b),decltype(c),decltype(d),decltype(e),decltype(f),decltype(g),decltype(h),decltype(i),decltype(j),decltype(k),decltype(l),decltype(m),decltype(n),decltype(o),decltype(p)>();
  }
}
// clang-format on

}  // namespace tau::detail
