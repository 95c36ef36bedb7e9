// Audit: a look at the finished module for the system's copy of a library that should have been ours.
//
// find_library('uv') or a plain #include <uv.h> asks nobody, so no override can catch it. It leaves two
// traces: a system header among the dependencies, a library in DT_NEEDED. Packages that build on the
// system's copy on purpose say so by a file `uses-system-copy`.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "patches.hpp"

namespace tau::host {

/// Empty when all is well; else what was found and how to ask for the library.
std::string audit(const std::vector<Patch>& patches, const std::vector<std::string>& headers,
                  std::string_view module);

/// Arguments that give types another layout than the host's, where a target asks for them by itself: those of
/// a target come after ours, of which TAU_FLAGS_HASH is the last. Empty, or what to remove.
std::string audit_arguments(const std::vector<std::string>& arguments);

/// Whether the module wants a shared library that was built with it: it is loaded as a copy, elsewhere, and
/// alone. Empty, or the remedy.
std::string audit_libraries(std::string_view module, const std::filesystem::path& build);

/// DT_NEEDED of a 64-bit shared object, given its bytes; empty when it is none.
std::vector<std::string> needed_libraries(std::string_view module);

/// DT_RUNPATH and DT_RPATH likewise.
std::vector<std::string> run_paths(std::string_view module);

/// Whether `path` is a header of `library` under a system include folder.
bool is_system_header_of(std::string_view path, std::string_view library);

/// Whether the file name `soname` is `library`'s: libuv.so.1 is libuv's, and uv's.
bool is_library_of(std::string_view soname, std::string_view library);

}  // namespace tau::host
