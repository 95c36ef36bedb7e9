// Lines for people, printed by the host with the plugin's name in front.
#pragma once

#include <tau/rt/plugin.h>

#include <concepts>
#include <string>
#include <string_view>

#include "detail/module.hpp"

namespace tau {

enum class LogLevel : std::int32_t {
  plain = TAU_LOG_PLAIN,
  debug = TAU_LOG_DEBUG,
  info = TAU_LOG_INFO,
  warn = TAU_LOG_WARN,
  error = TAU_LOG_ERROR,
};

namespace detail {

// Out of line, in src/log.cpp: each source that logs would compile them anew.
void append_text(std::string& line, std::string_view text);
void append_number(std::string& line, long long value);
void append_number(std::string& line, unsigned long long value);
void append_number(std::string& line, float value);
void append_number(std::string& line, double value);
void append_number(std::string& line, long double value);

inline void append_text(std::string& line, std::same_as<bool> auto value) {
  append_text(line, std::string_view(value ? "true" : "false"));
}
inline void append_text(std::string& line, std::same_as<char> auto value) {
  append_text(line, std::string_view(&value, 1));
}
template <class N>
  requires((std::integral<N> || std::floating_point<N>) && !std::same_as<N, bool> && !std::same_as<N, char>)
void append_text(std::string& line, N value) {
  if constexpr (std::floating_point<N>) {
    append_number(line, value);
  } else if constexpr (std::signed_integral<N>) {
    append_number(line, static_cast<long long>(value));
  } else {
    append_number(line, static_cast<unsigned long long>(value));
  }
}

}  // namespace detail

/// Prints one line made of its arguments: strings, numbers, bools.
///
/// Threading: [any]
/// Unload:    [inert]: the text is copied.
template <class... Parts>
void log(LogLevel level, const Parts&... parts) {
  std::string line;
  (detail::append_text(line, parts), ...);
  tau_log(detail::module_owner(), static_cast<std::int32_t>(level), line.data(), line.size());
}

/// The same without a level.
template <class... Parts>
void print(const Parts&... parts) {
  log(LogLevel::plain, parts...);
}

}  // namespace tau
