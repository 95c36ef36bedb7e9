// The only file that sees nlohmann/json here. Texts from outside may be anything: nothing throws.
#include "cli/message.hpp"

#include <nlohmann/json.hpp>

namespace tau::host {
namespace {

using Json = nlohmann::json;

Json parse(std::string_view text) { return Json::parse(text, nullptr, /*allow_exceptions=*/false); }

// Bytes that are no UTF-8 become U+FFFD.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::optional<Message> parse_message(std::string_view text, std::string* error) {
  const Json json = parse(text);
  if (json.is_discarded()) {
    *error = "not JSON; a message reads {\"id\": 1, \"payload\": ...}";
    return std::nullopt;
  }
  if (!json.is_object() || !json.contains("id") || !json["id"].is_number_unsigned()) {
    *error = "a message needs an \"id\" that is a number from 0: {\"id\": 1, \"payload\": ...}";
    return std::nullopt;
  }
  const auto payload = json.find("payload");
  return Message{json["id"].get<std::uint64_t>(), payload == json.end() ? "null" : dump(*payload)};
}

std::string to_payload(std::string_view typed) {
  const Json json = parse(typed);
  return dump(json.is_discarded() ? Json(std::string(typed)) : json);
}

std::string to_text(const Message& message) {
  return "{\"id\":" + std::to_string(message.id) + ",\"payload\":" + message.payload + "}";
}

}  // namespace tau::host
