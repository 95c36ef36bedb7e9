// Home: where tau keeps what is the user's: installed plugins and the build cache.
#pragma once

#include <filesystem>

namespace tau::host {

/// $TAU_HOME, else ~/.tau; absolute. Empty when neither the environment nor the user database tells. [any]
std::filesystem::path tau_home();

}  // namespace tau::host
