// What dist/run.sh set up for starting this process, taken back before anything is started from it.
#pragma once

namespace tau::host {

/// Puts LD_LIBRARY_PATH back to what it was before run.sh added lib/fallback to it. The dynamic linker read
/// its value when the process started and keeps to that; compilers and other children get the old one.
/// Threading: call it first in main(), before any thread exists.
void restore_library_path();

}  // namespace tau::host
