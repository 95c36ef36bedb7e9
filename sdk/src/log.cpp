// How values become text in a line for people.
#include <tau/log.hpp>

#include <charconv>

namespace tau::detail {
namespace {

// 64 is enough for the shortest form of any number.
template <class N>
void append(std::string& line, N value) {
  char digits[64];
  auto end = std::to_chars(digits, digits + sizeof digits, value);
  line.append(digits, end.ptr);
}

}  // namespace

void append_text(std::string& line, std::string_view text) { line += text; }
void append_number(std::string& line, long long value) { append(line, value); }
void append_number(std::string& line, unsigned long long value) { append(line, value); }
void append_number(std::string& line, float value) { append(line, value); }
void append_number(std::string& line, double value) { append(line, value); }
void append_number(std::string& line, long double value) { append(line, value); }

}  // namespace tau::detail
