// Bench: `tau bench`, which has plugins measure what things cost.
//
// Each run has a process of its own, since memory that an earlier bench has warmed flatters a later one: the command
// starts itself with --here for each, and gathers what comes out. The plugins are sources of the dist tree,
// compiled and loaded like any other. A server is run as `tau run` runs its plugin, told by the environment what and where.
#pragma once

#include "cli/options.hpp"

namespace tau::host {

/// Measures what was asked for, or lists what could be. 1 if anything failed, 2 for a name that is unknown.
int command_bench(const Options& options);

}  // namespace tau::host
