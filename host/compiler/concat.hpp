// concat: a text from its parts.
//
// A chain of operator+ makes a temporary per part, which sanitized builds pay for by minutes of compiling.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace tau::host {

inline std::string concat(std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  std::string text;
  text.reserve(size);
  for (const std::string_view part : parts) text += part;
  return text;
}

inline void append(std::string& text, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) text += part;
}

}  // namespace tau::host
