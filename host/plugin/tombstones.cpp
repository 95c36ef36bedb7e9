// See tombstones.hpp.
#include "tombstones.hpp"

#include <sys/mman.h>

#include <atomic>
#include <cstring>

namespace tau::host::tombstones {
namespace {

// Read by a signal handler, which may interrupt put() anywhere: an entry counts only while `begin` is
// set, and it is cleared first and set last.
struct Entry {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<std::uint64_t> generation{0};
  std::atomic<char> name[sizeof(Grave::name)]{};
};

constinit Entry ring[most];
constinit std::size_t next = 0;

}  // namespace

bool put(std::uintptr_t begin, std::uintptr_t end, const char* name, std::uint64_t generation) noexcept {
  if (begin == 0 || end <= begin) return false;
  void* at = reinterpret_cast<void*>(begin);
  void* got = mmap(at, end - begin, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (got == MAP_FAILED) return false;
  if (got != at) {  // a kernel older than the flag takes the address for a wish
    munmap(got, end - begin);
    return false;
  }
  Entry& entry = ring[next++ % most];
  const std::uintptr_t old = entry.begin.exchange(0);
  if (old != 0) munmap(reinterpret_cast<void*>(old), entry.end.load() - old);
  const std::size_t length = strnlen(name, sizeof(Grave::name) - 1);
  for (std::size_t i = 0; i < sizeof(Grave::name); ++i) entry.name[i] = i < length ? name[i] : '\0';
  entry.generation = generation;
  entry.end = end;
  entry.begin = begin;
  return true;
}

bool what_was_at(std::uintptr_t address, Grave* out) noexcept {
  for (const Entry& entry : ring) {
    const std::uintptr_t begin = entry.begin.load();
    if (begin == 0 || address < begin || address >= entry.end.load()) continue;
    out->begin = begin;
    out->end = entry.end.load();
    out->generation = entry.generation.load();
    for (std::size_t i = 0; i < sizeof(out->name); ++i) out->name[i] = entry.name[i].load();
    if (entry.begin.load() == begin) return true;
  }
  return false;
}

}  // namespace tau::host::tombstones
