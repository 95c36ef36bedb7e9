// See environment.hpp.
#include "environment.hpp"

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "compiler/build_config.hpp"
#include "command.hpp"
#include "concat.hpp"
#include "files.hpp"
#include "flags.hpp"
#include "hash.hpp"

namespace tau::host {
namespace fs = std::filesystem;

namespace {

void add_file(Hasher& hasher, const fs::path& path) {
  hasher.add(path.native());
  const FileState state = file_state(path.c_str()).value_or(FileState{});
  hasher.add(static_cast<std::uint64_t>(state.mtime_ns));
  hasher.add(static_cast<std::uint64_t>(state.ctime_ns));
  hasher.add(state.size);
  hasher.add(state.inode);
}

/// Every file below `folder`, in an order that does not depend on the file system.
void add_tree(Hasher& hasher, const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code ignored;
  for (fs::recursive_directory_iterator it(folder, ignored), end; !ignored && it != end; it.increment(ignored)) {
    if (it->path().filename().native().front() == '.') {
      it.disable_recursion_pending();
    } else if (!it->is_directory(ignored)) {
      files.push_back(it->path());
    }
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) add_file(hasher, file);
}

/// Empty when there is no such program.
std::vector<std::string> resolve(const char* const* first, std::size_t count) {
  const fs::path name = first[0];
  const fs::path program = name.is_absolute() ? name : find_program(name.native());
  std::error_code ignored;
  if (program.empty() || !fs::exists(program, ignored)) return {};
  std::vector<std::string> result{program.string()};
  result.insert(result.end(), first + 1, first + count);
  return result;
}

}  // namespace

std::optional<Environment> find_environment(const Installation& installation, std::string& error) {
  Environment environment;
  std::error_code missing;
  environment.rt_library = fs::absolute(installation.rt_library, missing);
  if (!fs::is_regular_file(environment.rt_library, missing)) {
    error = "'" + installation.rt_library.string() + "' is missing: this tau has no installation around it; "
            "run the one that `ninja dist` makes";
    return std::nullopt;
  }
  auto patches = load_patches(installation.patches_list, installation.sources, error);
  if (!patches) return std::nullopt;
  environment.patches = std::move(*patches);

  environment.cpp_compiler = resolve(build_config::cpp_compiler, std::size(build_config::cpp_compiler));
  environment.c_compiler = resolve(build_config::c_compiler, std::size(build_config::c_compiler));
  if (environment.cpp_compiler.empty()) {
    error = concat({"there is no '", build_config::cpp_compiler[0],
                    "' on PATH, the compiler that this tau was built with (", build_config::compiler_id, " ",
                    build_config::compiler_version, "); install it (Debian, Ubuntu: apt install ",
                    std::string_view(build_config::compiler_id) == "clang" ? "clang" : "g++", ")"});
    return std::nullopt;
  }

  Hasher hasher;
  hasher.add(flags_hash());
  hasher.add(build_config::optimization);
  // A name such as c++ is a chain of links; stat follows them, so the program behind it counts.
  for (const auto* compiler : {&environment.cpp_compiler, &environment.c_compiler}) {
    if (!compiler->empty()) add_file(hasher, compiler->front());
  }
  add_file(hasher, environment.rt_library);
  for (const Patch& patch : environment.patches) {
    hasher.add(patch.name);
    add_tree(hasher, patch.folder);
  }
  const char* pkg_config_path = std::getenv("PKG_CONFIG_PATH");
  hasher.add(pkg_config_path ? pkg_config_path : "");
  environment.hash = hasher.hex();

  environment.description =
      concat({"root: ", installation.root.native(), "\ncompiler: ", environment.cpp_compiler.front(),
              "\nflags: ", flags_summary(), "\npatches: ", installation.patches_list.native(),
              "\nPKG_CONFIG_PATH: ", pkg_config_path ? pkg_config_path : "", "\n"});
  return environment;
}

}  // namespace tau::host
