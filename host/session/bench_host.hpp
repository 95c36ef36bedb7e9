// What `tau bench` measures in the host, because only the host does it: sending messages, loading, compiling.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "session.hpp"

namespace tau::host {

/// The figures of bench `name` as lines of JSON, with the plugin in `tree` as the object. Empty, with the reason
/// shown, if it failed.
std::optional<std::string> measure_in_host(Session& session, const std::string& name,
                                           const std::filesystem::path& tree, double scale);

}  // namespace tau::host
