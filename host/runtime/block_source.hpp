// Block source: 64 KiB blocks, aligned to their size, for slabs of every owner.
//
// A block's address masked by its size finds its header, so a frame needs none of its own. Blocks are
// mapped a few at a time and recycled between owners; when many are idle their pages go back to the
// system, so a plugin that once held a million tasks does not keep the memory after its unload.
#pragma once

#include <cstddef>

namespace tau::host {

inline constexpr std::size_t block_bytes = std::size_t{64} << 10;

/// One block, its content undefined; null when out of memory. [any]
void* acquire_block() noexcept;
void release_block(void* block) noexcept;

/// A block of at least `bytes`, mapped for itself and aligned like the others. [any]
void* acquire_large_block(std::size_t bytes) noexcept;
void release_large_block(void* block, std::size_t bytes) noexcept;

}  // namespace tau::host
