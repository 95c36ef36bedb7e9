#include "frame_slab.hpp"

#include <new>

#include "block_source.hpp"

namespace tau::host {

struct FrameSlab::Block {
  FrameSlab* slab;
  Block* next;
  Block* previous;
  std::size_t bytes;    // of a large block, header included
  std::uint32_t klass;  // `classes` for a large block
  bool foreign;
};

namespace {

constexpr std::size_t header_bytes = 64;  // one line of the cache
constexpr std::size_t page_bytes = 4096;
constexpr std::size_t lines_of_page = page_bytes / header_bytes;

FrameSlab::Block* block_of(void* frame) noexcept {
  return reinterpret_cast<FrameSlab::Block*>(reinterpret_cast<std::uintptr_t>(frame) & ~(block_bytes - 1));
}

}  // namespace

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

bool FrameSlab::add_block(Pool& pool, std::size_t klass, bool foreign) noexcept {
  static_assert(sizeof(Block) <= header_bytes);
  void* memory = acquire_block();
  if (!memory) return false;
  auto* block = new (memory) Block{this, nullptr, nullptr, block_bytes, static_cast<std::uint32_t>(klass), foreign};
  if (foreign) {
    enlist(block);  // the caller holds the lock
  } else {
    std::lock_guard lock(mutex_);
    enlist(block);
  }
  std::size_t size = (klass + 1) * step;
  std::size_t count = (block_bytes - header_bytes) / size;
  pool.bump[klass] = static_cast<std::byte*>(memory) + header_bytes;
  pool.end[klass] = pool.bump[klass] + count * size;
  return true;
}

namespace {
std::size_t class_of(std::size_t size) noexcept { return size == 0 ? 0 : (size - 1) / FrameSlab::step; }
}  // namespace

inline void* FrameSlab::take_free(Pool& pool, std::size_t klass) noexcept {
  Free* frame = pool.free[klass];
  if (frame) pool.free[klass] = frame->next;
  return frame;
}

__attribute__((noinline)) void* FrameSlab::carve(Pool& pool, std::size_t klass, bool foreign) noexcept {
  if (pool.bump[klass] == pool.end[klass]) {
    if (!foreign) collect_returned();
    if (void* frame = take_free(pool, klass)) return frame;
    if (!add_block(pool, klass, foreign)) return nullptr;
  }
  void* frame = pool.bump[klass];
  pool.bump[klass] += (klass + 1) * step;
  return frame;
}

void* FrameSlab::allocate_large(std::size_t size) noexcept {
  if (size > most) return nullptr;
  // Frames that all begin at the same place of a page would compete for the same few sets of the cache.
  const std::size_t shift = large_made_++ % lines_of_page * (5 * header_bytes) % page_bytes;
  std::size_t bytes = size + header_bytes + shift;
  void* memory = acquire_large_block(bytes);
  if (!memory) return nullptr;
  auto* block = new (memory) Block{this, nullptr, nullptr, bytes, classes, true};
  enlist(block);
  return static_cast<std::byte*>(memory) + header_bytes + shift;
}

void* FrameSlab::allocate(std::size_t size, bool on_loop) noexcept {
  if (!on_loop || size > largest) [[unlikely]] return allocate_locked(size);
  const std::size_t klass = class_of(size);
  ++loop_live_;
  if (void* frame = take_free(loop_, klass)) [[likely]] return frame;
  return carve_here(klass);
}

void* FrameSlab::carve_here(std::size_t klass) noexcept {
  void* frame = carve(loop_, klass, false);
  if (!frame) --loop_live_;
  return frame;
}

void* FrameSlab::allocate_locked(std::size_t size) noexcept {
  std::lock_guard lock(mutex_);
  void* frame = nullptr;
  if (size > largest) {
    frame = allocate_large(size);
  } else {
    frame = take_free(foreign_, class_of(size));
    if (!frame) frame = carve(foreign_, class_of(size), true);
  }
  foreign_live_ += frame != nullptr;
  return frame;
}

void FrameSlab::deallocate(void* frame, bool on_loop) noexcept {
  Block* block = block_of(frame);
  if (!on_loop || block->foreign) [[unlikely]] return deallocate_across(block, frame);
  FrameSlab& slab = *block->slab;
  auto* freed = static_cast<Free*>(frame);
  freed->next = slab.loop_.free[block->klass];
  slab.loop_.free[block->klass] = freed;
  --slab.loop_live_;
}

void FrameSlab::deallocate_across(Block* block, void* frame) noexcept {
  FrameSlab& slab = *block->slab;
  auto* freed = static_cast<Free*>(frame);
  if (!block->foreign) {
    freed->next = slab.returned_.load(std::memory_order_relaxed);
    while (!slab.returned_.compare_exchange_weak(freed->next, freed, std::memory_order_release,
                                                 std::memory_order_relaxed)) {
    }
    return;
  }
  std::lock_guard lock(slab.mutex_);
  --slab.foreign_live_;
  if (block->klass < classes) {
    freed->next = slab.foreign_.free[block->klass];
    slab.foreign_.free[block->klass] = freed;
    return;
  }
  if (block->next) block->next->previous = block->previous;
  (block->previous ? block->previous->next : slab.blocks_) = block->next;
  release_large_block(block, block->bytes);
}

void FrameSlab::collect_returned() noexcept {
  Free* frame = returned_.exchange(nullptr, std::memory_order_acquire);
  while (frame) {
    Free* next = frame->next;
    std::uint32_t klass = block_of(frame)->klass;
    frame->next = loop_.free[klass];
    loop_.free[klass] = frame;
    --loop_live_;
    frame = next;
  }
}

std::uint64_t FrameSlab::live() noexcept {
  collect_returned();
  std::lock_guard lock(mutex_);
  return loop_live_ + foreign_live_;
}

void FrameSlab::release() noexcept {
  std::lock_guard lock(mutex_);
  while (Block* block = blocks_) {
    blocks_ = block->next;
    if (block->klass < classes) {
      release_block(block);
    } else {
      release_large_block(block, block->bytes);
    }
  }
  loop_ = Pool{};
  foreign_ = Pool{};
  loop_live_ = foreign_live_ = 0;
  returned_.store(nullptr, std::memory_order_relaxed);
}

}  // namespace tau::host
