#include <tau/log.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>

namespace {

template <class... Parts>
std::string text_of(const Parts&... parts) {
  std::string line;
  (tau::detail::append_text(line, parts), ...);
  return line;
}

}  // namespace

TEST_CASE("a line holds strings, characters, truths and numbers of every width") {
  CHECK(text_of("a ", std::string("b "), std::string_view("c "), 'd', ' ', true, ' ', false) == "a b c d true false");
  CHECK(text_of(std::int8_t{-1}, ' ', std::uint8_t{200}, ' ', short{-2}, ' ', 3u) == "-1 200 -2 3");
  CHECK(text_of(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(text_of(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
}

TEST_CASE("a fraction is as short as its own type allows") {
  CHECK(text_of(0.1f, ' ', 0.1, ' ', 0.1L) == "0.1 0.1 0.1");
  CHECK(text_of(-1.5e300) == "-1.5e+300");
}
