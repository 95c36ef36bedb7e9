// Trusted file: opens a module only if nobody but its user (or root) could have put it there.
//
// A module runs with all of the host's rights, so whoever can write it, or replace it in its folder,
// owns the host. Checked on the open file, not on its name: nothing can change in between.
#pragma once

#include <filesystem>
#include <string>

namespace tau::host {

/// Opens `path` for reading, close-on-exec. Returns the descriptor, the caller's to close, or -1 with
/// `*why` in words that follow "it". [any]
int open_trusted(const std::filesystem::path& path, std::string* why);

}  // namespace tau::host
