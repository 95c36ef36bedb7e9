// See abi_text.hpp.
#include "abi_text.hpp"

#include <algorithm>
#include <tau/detail/abi_note.hpp>
#include <utility>
#include <vector>

namespace tau::host {
namespace {

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

// What a plugin in C is compared by: there is no C++ on either side of its edge.
constexpr std::string_view c_keys[] = {"abi", "asan", "tsan", "char"};

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

Fields parse(std::string_view text) {
  Fields fields;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    fields.emplace_back(line.substr(0, equals), trimmed(line.substr(equals + 1)));
  }
  return fields;
}

const std::string_view* find(const Fields& fields, std::string_view key) {
  for (const auto& [k, v] : fields) {
    if (k == key) return &v;
  }
  return nullptr;
}

std::string quoted(const std::string_view* value) {
  if (value == nullptr) return "not said";
  // The note is a stranger's text: it is shown, but it may not play with the terminal.
  std::string out = "'";
  for (char c : value->substr(0, 80)) out += c >= ' ' && c < 127 ? c : '?';
  return out + "'";
}

std::string_view explained(std::string_view key) {
  if (key == "flags") return "flags (hash of the compiler's command line)";
  if (key == "layout") return "layout (sizes and alignments of types)";
  return key;
}

}  // namespace

std::string host_abi_text(std::string_view flags) {
  static constexpr auto own = tau::detail::abi_text();
  std::string text(own.data, own.size);
  if (!flags.empty()) text.append("flags=").append(flags).append("\n");
  return text;
}

std::string abi_difference(std::string_view module, std::string_view host) {
  const Fields theirs = parse(module), ours = parse(host);
  const std::string_view* lang = find(theirs, "lang");
  const bool in_c = lang != nullptr && *lang == "c";
  const auto compared = [&](std::string_view key) {
    if (!in_c) return !key.starts_with('~');
    return std::find(std::begin(c_keys), std::end(c_keys), key) != std::end(c_keys);
  };

  std::string out;
  const auto add = [&](std::string_view key, const std::string_view* their, const std::string_view* our) {
    if (!out.empty()) out += "; ";
    out.append(explained(key)).append(" is ").append(quoted(their));
    out.append(" in the module and ").append(quoted(our)).append(" in the host");
  };
  for (const auto& [key, our] : ours) {
    if (!compared(key)) continue;
    const std::string_view* their = find(theirs, key);
    if (their == nullptr || *their != our) add(key, their, &our);
  }
  for (const auto& [key, their] : theirs) {
    if (compared(key) && find(ours, key) == nullptr) add(key, &their, nullptr);
  }
  return out;
}

}  // namespace tau::host
