#include <sys/mman.h>

#include "huge_pages.hpp"

namespace tau::host {

void advise_huge_pages(void* mapping, std::size_t bytes) noexcept { madvise(mapping, bytes, MADV_HUGEPAGE); }

}  // namespace tau::host
