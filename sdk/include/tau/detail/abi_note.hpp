// ABI note: what this translation unit was compiled as, in words, put into the module's file.
//
// The host reads the note from the file and compares it with its own before a byte of the module runs
// (I5). It is text, one `key=value` a line, so that a refusal can name the field and both values. What
// the compiler tells by macros is written down; what it does not tell (-fshort-enums,
// -mlong-double-64, -fpack-struct) shows in `layout`, a hash over sizes and alignments; what shows
// nowhere (-fno-threadsafe-statics) is in `flags`, a hash of the command line that the build passes as
// TAU_FLAGS_HASH. Keys that begin with `~` are for the reader, not for the comparison.
//
// A note of binary fields was rejected: an unknown field could be compared but not explained.
#pragma once

#include <tau/rt/abi.h>
#include <tau/rt/blocking.h>
#include <tau/rt/event.h>
#include <tau/rt/io.h>
#include <tau/rt/task.h>
#include <tau/rt/timer.h>

#include <any>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

namespace tau::detail {

/// Text put together at compile time. [inert]
struct AbiText {
  char data[1024] = {};
  std::size_t size = 0;

  consteval void put(std::string_view text) {
    for (char c : text) data[size++] = c;  // beyond the end is not a constant: the compiler says so
  }
  consteval void line(std::string_view key, std::string_view value) {
    put(key);
    put("=");
    put(value);
    put("\n");
  }
  consteval void line(std::string_view key, std::uint64_t value, unsigned base = 10) {
    char digits[64];
    std::size_t n = 0;
    do {
      digits[n++] = "0123456789abcdef"[value % base];
      value /= base;
    } while (value != 0);
    put(key);
    put("=");
    while (n > 0) data[size++] = digits[--n];
    put("\n");
  }
};

#define TAU_DETAIL_TEXT_(x) #x
#define TAU_DETAIL_TEXT(x) TAU_DETAIL_TEXT_(x)

// Compilers that say it by __has_feature, and those that say it by a macro.
#ifdef __has_feature
#define TAU_DETAIL_FEATURE(x) __has_feature(x)
#else
#define TAU_DETAIL_FEATURE(x) 0
#endif

inline constexpr bool abi_asan =
#if defined(__SANITIZE_ADDRESS__) || TAU_DETAIL_FEATURE(address_sanitizer)
    true;
#else
    false;
#endif

inline constexpr bool abi_tsan =
#if defined(__SANITIZE_THREAD__) || TAU_DETAIL_FEATURE(thread_sanitizer)
    true;
#else
    false;
#endif

enum AbiProbeEnum { abi_probe_enumerator };
struct AbiProbePacking {
  char c;
  long l;
};
struct AbiProbeVirtual {
  virtual void f();
  int i;
};
struct AbiProbeTail : AbiProbeVirtual {
  char c;
};

template <class... T>
consteval std::uint64_t layout_of() {
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a over (size, alignment)
  ((hash = (hash ^ sizeof(T)) * 0x100000001b3u, hash = (hash ^ alignof(T)) * 0x100000001b3u), ...);
  return hash;
}

/// Sizes and alignments of what may cross a module's edge by reference: types of the language, of the
/// C++ library and of the C ABI. The sdk's own types are templates over these, from sources that the
/// `flags` hash covers.
consteval std::uint64_t abi_layout() {
  return layout_of<
      bool, wchar_t, long, long long, float, double, long double, void*, void (AbiProbeVirtual::*)(),
      int AbiProbeVirtual::*, std::max_align_t, AbiProbeEnum, AbiProbePacking, AbiProbeVirtual, AbiProbeTail,
      std::string, std::wstring, std::string_view, std::vector<int>, std::vector<bool>, std::deque<int>,
      std::list<int>, std::map<int, int>, std::unordered_map<int, int>, std::pair<char, long>,
      std::tuple<char, long>, std::optional<long>, std::variant<char, std::string>, std::span<int>,
      std::function<void()>, std::any, std::unique_ptr<int>, std::shared_ptr<int>, std::weak_ptr<int>,
      std::exception_ptr, std::error_code, std::error_condition, std::system_error,
      std::chrono::nanoseconds, std::chrono::steady_clock::time_point, std::mutex,
      std::condition_variable, std::coroutine_handle<>, tau_wait, tau_task, tau_task_fns, tau_timer,
      tau_io, tau_fd_wait, tau_job, tau_subscription>();
}

/// What this translation unit was compiled as, without `flags`.
consteval AbiText abi_text() {
  AbiText t;
  t.line("lang", "c++");
  t.line("abi", TAU_ABI_VERSION);
#ifdef __clang__
  t.line("compiler", "clang " __clang_version__);
#else
  t.line("compiler", "gcc " __VERSION__);
#endif
  t.line("std", __cplusplus);
  t.line("gxx_abi", __GXX_ABI_VERSION);
#ifdef _LIBCPP_VERSION
  t.line("libc++", _LIBCPP_VERSION);
#else
  t.line("libstdc++", __GLIBCXX__);
  t.line("cxx11_abi", _GLIBCXX_USE_CXX11_ABI);
#endif
#ifdef _GLIBCXX_DEBUG
  t.line("glibcxx_debug", 1);
#else
  t.line("glibcxx_debug", 0);
#endif
#ifdef __cpp_rtti
  t.line("rtti", 1);
#else
  t.line("rtti", 0);
#endif
#ifdef __cpp_exceptions
  t.line("exceptions", 1);
#else
  t.line("exceptions", 0);
#endif
  t.line("asan", abi_asan);
  t.line("tsan", abi_tsan);
#ifdef NDEBUG
  t.line("ndebug", 1);
#else
  t.line("ndebug", 0);
#endif
  t.line("char", static_cast<char>(-1) < 0 ? "signed" : "unsigned");
  t.line("layout", abi_layout(), 16);
  // Vectors wider than the baseline cross no edge of a module, so a plugin may use what it likes.
#if defined(__AVX512F__)
  t.line("~vectors", "avx512");
#elif defined(__AVX__)
  t.line("~vectors", "avx");
#else
  t.line("~vectors", "baseline");
#endif
#ifdef _GLIBCXX_ASSERTIONS
  t.line("~assertions", 1);
#else
  t.line("~assertions", 0);
#endif
#ifdef __OPTIMIZE__
  t.line("~optimized", 1);
#else
  t.line("~optimized", 0);
#endif
  return t;
}

/// The same with `flags`, as a module carries it. TAU_FLAGS_HASH may come with quotes or without.
consteval AbiText module_abi_text() {
  AbiText t = abi_text();
#ifdef TAU_FLAGS_HASH
  t.put("flags=");
  for (char c : std::string_view(TAU_DETAIL_TEXT(TAU_FLAGS_HASH))) {
    if (c != '"' && c != '\\') t.data[t.size++] = c;
  }
  t.put("\n");
#endif
  return t;
}

/// An ELF note: owner "tau", type 1, the text padded with zeros.
template <std::size_t Size>
struct AbiNote {
  std::uint32_t name_size = 4;
  std::uint32_t text_size = Size;
  std::uint32_t type = 1;
  char name[4] = {'t', 'a', 'u', 0};
  char text[Size] = {};

  consteval explicit AbiNote(const AbiText& from) {
    for (std::size_t i = 0; i < from.size; ++i) text[i] = from.data[i];
  }
};

using ModuleAbiNote = AbiNote<(module_abi_text().size + 4) / 4 * 4>;

#undef TAU_DETAIL_FEATURE

}  // namespace tau::detail
