// See flags.hpp. Where a flag is here for a reason that its name does not tell, the reason stands beside it.
#include "flags.hpp"

#include <string_view>

#include "compiler/build_config.hpp"
#include "hash.hpp"

namespace tau::host {

namespace {

bool is_gcc() { return std::string_view(build_config::compiler_id) == "gcc"; }

bool sanitizes(std::string_view kind) {
  return std::string_view(build_config::sanitize).find(kind) != std::string_view::npos;
}

void append(std::vector<std::string>& to, std::initializer_list<const char*> flags) {
  to.insert(to.end(), flags.begin(), flags.end());
}

}  // namespace

PluginFlags plugin_flags() {
  PluginFlags flags;
  std::vector<std::string> both;
  append(both, {"-fPIC", "-fvisibility=hidden", "-fno-omit-frame-pointer", "-g1", "-fno-plt",
                "-fno-semantic-interposition",
                // A tail call is what keeps a million synchronous awaits from overflowing the stack.
                "-foptimize-sibling-calls",
                // What a plugin takes for an error on its author's machine may be new to the compiler here.
                "-Wno-error"});
  if (is_gcc()) {
    // A frame that ASan or TSan watches is left by no tail call.
    if (sanitizes("address")) append(both, {"--param=asan-stack=0"});
    if (sanitizes("thread")) append(both, {"--param=tsan-instrument-func-entry-exit=0"});
  }
  flags.c_args = both;
  flags.cpp_args = both;
  append(flags.cpp_args, {"-fvisibility-inlines-hidden", "-frtti", "-fexceptions", "-fthreadsafe-statics",
                          "-U_GLIBCXX_DEBUG"});
  // A unique symbol keeps its module mapped for ever; clang makes none and does not know the flag.
  if (is_gcc()) append(flags.cpp_args, {"-fno-gnu-unique"});
  for (const char* extra : build_config::extra_cpp_args) {
    if (*extra) flags.cpp_args.emplace_back(extra);
  }
  // Said here once more: Meson 1.0 lets a plugin's default_options win over cpp_std of the native file.
  flags.cpp_args.push_back(std::string("-std=") + build_config::cpp_std);

  append(flags.link_args, {"-Wl,-z,now", "-Wl,-z,relro", "-Wl,-z,noexecstack", "-Wl,--build-id=sha1",
                           "-Wl,--as-needed", "-Wl,--exclude-libs,ALL"});
  // Undefined symbols are to fail here and not at load. Clang's sanitizers leave theirs to the executable.
  if (is_gcc() || std::string_view(build_config::sanitize) == "none") {
    append(flags.link_args, {"-Wl,-z,defs"});
  }
  return flags;
}

std::string flags_hash() {
  const PluginFlags flags = plugin_flags();
  Hasher hasher;
  hasher.add(build_config::version);
  hasher.add(build_config::compiler_id);
  hasher.add(build_config::compiler_version);
  hasher.add(build_config::sanitize);
  hasher.add(build_config::ndebug);
  for (const auto* list : {&flags.cpp_args, &flags.c_args, &flags.link_args}) {
    hasher.add(list->size());
    for (const std::string& flag : *list) hasher.add(flag);
  }
  return hasher.hex();
}

std::string flags_summary() {
  std::string text = std::string(build_config::compiler_id) + " " + build_config::compiler_version + " -std=" +
                     build_config::cpp_std + " -O" + build_config::optimization;
  if (std::string_view(build_config::sanitize) != "none") text += std::string(" -fsanitize=") + build_config::sanitize;
  return text;
}

}  // namespace tau::host
