// See diagnostics.hpp.
#include "diagnostics.hpp"

#include <sys/statvfs.h>

#include <algorithm>
#include <system_error>
#include <vector>

#include "build.hpp"
#include "concat.hpp"

namespace tau::host {
namespace fs = std::filesystem;

namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    lines.push_back(line);
  }
  return lines;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }
bool begins(std::string_view text, std::string_view part) { return text.rfind(part, 0) == 0; }

/// Lines that GCC and clang print before the diagnostic they belong to.
bool is_context(std::string_view line) {
  return begins(line, "In file included from ") || begins(line, "                 from ") ||
         contains(line, ": In function ") || contains(line, ": In member function ") ||
         contains(line, ": In constructor ") || contains(line, ": In destructor ") ||
         contains(line, ": In lambda function") || contains(line, ": In static member function ") ||
         contains(line, ": In instantiation of ") || contains(line, ": In substitution of ") ||
         contains(line, ": At global scope:") || contains(line, ":   required ") ||
         contains(line, ":   recursively required ") || contains(line, ":   in ‘constexpr’ expansion of ");
}

bool is_error(std::string_view line) {
  return contains(line, ": error: ") || contains(line, ": fatal error: ") || contains(line, "undefined reference to") ||
         contains(line, "multiple definition of");
}

bool is_diagnostic(std::string_view line) { return is_error(line) || contains(line, ": warning: "); }

/// The last line that has both, from `start` on: what Meson logs of a subproject is indented by its name.
std::string line_with(std::string_view text, std::string_view start, std::string_view part) {
  std::string found;
  for (const std::string_view line : lines_of(text)) {
    if (contains(line, start) && contains(line, part)) found = line.substr(line.find(start));
  }
  return found;
}

void append_line(std::string& text, std::string_view line) {
  text += line;
  text += '\n';
}

void replace_all(std::string& text, std::string_view from, std::string_view to, bool only_at_word = false) {
  for (auto at = text.find(from); at != text.npos; at = text.find(from, at)) {
    const char before = at == 0 ? '\n' : text[at - 1];
    if (only_at_word && !std::string_view("\n '\"`(:").find(before) && before != '\n') {
      at += from.size();
      continue;
    }
    text.replace(at, from.size(), to);
    at += to.size();
  }
}

bool is_full(const fs::path& path) {
  struct statvfs status{};
  // A linker that writes by mmap dies of SIGBUS and leaves some room behind: a little is as good as none.
  return ::statvfs(path.c_str(), &status) == 0 &&
         static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize < 256 * 1024;
}

}  // namespace

std::string without_ninja(std::string_view output) {
  // One step is its status line, then `FAILED: ` and the command if it failed, then what it printed.
  std::string failed;
  std::string passed;
  bool in_failed = false;
  int skip = 0;
  for (const std::string_view line : lines_of(output)) {
    if (begins(line, ninja_status)) {
      in_failed = false;
    } else if (begins(line, "FAILED: ")) {
      in_failed = true;
      skip = 1;
    } else if (begins(line, "ninja: ")) {
      // "build stopped: subcommand failed." is no news; but what Ninja itself cannot do is.
      if (begins(line, "ninja: error: ")) append_line(failed, line.substr(7));
    } else if (skip > 0) {
      --skip;
    } else {
      append_line(in_failed ? failed : passed, line);
    }
  }
  return failed + passed;
}

std::string errors_first(std::string_view output) {
  std::string errors;
  std::string others;
  std::string part;  // context, then a diagnostic and what belongs to it
  bool part_is_error = false;
  bool in_context = true;
  const auto finish = [&] {
    (part_is_error ? errors : others) += part;
    part.clear();
    part_is_error = false;
  };
  for (const std::string_view line : lines_of(output)) {
    const bool context = is_context(line);
    if ((context && !in_context) || (is_diagnostic(line) && !in_context)) finish();
    // A note that stands alone would lose what it is about: it stays with the part before it.
    in_context = context;
    if (is_error(line)) part_is_error = true;
    append_line(part, line);
  }
  finish();
  return errors + others;
}

std::string from_meson_error(std::string_view output) {
  std::string text;
  bool found = false;
  for (const std::string_view line : lines_of(output)) {
    if (contains(line, "ERROR: ")) found = true;
    if (!found || begins(line, "A full log can be found at ") || line.empty()) continue;
    append_line(text, line);
  }
  return found ? text : std::string(output);
}

std::string Diagnosis::with_real_paths(std::string text) const {
  const std::string subprojects = (slot.super() / "subprojects").string();
  std::vector<std::pair<std::string, std::string>> names;
  if (!shown.empty()) names.emplace_back("plugin", shown);
  for (const Patch& patch : environment.patches) names.emplace_back(patch.name, patch.folder.string());
  for (const auto& [name, real] : names) {
    replace_all(text, subprojects + "/" + name + "/", real + "/");
    replace_all(text, "../super/subprojects/" + name + "/", real + "/");
    replace_all(text, "super/subprojects/" + name + "/", real + "/", true);
    // Messages that come with the real path already: debug information, say.
    if (name == "plugin" && shown != plugin) replace_all(text, plugin.string() + "/", shown + "/", true);
  }
  // What a plugin's own wraps fetched.
  replace_all(text, "../super/subprojects/", subprojects + "/");
  return text;
}

std::string Diagnosis::of_circumstances(const CommandResult& result) const {
  std::error_code ignored;
  if (!plugin.empty() && !fs::exists(plugin / "meson.build", ignored)) {
    return "'" + shown + "' vanished while it was being built";
  }
  if (contains(result.output, "No space left on device") || contains(result.output, "Disk quota exceeded") ||
      (!result.ok() && is_full(slot.root))) {
    return describe_failure("cannot build in", slot.root, ENOSPC);
  }
  if (result.kind != CommandResult::Kind::exited) return result.error;
  return {};
}

std::string Diagnosis::of_setup(const CommandResult& result) const {
  std::string text = from_meson_error(result.output);
  std::string hint;
  for (const Patch& patch : environment.patches) {
    const bool about_it = contains(text, "Dependency \"" + patch.name + "\"") ||
                          contains(text, "Dependency '" + patch.name + "'") ||
                          contains(text, "tau-patches-" + patch.name);
    if (!about_it) continue;
    hint = concat({"'", patch.name, "' comes from tau (", patch.folder.native(), ")"});
    const auto needed = line_with(result.output, "Dependency " + patch.name, "but need:");
    if (needed.empty()) {
      append(hint, {", and this way of asking for it leads past that; ask with dependency('", patch.name, "')\n"});
    } else {
      append(hint, {", in another version than the plugin asks for: ", needed, "\n"});
    }
  }
  if (hint.empty() && contains(text, "Dependency ") && contains(text, " not found")) {
    hint = "install its development package, or put a wrap for it into the plugin's subprojects/\n";
  }
  return with_real_paths(text + hint);
}

std::string Diagnosis::of_build(const CommandResult& result) const {
  std::string text = with_real_paths(errors_first(without_ninja(result.output)));
  if (!text.empty()) return text;
  // Interrupted from outside, Ninja speaks of itself alone; that is better than nothing.
  return concat({"ninja ended with code ", std::to_string(result.code), " and no word of a compiler's: ",
                 result.output.empty() ? "it said nothing" : result.output});
}

std::string Diagnosis::warnings(const CommandResult& result) const {
  return with_real_paths(without_ninja(result.output));
}

}  // namespace tau::host
