#include "locals.hpp"

#include <algorithm>
#include <utility>

namespace tau::host {

constinit thread_local FiberLocals* FiberLocals::here_ = nullptr;

bool FiberLocals::set(std::uint32_t key, Owner& owner, Destroy destroy, void* object) noexcept {
  const auto found = std::find_if(values_.begin(), values_.end(), [&](const Value& v) { return v.key == key; });
  if (found != values_.end()) {
    found->object = object;
    return true;
  }
  if (!object) return true;
  try {
    values_.push_back({key, &owner, destroy, object});
  } catch (...) {
    return false;
  }
  return true;
}

void FiberLocals::forget(std::uint32_t key) noexcept {
  std::erase_if(values_, [&](const Value& v) { return v.key == key; });
}

void FiberLocals::drop(const Owner& owner) noexcept {
  // One at a time: a destructor may look at other values, or set some.
  for (;;) {
    const auto found = std::find_if(values_.begin(), values_.end(), [&](const Value& v) { return v.owner == &owner; });
    if (found == values_.end()) return;
    const Value value = *found;
    values_.erase(found);
    if (value.object && value.destroy) value.destroy(value.object);
  }
}

void FiberLocals::clear() noexcept {
  while (!values_.empty()) drop(*values_.back().owner);
}

}  // namespace tau::host
