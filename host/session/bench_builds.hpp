// What compiling and starting cost as a user meets them: from the start of a process of tau's to the line that the
// plugin's init prints. What plugins share, the precompiled header and the sdk's archive, is there already.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace tau::host {

/// cold_build, edit_to_running or warm_start, with a copy of the plugin in `tree` and the tau that `start` starts:
/// a line of JSON. `why` says what failed otherwise.
std::optional<std::string> measure_builds(const std::string& name, const std::filesystem::path& start,
                                          const std::filesystem::path& tree, double scale, std::string& why);

}  // namespace tau::host
