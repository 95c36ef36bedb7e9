// See pollsets.hpp.
#include "pollsets.hpp"

#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "runtime/runtime.hpp"
#include "timer_fds.hpp"

namespace tau::host {

Pollsets& pollsets() noexcept {
  static auto* all = new Pollsets;  // threads may outlive main()
  return *all;
}

std::atomic<std::uint64_t>& Pollsets::word(int fd) noexcept {
  static std::array<std::atomic<std::uint64_t>, marked_fds / 64> words{};
  return words[static_cast<std::size_t>(fd) / 64];
}

void Pollsets::mark(int fd) noexcept {
  if (fd >= 0 && fd < marked_fds) word(fd).fetch_or(bit(fd), std::memory_order_relaxed);
}

bool Pollsets::unmark(int fd) noexcept {
  if (fd < 0) return false;
  if (fd >= marked_fds) return true;
  if (!(word(fd).load(std::memory_order_relaxed) & bit(fd))) return false;
  return word(fd).fetch_and(~bit(fd), std::memory_order_relaxed) & bit(fd);
}

std::int32_t Pollsets::create(Runtime& runtime, Owner& owner, int* set) noexcept {
  if (!owner.accepts()) return TAU_E_UNLOADING;
  const int made = ::epoll_create1(EPOLL_CLOEXEC);
  if (made < 0) return -errno;
  try {
    auto pollset = std::make_shared<Pollset>(runtime, owner, made);
    const std::lock_guard lock(mutex_);
    sets_[made] = std::move(pollset);
    mark(made);
  } catch (const std::bad_alloc&) {
    ::close(made);
    return TAU_E_NO_MEMORY;
  }
  *set = made;
  return TAU_OK;
}

std::shared_ptr<Pollset> Pollsets::find(int set) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = sets_.find(set);
  return found == sets_.end() ? nullptr : found->second;
}

Pollset* Pollsets::find_on_loop(int set) noexcept {
  std::shared_ptr<Pollset>& known = known_[static_cast<unsigned>(set) % known_.size()];
  if (known && known->number() == set && !known->ended()) return known.get();
  known = find(set);
  return known.get();
}

void Pollsets::forget_known() noexcept { known_.fill(nullptr); }

bool Pollsets::closing(int fd) noexcept {
  if (!unmark(fd)) return false;
  timer_fds().closing(fd);
  std::vector<std::shared_ptr<Pollset>> others;
  std::shared_ptr<Pollset> itself;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = sets_.find(fd); found != sets_.end()) {
      itself = std::move(found->second);
      sets_.erase(found);
    }
    opened_.erase(fd);
    others.reserve(sets_.size());
    for (const auto& [number, set] : sets_) others.push_back(set);
  }
  for (const auto& set : others) set->forget(fd);
  if (itself) {
    itself->end();
    if (Runtime* runtime = Runtime::instance(); runtime && runtime->on_loop()) forget_known();
  }
  return itself != nullptr;
}

std::size_t Pollsets::drop_owner(Owner& owner) noexcept {
  const auto dropped = of(owner);
  for (const auto& [number, set] : dropped) set->abandon();
  forget_known();
  return dropped.size();
}

void Pollsets::opened(Owner& owner, int fd) noexcept {
  struct stat status {};
  if (::fstat(fd, &status) < 0) return;
  try {
    const std::lock_guard lock(mutex_);
    opened_[fd] = {&owner, status.st_dev, status.st_ino};
    mark(fd);
  } catch (const std::bad_alloc&) {
    // Nobody will close it should its module forget to.
  }
}

std::vector<int> Pollsets::opened_of(Owner& owner) {
  std::vector<int> fds;
  const std::lock_guard lock(mutex_);
  std::erase_if(opened_, [&](const auto& entry) {
    const auto& [fd, opened] = entry;
    if (opened.owner != &owner) return false;
    struct stat status {};
    // The same file as it was: it may have been closed by a library, and its number given anew.
    if (::fstat(fd, &status) == 0 && status.st_dev == opened.device && status.st_ino == opened.node) fds.push_back(fd);
    return true;
  });
  return fds;
}

std::size_t Pollsets::close_owner(Owner& owner) noexcept {
  std::size_t closed = 0;
  for (const int fd : opened_of(owner)) {
    closing(fd);
    ::close(fd);
    ++closed;
  }
  for (const auto& [number, set] : of(owner)) {
    for (const int fd : set->left()) {
      if (is_watched(fd)) continue;  // by another plugin: it was handed over
      closing(fd);
      ::close(fd);
      ++closed;
    }
    closing(number);
    ::close(number);
    ++closed;
  }
  return closed;
}

bool Pollsets::is_watched(int fd) {
  const std::lock_guard lock(mutex_);
  return std::any_of(sets_.begin(), sets_.end(), [fd](const auto& set) { return set.second->watches(fd); });
}

std::vector<std::pair<int, std::shared_ptr<Pollset>>> Pollsets::of(Owner& owner) {
  std::vector<std::pair<int, std::shared_ptr<Pollset>>> his;
  const std::lock_guard lock(mutex_);
  for (const auto& [number, set] : sets_) {
    if (&set->owner() == &owner) his.emplace_back(number, set);
  }
  return his;
}

}  // namespace tau::host
