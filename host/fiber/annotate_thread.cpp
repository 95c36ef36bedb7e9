// ThreadSanitizer keeps a clock and a shadow stack for each fiber.
#include <sanitizer/tsan_interface.h>

#include "annotate.hpp"

namespace tau::host {

void note_created(StackNote& note) noexcept { note.sanitizer = __tsan_create_fiber(0); }
void note_destroyed(StackNote& note) noexcept { __tsan_destroy_fiber(note.sanitizer); }

void note_leaving(StackNote& from, StackNote& to, bool) noexcept {
  if (!from.sanitizer) from.sanitizer = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(to.sanitizer, 0);
}

void note_arrived(StackNote&, StackNote&) noexcept {}

}  // namespace tau::host
