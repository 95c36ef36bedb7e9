// Words first, then a table that knows each command's number of them.
#include "cli/script.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>

namespace tau::host {
namespace {

constexpr std::size_t any_number = std::numeric_limits<std::size_t>::max();

struct Grammar {
  ScriptVerb verb;
  std::string_view name;
  std::string_view arguments;  // for messages
  std::size_t fewest;
  std::size_t most;
  bool takes_duration;
};

constexpr std::array grammars{
    Grammar{ScriptVerb::load, "load", "PATH", 1, 1, false},
    Grammar{ScriptVerb::unload, "unload", "NAME", 1, 1, false},
    Grammar{ScriptVerb::reload, "reload", "NAME", 1, 1, false},
    Grammar{ScriptVerb::send, "send", "NAME [PAYLOAD]", 1, 2, false},
    Grammar{ScriptVerb::sleep, "sleep", "DURATION", 1, 1, true},
    Grammar{ScriptVerb::drive, "drive", "[LIMIT]", 0, 1, true},
    Grammar{ScriptVerb::assert_resource, "assert_resource", "NAME", 1, 1, false},
    Grammar{ScriptVerb::assert_no_resource, "assert_no_resource", "NAME", 1, 1, false},
    Grammar{ScriptVerb::assert_unmapped, "assert_unmapped", "NAME", 1, 1, false},
    Grammar{ScriptVerb::print, "print", "WORD...", 0, any_number, false},
};

const Grammar* find_grammar(std::string_view name) {
  for (const Grammar& grammar : grammars) {
    if (grammar.name == name) return &grammar;
  }
  return nullptr;
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/// One line in words; an error text when a quote stays open.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}

  std::vector<std::string> words;
  std::string error;

  void split() {
    for (skip_blanks(); !rest_.empty() && rest_.front() != '#' && error.empty(); skip_blanks()) read_word();
  }

 private:
  void skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }

  void read_word() {
    std::string word;
    while (!rest_.empty() && !is_blank(rest_.front()) && error.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"' || c == '\'') {
        read_quoted(c, word);
      } else {
        word += c;
      }
    }
    words.push_back(std::move(word));
  }

  void read_quoted(char quote, std::string& word) {
    while (!rest_.empty()) {
      char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == quote) return;
      if (c == '\\' && quote == '"' && !rest_.empty()) {
        c = unescaped(rest_.front());
        rest_.remove_prefix(1);
      }
      word += c;
    }
    error = std::string("a quote (") + quote + ") stays open; close it on the same line";
  }

  static char unescaped(char c) {
    if (c == 'n') return '\n';
    if (c == 't') return '\t';
    return c;
  }

  std::string_view rest_;
};

/// "50ms", "2s", "100us"; a bare number is milliseconds.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view word) {
  std::uint64_t count = 0;
  const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), count);
  if (problem != std::errc{}) return std::nullopt;
  const std::string_view unit = word.substr(static_cast<std::size_t>(end - word.data()));
  std::uint64_t unit_ns = 0;
  if (unit == "ns") unit_ns = 1;
  if (unit == "us") unit_ns = 1'000;
  if (unit == "ms" || unit.empty()) unit_ns = 1'000'000;
  if (unit == "s") unit_ns = 1'000'000'000;
  constexpr auto longest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (unit_ns == 0 || count > longest / unit_ns) return std::nullopt;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(count * unit_ns));
}

std::string unknown_command(const std::string& word) {
  std::string text = "there is no command '" + word + "'; there are";
  const char* separator = " ";
  for (const Grammar& grammar : grammars) {
    text.append(separator).append(grammar.name);
    separator = ", ";
  }
  return text;
}

/// Makes a command of a line's words, or says in `error` why not.
std::optional<ScriptCommand> make_command(std::vector<std::string> words, int line, std::string* error) {
  const Grammar* grammar = find_grammar(words.front());
  if (grammar == nullptr) {
    *error = unknown_command(words.front());
    return std::nullopt;
  }
  words.erase(words.begin());
  if (words.size() < grammar->fewest || words.size() > grammar->most) {
    *error = "'" + std::string(grammar->name) + "' is used as: " + std::string(grammar->name) + " " +
             std::string(grammar->arguments);
    return std::nullopt;
  }
  ScriptCommand command{grammar->verb, std::move(words), line, {}};
  if (grammar->takes_duration && !command.arguments.empty()) {
    const auto duration = parse_duration(command.arguments.front());
    if (!duration) {
      *error = "'" + command.arguments.front() + "' is not a duration; write 50ms, 2s, 100us or 10ns";
      return std::nullopt;
    }
    command.duration = *duration;
  }
  return command;
}

}  // namespace

Script parse_script(std::string_view text, const std::string& name) {
  Script script;
  int line_number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    Words line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++line_number;

    line.split();
    std::string error = std::move(line.error);
    if (error.empty() && !line.words.empty()) {
      if (auto command = make_command(std::move(line.words), line_number, &error)) {
        script.commands.push_back(std::move(*command));
      }
    }
    if (!error.empty()) script.errors.push_back(name + ":" + std::to_string(line_number) + ": " + error);
  }
  return script;
}

std::string_view verb_name(ScriptVerb verb) {
  for (const Grammar& grammar : grammars) {
    if (grammar.verb == verb) return grammar.name;
  }
  return "?";
}

}  // namespace tau::host
