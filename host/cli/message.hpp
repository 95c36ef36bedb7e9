// Messages to plugins: {"id": NUMBER, "payload": ANYTHING}. The host gives a plugin the two parts apart.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tau::host {

struct Message {
  std::uint64_t id = 0;
  std::string payload;  // JSON text
};

/// A whole message from its text; `error` says what is wrong with it otherwise. A missing payload is null.
std::optional<Message> parse_message(std::string_view text, std::string* error);

/// What a person typed, as a payload: JSON where it is JSON, a JSON string otherwise.
std::string to_payload(std::string_view typed);

/// The message's text, on one line.
std::string to_text(const Message& message);

}  // namespace tau::host
