// See pollset.hpp. The table: what is watched.
#include "pollset.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "entry.hpp"
#include "pollsets.hpp"
#include "runtime/runtime.hpp"

namespace tau::host {

// The bits of the C ABI are epoll's own.
static_assert(TAU_EDGE == EPOLLET && TAU_ONESHOT == EPOLLONESHOT);
static_assert(int{TAU_POLLSET_ADD} == EPOLL_CTL_ADD && int{TAU_POLLSET_DEL} == EPOLL_CTL_DEL &&
              int{TAU_POLLSET_MOD} == EPOLL_CTL_MOD);

Pollset::Pollset(Runtime& runtime, Owner& owner, int set) noexcept : runtime_(runtime), owner_(owner), set_(set) {}
Pollset::~Pollset() {
  if (bell_ >= 0) ::close(bell_);
}

std::int32_t Pollset::control_own(int operation, int fd, const tau_poll_event* event) const noexcept {
  epoll_event e{};
  if (event) e = {event->events, {.u64 = event->data}};
  return ::epoll_ctl(set_, operation, fd, &e) < 0 ? -errno : 0;
}

/// What epoll would say to adding it, as far as another thread can tell.
std::int32_t Pollset::validate(Entry& entry) const noexcept {
  struct stat status {};
  if (::fstat(entry.watched, &status) < 0) return -errno;
  entry.device = status.st_dev;
  entry.node = status.st_ino;
  return S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) ? -EPERM : 0;
}

/// Whether the number still means what was added: it may have been closed and given anew, by code without a seam.
bool Pollset::is_same_file(const Entry& entry) const noexcept {
  if (!is_shared()) {
    const tau_poll_event event{0, 0, entry.told.data};
    return control_own(TAU_POLLSET_MOD, entry.watched, &event) == 0;
  }
  struct stat status {};
  return ::fstat(entry.watched, &status) == 0 && status.st_dev == entry.device && status.st_ino == entry.node;
}

std::int32_t Pollset::control(int operation, int fd, const tau_poll_event* event) noexcept {
  if (fd == set_) return -EINVAL;
  if (operation != TAU_POLLSET_DEL && !event) return -EFAULT;
  const std::lock_guard lock(mutex_);
  if (ended_) return -EBADF;
  const auto found = entries_.find(fd);
  switch (operation) {
    case TAU_POLLSET_ADD: {
      if (found != entries_.end()) return -EEXIST;
      if (const std::int32_t status = insert(fd, *event); status < 0) return status;
      break;
    }
    case TAU_POLLSET_MOD: {
      if (found == entries_.end()) return -ENOENT;
      if (const std::int32_t status = change(*found->second, *event); status < 0) return status;
      break;
    }
    case TAU_POLLSET_DEL: {
      if (found == entries_.end()) return -ENOENT;
      if (is_shared()) {
        removed_.push_back(std::move(found->second));
      } else {
        control_own(operation, fd, nullptr);
      }
      entries_.erase(found);
      break;
    }
    default: return -EINVAL;
  }
  if (is_shared()) settle();
  return 0;
}

std::int32_t Pollset::insert(int fd, const tau_poll_event& event) noexcept {
  std::int32_t status = -ENOMEM;
  try {
    auto entry = std::make_unique<Entry>();
    entry->set = this;
    entry->watched = fd;
    entry->told = event;
    status = is_shared() ? validate(*entry) : control_own(TAU_POLLSET_ADD, fd, &event);
    if (status < 0) return status;
    if (is_shared()) {
      entry->changing = true;
      changed_.push_back(entry.get());
    }
    Pollsets::mark(fd);
    entries_.emplace(fd, std::move(entry));
    return 0;
  } catch (const std::bad_alloc&) {
    if (!is_shared() && status == 0) control_own(TAU_POLLSET_DEL, fd, nullptr);
    return -ENOMEM;
  }
}

std::int32_t Pollset::change(Entry& entry, const tau_poll_event& event) noexcept {
  // Many loops say the same again before each operation; for a level-triggered entry it means nothing.
  const bool same = entry.told.events == event.events && entry.told.data == event.data &&
                    !(event.events & (TAU_EDGE | TAU_ONESHOT));
  if (same) return 0;
  if (!is_shared()) {
    if (const std::int32_t status = control_own(TAU_POLLSET_MOD, entry.watched, &event); status < 0) return status;
  }
  entry.told = event;
  entry.disarmed.store(false, std::memory_order_relaxed);
  if (is_shared() && !std::exchange(entry.changing, true)) changed_.push_back(&entry);
  return 0;
}

void Pollset::forget(int fd) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase(left_, fd);
  const auto found = entries_.find(fd);
  if (found == entries_.end()) return;
  const bool shared = is_shared();
  if (shared) removed_.push_back(std::move(found->second));
  entries_.erase(found);
  if (shared) settle();
}

void Pollset::watch_again(int fd) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(fd);
  if (found == entries_.end() || !is_shared()) return;
  if (!std::exchange(found->second->changing, true)) changed_.push_back(found->second.get());
  settle();
}

// ---- where it is watched ---------------------------------------------------------------------------

void Pollset::become_shared() noexcept {
  mode_ = Mode::shared;
  for (const auto& [fd, entry] : entries_) {
    control_own(TAU_POLLSET_DEL, fd, nullptr);
    validate(*entry);
    enter(*entry);
  }
}

/// [any]: the reactor forgets the entries when a call has travelled to the loop; they are told nothing more.
void Pollset::become_own() noexcept {
  const bool shared = mode_.exchange(Mode::own) == Mode::shared;
  if (bell_ < 0 && (bell_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) >= 0) {
    const tau_poll_event rung{EPOLLIN, 0, bell_data()};
    control_own(TAU_POLLSET_ADD, bell_, &rung);
  }
  if (!shared) return;
  for (auto& [fd, entry] : entries_) {
    timer_fds().make_real(fd);
    const bool disarmed = entry->disarmed.load(std::memory_order_relaxed);
    const tau_poll_event event{disarmed ? entry->told.events & ~Entry::conditions : entry->told.events, 0,
                               entry->told.data};
    control_own(TAU_POLLSET_ADD, fd, &event);  // edge-triggered ones report once more what is ready
    auto fresh = std::make_unique<Entry>();
    fresh->set = this;
    fresh->watched = fd;
    fresh->told = entry->told;
    fresh->disarmed = disarmed;
    removed_.push_back(std::exchange(entry, std::move(fresh)));
  }
  changed_.clear();
  settle();
}

void Pollset::end() noexcept {
  const std::lock_guard lock(mutex_);
  end_locked();
}

void Pollset::end_locked() noexcept {
  if (ended_.exchange(true)) return;
  if (is_shared()) {
    for (auto& [fd, entry] : entries_) removed_.push_back(std::move(entry));
  }
  entries_.clear();
  changed_.clear();
  if (bell_ >= 0) {
    const std::uint64_t one = 1;
    static_cast<void>(!::write(bell_, &one, sizeof one));
  }
  settle();
}

void Pollset::abandon() noexcept {
  const std::lock_guard lock(mutex_);
  if (ended_) return;
  for (const auto& [fd, entry] : entries_) {
    if (fd > STDERR_FILENO && is_same_file(*entry)) left_.push_back(fd);
  }
  end_locked();
}

bool Pollset::watches(int fd) noexcept {
  const std::lock_guard lock(mutex_);
  return entries_.contains(fd);
}

std::vector<int> Pollset::left() noexcept {
  const std::lock_guard lock(mutex_);
  return left_;
}

}  // namespace tau::host
