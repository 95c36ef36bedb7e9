// SourceLocation: std::source_location with its member names; Clang 14 has not what the standard library's needs.
#pragma once

#include <cstdint>

namespace tau::detail {

/// Points into the module that made it: to be copied before it is kept.
class SourceLocation {
 public:
  static constexpr SourceLocation current(const char* file = __builtin_FILE(),
                                          std::uint32_t line = __builtin_LINE()) noexcept {
    return SourceLocation(file, line);
  }
  constexpr const char* file_name() const noexcept { return file_; }
  constexpr std::uint32_t line() const noexcept { return line_; }

 private:
  constexpr SourceLocation(const char* file, std::uint32_t line) noexcept : file_(file), line_(line) {}
  const char* file_;
  std::uint32_t line_;
};

}  // namespace tau::detail
