#include "cli/message.hpp"

#include <doctest/doctest.h>

using namespace tau::host;

TEST_CASE("a message is taken apart and put together again") {
  std::string error;
  const auto message = parse_message(R"( {"payload": {"a": [1, "ü"]}, "id": 7, "more": 0} )", &error);
  REQUIRE(message.has_value());
  CHECK(message->id == 7);
  CHECK(message->payload == R"({"a":[1,"ü"]})");
  CHECK(to_text(*message) == R"({"id":7,"payload":{"a":[1,"ü"]}})");
}

TEST_CASE("a message without a payload carries null") {
  std::string error;
  CHECK(parse_message(R"({"id": 18446744073709551615})", &error)->payload == "null");
}

TEST_CASE("what is no message is refused with its form") {
  for (const char* text : {"", "{", "[]", "3", "{}", R"({"id": -1})", R"({"id": "1"})", R"({"id": 1.5})",
                           "{\"id\": 1, \"payload\": \"\xff\"}", R"({"id": 18446744073709551616})"}) {
    CAPTURE(text);
    std::string error;
    CHECK_FALSE(parse_message(text, &error).has_value());
    CHECK(error.find("\"id\"") != std::string::npos);
  }
}

TEST_CASE("deep nesting does not exhaust the stack") {
  std::string error;
  const std::string open(200'000, '[');
  CHECK_FALSE(parse_message("{\"id\": 1, \"payload\": " + open, &error).has_value());
}

TEST_CASE("what is typed is JSON where it can be and a string otherwise") {
  CHECK(to_payload("[1, 2]") == "[1,2]");
  CHECK(to_payload("\"a\"") == "\"a\"");
  CHECK(to_payload("hello you") == "\"hello you\"");
  CHECK(to_payload("") == "\"\"");
  CHECK(to_payload("\xff") == "\"\xEF\xBF\xBD\"");
}
