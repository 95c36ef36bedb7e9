#include "huge_pages.hpp"

namespace tau::host {

void advise_huge_pages(void*, std::size_t) noexcept {}

}  // namespace tau::host
