// Huge pages: a hint to the system that a mapping is walked through in whole.
#pragma once

#include <cstddef>

namespace tau::host {

inline constexpr std::size_t huge_page_bytes = std::size_t{2} << 20;

/// Of a mapping that begins at a multiple of huge_page_bytes. Nothing, where the system knows no such hint. [any]
void advise_huge_pages(void* mapping, std::size_t bytes) noexcept;

}  // namespace tau::host
