// For systems without a call of this kind.
#include "loop_barrier.hpp"

namespace tau::host::loop_barrier {

void prepare() noexcept {}
bool available() noexcept { return false; }
void issue() noexcept {}

}  // namespace tau::host::loop_barrier
