// Commands: what each subcommand of tau does; each returns the exit code.
#pragma once

#include "cli/options.hpp"

namespace tau::host {

/// Loads plugins, sends messages, stays while one has live work, unloads. 1 if anything failed.
int command_run(const Options& options);
/// Runs a script. 1 if a line failed, 2 if it cannot be read or understood.
int command_script(const Options& options);
/// Lists or cleans the build cache.
int command_cache(const Options& options);
/// Says what this tau is made of.
int command_info(const Options& options, const char* version);
/// Copies a plugin into the home directory.
int command_install(const Options& options);

}  // namespace tau::host
