// File copy: the bytes of an open file, under a new name.
#pragma once

#include <filesystem>
#include <string>

namespace tau::host {

/// Copies all of `from` to the new file `to` (mode 0600, must not exist). Returns it open for reading
/// and writing, the caller's to close; or -1 with `*why`, and nothing is left behind. [any]
int copy_file(int from, const std::filesystem::path& to, std::string* why);

}  // namespace tau::host
