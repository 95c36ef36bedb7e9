// Environment: everything but the plugin that its module depends on, as one hash.
//
// The hash names a folder of the cache, so nothing in there needs to be invalidated: another compiler,
// another sdk, another list of patches is another folder. It is computed at each compile, hence from what
// stat() tells, not from contents.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "compiler.hpp"
#include "patches.hpp"

namespace tau::host {

struct Environment {
  std::string hash;
  std::vector<Patch> patches;
  std::vector<std::string> cpp_compiler;  // the program as an absolute path, then its arguments
  std::vector<std::string> c_compiler;
  std::filesystem::path rt_library;       // absolute
  std::string description;                // for `tau cache`: one `key: value` a line
};

/// Errors: a part of the installation is missing, the compiler is not on PATH, patches.list is wrong;
/// `error` says so.
std::optional<Environment> find_environment(const Installation& installation, std::string& error);

}  // namespace tau::host
