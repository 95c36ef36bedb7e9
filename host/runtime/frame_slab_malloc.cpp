// The frame slab of sanitizer builds: every frame is an allocation of its own, so that a use after free,
// an overflow or a leak is seen where it happens. Accounting and wholesale freeing stay.
#include <cstdlib>
#include <new>

#include "frame_slab.hpp"

namespace tau::host {

struct alignas(16) FrameSlab::Block {
  FrameSlab* slab;
  Block* next;
  Block* previous;
};

FrameSlab& FrameSlab::shared() noexcept {
  // Not destroyed: what it holds may be let go of by the last static destructor.
  alignas(FrameSlab) static std::byte storage[sizeof(FrameSlab)];
  static FrameSlab& slab = *new (storage) FrameSlab;
  return slab;
}

void FrameSlab::enlist(Block* block) noexcept {
  block->previous = nullptr;
  block->next = blocks_;
  if (blocks_) blocks_->previous = block;
  blocks_ = block;
}

void* FrameSlab::allocate(std::size_t size, bool) noexcept {
  // A sanitizer aborts on what no machine has; the caller is to be told instead.
  void* memory = size > most ? nullptr : std::malloc(sizeof(Block) + size);
  if (!memory) return nullptr;
  auto* block = new (memory) Block{this, nullptr, nullptr};
  std::lock_guard lock(mutex_);
  enlist(block);
  ++foreign_live_;
  return block + 1;
}

void FrameSlab::deallocate(void* frame, bool) noexcept {
  Block* block = static_cast<Block*>(frame) - 1;
  FrameSlab& slab = *block->slab;
  {
    std::lock_guard lock(slab.mutex_);
    if (block->next) block->next->previous = block->previous;
    (block->previous ? block->previous->next : slab.blocks_) = block->next;
    --slab.foreign_live_;
  }
  std::free(block);
}

std::uint64_t FrameSlab::live() noexcept {
  std::lock_guard lock(mutex_);
  return foreign_live_;
}

void FrameSlab::release() noexcept {
  std::lock_guard lock(mutex_);
  while (Block* block = blocks_) {
    blocks_ = block->next;
    std::free(block);
  }
  foreign_live_ = 0;
}

}  // namespace tau::host
