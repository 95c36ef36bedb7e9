#include "stack.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace tau::host {
namespace {

constexpr std::size_t kept_warm = std::size_t{16} << 10;

std::size_t page() noexcept {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

Stack map(std::size_t size) noexcept {
  // MAP_NORESERVE: what is never touched counts against nothing.
  void* low = ::mmap(nullptr, size + page(), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (low == MAP_FAILED) return {};
  if (::mprotect(low, page(), PROT_NONE) != 0) {
    ::munmap(low, size + page());
    return {};
  }
  return {static_cast<std::byte*>(low) + page(), size};
}

void unmap(Stack stack) noexcept { ::munmap(static_cast<std::byte*>(stack.base) - page(), stack.size + page()); }

}  // namespace

StackPool::~StackPool() { std::for_each(kept_.begin(), kept_.end(), unmap); }

Stack StackPool::take(std::size_t size) noexcept {
  size = (std::max<std::size_t>(size, std::size_t{16} << 10) + page() - 1) & ~(page() - 1);
  // The newest is the warmest.
  const auto fits = std::find_if(kept_.rbegin(), kept_.rend(), [&](const Stack& s) { return s.size == size; });
  if (fits == kept_.rend()) return map(size);
  const Stack stack = *fits;
  kept_.erase(std::next(fits).base());
  return stack;
}

void StackPool::give_back(Stack stack) noexcept {
  if (kept_.size() >= keep_at_most) return unmap(stack);
  if (stack.size > kept_warm) ::madvise(stack.base, stack.size - kept_warm, MADV_DONTNEED);
  try {
    kept_.push_back(stack);
  } catch (...) {
    unmap(stack);
  }
}

}  // namespace tau::host
