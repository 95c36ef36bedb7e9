// Script runner: carries out the lines of a script, one after the other, against a session.
#pragma once

#include "cli/script.hpp"
#include "session.hpp"

namespace tau::host {

/// Runs every line; each that fails is shown with its number. Returns how many failed. An end signal
/// ends the script.
unsigned run_script(Session& session, const Script& script, const std::string& name);

}  // namespace tau::host
