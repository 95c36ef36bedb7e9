#include "spawn_sites.hpp"

#include <new>

namespace tau::host {

std::uint32_t SpawnSites::look_up(const char* file, std::uint32_t line) noexcept {
  try {
    auto found = numbers_.find({file, line});
    if (found == numbers_.end()) {
      if (sites_.size() == most) return 0;
      sites_.push_back({file, line});
      found = numbers_.emplace(std::pair(file, line), static_cast<std::uint32_t>(sites_.size())).first;
    }
    cache_[slot(file, line)] = {file, line, found->second};
    return found->second;
  } catch (const std::bad_alloc&) {
    return 0;  // the place is lost, the task is not
  }
}

void SpawnSites::clear() noexcept {
  for (Cached& cached : cache_) cached = {};
  numbers_.clear();
  sites_.clear();
}

}  // namespace tau::host
