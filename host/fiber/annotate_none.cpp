#include "annotate.hpp"

namespace tau::host {

void note_created(StackNote&) noexcept {}
void note_destroyed(StackNote&) noexcept {}
void note_leaving(StackNote&, StackNote&, bool) noexcept {}
void note_arrived(StackNote&, StackNote&) noexcept {}

}  // namespace tau::host
