#include "cli/bench_list.hpp"

#include <sstream>

namespace tau::host {
namespace {

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

const BenchEntry* BenchList::find(std::string_view name) const {
  for (const BenchEntry& entry : entries) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

BenchList parse_bench_list(std::string_view text, const std::string& name) {
  BenchList list;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const auto equals = line.find('=');
    const auto colon = line.find(':', equals == std::string::npos ? 0 : equals);
    BenchEntry entry;
    if (equals != std::string::npos && colon != std::string::npos) {
      entry.name = trimmed(line.substr(0, equals));
      entry.what = trimmed(line.substr(colon + 1));
      std::istringstream plugins(line.substr(equals + 1, colon - equals - 1));
      for (std::string plugin; plugins >> plugin;) entry.plugins.push_back(plugin);
      entry.serves = !entry.plugins.empty() && entry.plugins.front() == "serve";
      if (entry.serves) entry.plugins.erase(entry.plugins.begin());
    }
    if (entry.name.empty() || entry.plugins.empty()) {
      list.error = name + ":" + std::to_string(number) + ": '" + line + "' is not of the form 'name = plugins: what'";
      return list;
    }
    list.entries.push_back(std::move(entry));
  }
  return list;
}

}  // namespace tau::host
