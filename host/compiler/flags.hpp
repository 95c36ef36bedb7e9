// Flags: what makes a plugin's code fit the host it is loaded into.
//
// The host knows from its own build how it was compiled; each plugin is compiled the same way, whatever its
// meson.build says, and is told the hash of it. The ABI note carries the hash back (key `flags`), which
// finds what no macro shows, -fno-threadsafe-statics, say.
#pragma once

#include <string>
#include <vector>

namespace tau::host {

/// For every target of a plugin's build, after the plugin's own: the last one wins.
struct PluginFlags {
  std::vector<std::string> cpp_args;
  std::vector<std::string> c_args;
  std::vector<std::string> link_args;
};

/// Without TAU_FLAGS_HASH, which is the hash of them.
PluginFlags plugin_flags();

/// What TAU_FLAGS_HASH must be in a plugin for this host.
std::string flags_hash();

/// One line for people: compiler, standard, optimisation, sanitizers.
std::string flags_summary();

}  // namespace tau::host
