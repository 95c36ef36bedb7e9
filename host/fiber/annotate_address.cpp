// AddressSanitizer keeps a shadow of each stack and, for use-after-return, a fake stack beside it.
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

#include "annotate.hpp"

namespace tau::host {

void note_created(StackNote&) noexcept {}
// The next fiber on this memory must not meet the poison of the frames that an abandoned one left there.
void note_destroyed(StackNote& note) noexcept { ASAN_UNPOISON_MEMORY_REGION(note.base, note.size); }

void note_leaving(StackNote& from, StackNote& to, bool last) noexcept {
  __sanitizer_start_switch_fiber(last ? nullptr : &from.sanitizer, to.base, to.size);
}

void note_arrived(StackNote& to, StackNote& from) noexcept {
  // The thread's own stack is the only one whose bounds we were not told before.
  __sanitizer_finish_switch_fiber(to.sanitizer, from.base ? nullptr : &from.base, from.size ? nullptr : &from.size);
}

}  // namespace tau::host
