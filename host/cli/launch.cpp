// See dist/run.sh.in for the other half.
#include "cli/launch.hpp"

#include <stdlib.h>

namespace tau::host {

void restore_library_path() {
  const char* before = getenv("TAU_LD_LIBRARY_PATH");
  if (before == nullptr) return;
  if (*before == '\0') {
    unsetenv("LD_LIBRARY_PATH");
  } else {
    setenv("LD_LIBRARY_PATH", before, 1);
  }
  unsetenv("TAU_LD_LIBRARY_PATH");
}

}  // namespace tau::host
