// PathText: a path as the functions of fs take it, by value: it lives as long as the operation.
#pragma once

#include <concepts>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace tau::fs {

/// Made from a literal, a string, a string_view or a std::filesystem::path. Bytes; the system's own encoding.
class PathText {
 public:
  PathText(const char* text) : text_(text) {}
  PathText(std::string_view text) : text_(text) {}
  PathText(std::string text) noexcept : text_(std::move(text)) {}
  PathText(const std::filesystem::path& path) : text_(path.native()) {}

  const std::string& text() const noexcept { return text_; }
  const char* c_str() const noexcept { return text_.c_str(); }
  /// A zero inside would name another file than was meant.
  bool is_valid() const noexcept { return text_.find('\0') == text_.npos; }

 private:
  std::string text_;
};

}  // namespace tau::fs
