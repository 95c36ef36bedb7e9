#include "block_source.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <mutex>

#include "huge_pages.hpp"

namespace tau::host {
namespace {

struct Idle {
  Idle* next;
};

constexpr std::size_t first_mapping = 16;   // blocks: 1 MiB
constexpr std::size_t largest_mapping = 64;  // blocks: 4 MiB
constexpr std::size_t keep_warm = 64;       // idle blocks that keep their pages

std::mutex mutex;
Idle* idle = nullptr;
std::size_t idle_count = 0;
std::size_t next_mapping = first_mapping;

/// Maps `bytes` at a multiple of `alignment`: maps more and trims both ends.
void* map_aligned(std::size_t bytes, std::size_t alignment) noexcept {
  std::size_t total = bytes + alignment;
  void* raw = mmap(nullptr, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  auto start = reinterpret_cast<std::uintptr_t>(raw);
  std::uintptr_t aligned = (start + alignment - 1) & ~(alignment - 1);
  if (aligned != start) munmap(raw, aligned - start);
  std::uintptr_t end = start + total;
  if (end != aligned + bytes) munmap(reinterpret_cast<void*>(aligned + bytes), end - aligned - bytes);
  return reinterpret_cast<void*>(aligned);
}

/// Who has as many frames as fill a whole mapping walks through them: in huge pages where the system has them, since
/// looking up a page, on a virtual machine above all, costs more than what is done in it.
void* map_blocks(std::size_t bytes) noexcept {
  if (bytes < largest_mapping * block_bytes) return map_aligned(bytes, block_bytes);
  void* mapping = map_aligned(bytes, huge_page_bytes);
  if (mapping) advise_huge_pages(mapping, bytes);
  return mapping;
}

}  // namespace

void* acquire_block() noexcept {
  std::lock_guard lock(mutex);
  if (!idle) {
    auto* mapping = static_cast<std::byte*>(map_blocks(next_mapping * block_bytes));
    if (!mapping) return nullptr;
    for (std::size_t i = next_mapping; i-- > 0;) {
      auto* block = reinterpret_cast<Idle*>(mapping + i * block_bytes);
      block->next = idle;
      idle = block;
    }
    idle_count += next_mapping;
    next_mapping = std::min(next_mapping * 2, largest_mapping);
  }
  Idle* block = idle;
  idle = block->next;
  --idle_count;
  return block;
}

void release_block(void* block) noexcept {
  std::lock_guard lock(mutex);
  if (idle_count >= keep_warm) madvise(block, block_bytes, MADV_DONTNEED);
  auto* freed = static_cast<Idle*>(block);
  freed->next = idle;
  idle = freed;
  ++idle_count;
}

void* acquire_large_block(std::size_t bytes) noexcept {
  return bytes > SIZE_MAX / 2 ? nullptr : map_aligned((bytes + block_bytes - 1) & ~(block_bytes - 1), block_bytes);
}

void release_large_block(void* block, std::size_t bytes) noexcept {
  munmap(block, (bytes + block_bytes - 1) & ~(block_bytes - 1));
}

}  // namespace tau::host
