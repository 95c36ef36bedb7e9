// Foundation: what the plugins of an environment share, built once: the sdk's archive and the precompiled
// header of tau/tau.hpp.
//
// Each module still gets its own copy of the sdk (I3): the archive is linked whole into it. Sharing it
// spares every plugin the compiling, and the precompiled header the better half of its own.
//
// The header that goes with the precompiled one is empty: a target whose flags do not fit (another -O, a
// macro) is compiled as if there were none, at its own pace. GCC only: clang makes an error of a misfit.
#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "cache.hpp"
#include "compiler.hpp"

namespace tau::host {

struct Foundation {
  std::filesystem::path archive;
  std::filesystem::path header;  // for -include; empty when the compiler has no use for it
};

/// Builds it, or waits for whoever does, or finds it. [blocking]
/// Errors: `error` is ready to show.
std::optional<Foundation> find_foundation(const Environment& environment, const Cache& cache,
                                          const Progress& progress, std::stop_token stop, std::string& error);

}  // namespace tau::host
