// See workspace.hpp.
#include "workspace.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "compiler/build_config.hpp"
#include "concat.hpp"
#include "flags.hpp"
#include "hash.hpp"
#include "upstream.hpp"

namespace tau::host {
namespace fs = std::filesystem;

namespace {

std::string machine_list(const std::vector<std::string>& items) {
  std::string text = "[";
  for (const std::string& item : items) append(text, {text.size() > 1 ? ", " : "", machine_string(item)});
  return text + "]";
}

std::vector<std::string> names_of(const std::vector<Patch>& patches) {
  std::vector<std::string> names;
  for (const Patch& patch : patches) names.push_back(patch.name);
  return names;
}

/// Meson keeps an answer for each combination of these arguments (in each order), whatever fallback is
/// asked for beside; asked first by us, every one is ours.
std::string ask_in_all_forms(std::string_view name) {
  return concat({
      "foreach method : ['auto', 'pkg-config', 'cmake', 'config-tool', 'system', 'builtin', 'extraframework']\n"
      "  dependency('", name, "', method: method)\n"
      "  foreach static : [true, false]\n"
      "    dependency('", name, "', method: method, static: static)\n"
      "    dependency('", name, "', static: static, method: method)\n"
      "  endforeach\n"
      "endforeach\n"});
}

std::string super_project(const Workspace& workspace) {
  std::string text = "# Written by tau; see native.ini beside.\nproject('plugin-build', meson_version: '>=1.0.0')\n";
  const bool foundation = workspace.plugin.empty();  // the sdk alone
  for (const Patch& patch : workspace.environment.patches) {
    if (foundation && patch.name != "tau") continue;
    // Both: whoever asks for `static: true` gets the override, too.
    append(text, {"subproject('", patch.name, "', default_options: 'default_library=both')\n"});
    if (!foundation) text += ask_in_all_forms(patch.name);
  }
  if (!foundation) text += "subproject('plugin')\n";
  return text;
}

std::string wrap_for(const Patch& patch) {
  return concat({"[wrap-file]\ndirectory = ", patch.name, "\n\n[provide]\n", patch.name, " = ",
                 dependency_variable(patch.name), "\n"});
}

/// Found by pkg-config before the system's, and impossible to satisfy.
std::string poison_for(const Patch& patch) {
  return concat({"Name: ", patch.name, "\nDescription: replaced by tau\nVersion: 0\nRequires: tau-patches-",
                 patch.name, "\n"});
}

/// What a plugin's default_options may not change. Newer Meson lets them win over [built-in options], not
/// over the subproject's own section.
std::string fixed_options() {
  const bool undefined_allowed =
      std::string_view(build_config::compiler_id) == "clang" && std::string_view(build_config::sanitize) != "none";
  return concat({"b_ndebug = '", build_config::ndebug, "'\nb_sanitize = '", build_config::sanitize,
                 "'\nb_lto = false\nb_lundef = ", undefined_allowed ? "false" : "true",
                 "\nb_staticpic = true\nb_coverage = false\nunity = 'off'\nwerror = false\n"
                 "default_library = 'static'\n"});
}

/// Debug information and __FILE__ name the real files. Compiler messages do not obey; see diagnostics.hpp.
std::vector<std::string> prefix_maps(const Workspace& workspace) {
  std::vector<std::string> maps;
  const auto add = [&maps](std::string_view name, const fs::path& real) {
    maps.push_back(concat({"-ffile-prefix-map=../super/subprojects/", name, "=", real.native()}));
  };
  for (const Patch& patch : workspace.environment.patches) add(patch.name, patch.folder);
  if (!workspace.plugin.empty()) add("plugin", workspace.plugin);
  return maps;
}

/// Our poison first, then what the user has there.
std::vector<std::string> pkg_config_path(const Workspace& workspace) {
  std::vector<std::string> folders{(workspace.slot.root / "pc").string()};
  const char* theirs = std::getenv("PKG_CONFIG_PATH");
  std::string_view rest = theirs ? theirs : "";
  while (!rest.empty()) {
    const auto end = std::min(rest.find(':'), rest.size());
    if (end > 0) folders.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return folders;
}

std::string native_file(const Workspace& workspace) {
  const Environment& environment = workspace.environment;
  PluginFlags flags = plugin_flags();
  const auto maps = prefix_maps(workspace);
  for (auto* args : {&flags.cpp_args, &flags.c_args}) {
    args->push_back(concat({"-DTAU_FLAGS_HASH=\"", flags_hash(), "\""}));
    args->insert(args->end(), maps.begin(), maps.end());
  }

  std::string text = "# Written by tau: the compiler and flags of the host.\n[binaries]\n";
  append(text, {"cpp = ", machine_list(environment.cpp_compiler), "\n"});
  if (!environment.c_compiler.empty()) append(text, {"c = ", machine_list(environment.c_compiler), "\n"});

  const std::string link_args = machine_list(flags.link_args);
  append(text, {"\n[built-in options]\n", fixed_options(),
                "optimization = '", build_config::optimization,
                "'\ndebug = false\nb_colorout = 'never'\nwrap_mode = 'default'\ncpp_std = '", build_config::cpp_std,
                "'\ncpp_args = ", machine_list(flags.cpp_args),
                "\nc_args = ", machine_list(flags.c_args),
                "\ncpp_link_args = ", link_args,
                "\nc_link_args = ", link_args,
                "\nforce_fallback_for = ", machine_list(names_of(environment.patches)),
                "\npkg_config_path = ", machine_list(pkg_config_path(workspace)), "\n"});

  append(text, {"\n[plugin:built-in options]\n", fixed_options()});
  for (const Patch& patch : environment.patches) {
    append(text, {"\n[", patch.name, ":built-in options]\ndefault_library = 'both'\nwarning_level = '0'\n"});
  }
  append(text, {"\n[tau:project options]\nrt_dir = ",
                machine_string(environment.rt_library.parent_path().native()), "\n"});
  if (workspace.foundation) {
    append(text, {"archive = ", machine_string(workspace.foundation->archive.native()),
                  "\nprecompiled = ", machine_string(workspace.foundation->header.native()), "\n"});
  }
  return text;
}

/// Only what is not that link already is replaced.
bool link_to(const fs::path& link, const fs::path& target, bool& changed, std::string& error) {
  std::error_code problem;
  if (fs::read_symlink(link, problem) == target) return true;
  changed = true;
  fs::remove_all(link, problem);
  fs::create_directory_symlink(target, link, problem);
  if (problem) error = describe_failure("cannot make the link", link, problem.value());
  return !problem;
}

}  // namespace

std::string machine_string(std::string_view text) {
  const std::string_view quote = text.find('\'') == text.npos ? "'" : "'''";
  return concat({quote, text, quote});
}

bool Workspace::write(bool& changed, std::string& error) const {
  const fs::path subprojects = slot.super() / "subprojects";
  const fs::path pc = slot.root / "pc";
  if (!make_private_directory(subprojects, error) || !make_private_directory(pc, error)) return false;
  for (const Patch& patch : environment.patches) {
    if (!link_to(subprojects / patch.name, patch.folder, changed, error) ||
        !write_if_changed(subprojects / (patch.name + ".wrap"), wrap_for(patch), changed, error) ||
        !write_if_changed(pc / (patch.name + ".pc"), poison_for(patch), changed, error) ||
        !write_upstream(subprojects, patch, plugin, changed, error)) {
      return false;
    }
  }
  if (!plugin.empty() && !link_to(subprojects / "plugin", plugin, changed, error)) return false;
  return write_if_changed(slot.super() / "meson.build", super_project(*this), changed, error) &&
         write_if_changed(slot.native_file(), native_file(*this), changed, error);
}

bool Workspace::forget_wraps(std::string& error) const {
  Hasher hasher;
  for (const fs::path& each : wrap_files(plugin)) {
    hasher.add(each.native());
    hasher.add(read_file(each).value_or(""));
  }
  bool others = false;
  if (!write_if_changed(slot.wraps(), hasher.hex(), others, error)) return false;

  std::vector<std::string> ours{"plugin"};
  for (const Patch& patch : environment.patches) {
    ours.insert(ours.end(), {patch.name, patch.name + ".wrap"});
    for (std::string& name : upstream_names(patch, plugin)) ours.push_back(std::move(name));
  }
  std::error_code ignored;
  std::vector<fs::path> leftovers;
  for (fs::directory_iterator it(slot.super() / "subprojects", ignored), end; !ignored && it != end;
       it.increment(ignored)) {
    const bool wrap = it->path().extension() == ".wrap";
    const bool mine = std::find(ours.begin(), ours.end(), it->path().filename()) != ours.end();
    if (!mine && (wrap || others)) leftovers.push_back(it->path());
  }
  for (const fs::path& each : leftovers) fs::remove_all(each, ignored);
  return true;
}

std::vector<fs::path> wrap_files(const fs::path& plugin) {
  std::vector<fs::path> files;
  std::error_code ignored;
  const fs::path top = plugin / "subprojects";
  for (fs::recursive_directory_iterator it(top, ignored), end; !ignored && it != end; it.increment(ignored)) {
    const bool package_file = it->path().native().rfind((top / "packagefiles").native() + "/", 0) == 0;
    std::error_code gone;
    if (!it->is_directory(gone) && (package_file || it->path().extension() == ".wrap")) files.push_back(it->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace tau::host
