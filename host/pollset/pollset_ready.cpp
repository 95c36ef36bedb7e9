// See pollset.hpp. A shared set and the reactor: what is ready.
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "entry.hpp"
#include "fiber/parking.hpp"
#include "pollset.hpp"
#include "runtime/runtime.hpp"

namespace tau::host {

// What poll(2) and epoll call the same; they agree on these values.
static_assert(POLLIN == int{TAU_IN} && POLLPRI == int{TAU_PRI} && POLLOUT == int{TAU_OUT} &&
              POLLERR == int{TAU_ERR} && POLLHUP == int{TAU_HUP} && POLLRDHUP == int{TAU_RDHUP});

// ---- what was changed reaches the loop -------------------------------------------------------------

void Pollset::settle() noexcept {
  if (runtime_.on_loop()) return settle_here();
  unsettled_.store(true, std::memory_order_release);
  if (std::exchange(settling_, true)) return;
  struct Travelling {
    std::shared_ptr<Pollset> set;
  };
  auto* travelling = new (std::nothrow) Travelling{shared_from_this()};
  auto arrive = [](void* self) {
    const std::unique_ptr<Travelling> arrived(static_cast<Travelling*>(self));
    const std::lock_guard lock(arrived->set->mutex_);
    arrived->set->settling_ = false;
    arrived->set->settle_here();
  };
  if (!travelling || runtime_.spawn_remote(owner_, arrive, arrive, travelling) < 0) {
    // Its owner is being unloaded, and the set with it.
    delete travelling;
    settling_ = false;
  }
}

void Pollset::settle_here() noexcept {
  unsettled_.store(false, std::memory_order_relaxed);
  if (ended_ && own_handle_ != 0) runtime_.reactor.remove(std::exchange(own_handle_, 0));
  for (const auto& entry : removed_) leave(*entry);
  removed_.clear();
  for (Entry* entry : std::exchange(changed_, {})) {
    entry->changing = false;
    if (!is_shared()) continue;
    if (entry->timer && !timer_fds().is_attached(*entry->timer)) {
      std::erase(timers_, entry);
      entry->timer = nullptr;
    }
    if (!entry->entered()) {
      enter(*entry);
    } else {
      // What is ready by now is asked about, and reported, as a new interest is by epoll.
      unlink(*entry);
      take_over(*entry);
      harvested_.push_back(entry);
    }
  }
  if (ended_ || !is_shared()) {
    while (waiters_) wake_one();
  } else if (!harvested_.empty() && waiters_) {
    look_again();
  }
}

void Pollset::settle_others() noexcept {
  const std::lock_guard lock(mutex_);
  settle_here();
}

void Pollset::take_over(Entry& entry) noexcept {
  entry.wanted = entry.told.events;
  entry.data = entry.told.data;
}

// ---- an entry's way --------------------------------------------------------------------------------

void Pollset::enter(Entry& entry) noexcept {
  take_over(entry);
  if ((entry.timer = timer_fds().attach(entry.watched, weak_from_this()))) {
    timers_.push_back(&entry);
    if (waiters_) wake_one();  // it sleeps until another's deadline
    return;
  }
  entry.done = [](tau_fd_wait* wait) {
    auto& entry = *static_cast<Entry*>(wait);
    if (wait->result < 0) return;  // its number was closed behind everybody's back
    entry.set->came(entry, static_cast<std::uint32_t>(wait->result));
  };
  entry.owner = &owner_of_watches();
  if (runtime_.reactor.add(entry.owner, entry.watched, &entry.handle) < 0) return;  // closed meanwhile
  link(entry);
}

void Pollset::leave(Entry& entry) noexcept {
  unlink(entry);
  if (entry.handle != 0) runtime_.reactor.remove(std::exchange(entry.handle, 0));
  if (entry.timer) {
    std::erase(timers_, &entry);
    timer_fds().detach(*std::exchange(entry.timer, nullptr));
  }
  std::erase(harvested_, &entry);
  std::erase(changed_, &entry);
  if (!entry.queued) return;
  Entry* before = nullptr;
  for (Entry* e = ready_head_; e != &entry; e = e->next_ready) before = e;
  (before ? before->next_ready : ready_head_) = entry.next_ready;
  if (ready_tail_ == &entry) ready_tail_ = before;
  entry.queued = false;
}

/// Waits for its next event, or for all of them; one that is remembered comes at once.
void Pollset::link(Entry& entry) noexcept {
  if (entry.disarmed.load(std::memory_order_relaxed) || entry.previous || entry.handle == 0) return;
  entry.interest = entry.conditions_wanted() | (entry.stands() ? Reactor::standing : 0);
  std::int32_t status = runtime_.reactor.wait_ready(entry.handle, &entry);
  if (status == TAU_READY && entry.result > 0) {
    came(entry, static_cast<std::uint32_t>(entry.result));
    if (!entry.stands()) return;
    runtime_.reactor.clear(entry.handle, Entry::conditions);
    status = runtime_.reactor.wait_ready(entry.handle, &entry);
  }
  if (status == TAU_PENDING) ++entry.owner->fd_waits;
}

void Pollset::unlink(Entry& entry) noexcept {
  if (entry.previous && runtime_.reactor.cancel_wait(&entry)) --entry.owner->fd_waits;
}

void Pollset::came(Entry& entry, std::uint32_t events) noexcept {
  entry.ready |= events & entry.conditions_wanted();
  if (entry.ready == 0) return;
  if (!std::exchange(entry.queued, true)) {
    entry.next_ready = nullptr;
    (ready_tail_ ? ready_tail_->next_ready : ready_head_) = &entry;
    ready_tail_ = &entry;
  }
  wake_one();
}

/// Asks what those have left that were told of something: one call for all.
void Pollset::look_again() noexcept {
  std::vector<Entry*> asked = std::exchange(harvested_, {});
  std::vector<pollfd> polled;
  std::erase_if(asked, [](const Entry* e) { return e->disarmed.load(std::memory_order_relaxed) || e->handle == 0; });
  if (asked.empty()) return;
  polled.reserve(asked.size());
  for (const Entry* entry : asked) {
    polled.push_back({entry->watched, static_cast<short>(entry->wanted & Entry::conditions), 0});
  }
  while (::poll(polled.data(), polled.size(), 0) < 0 && errno == EINTR) {
  }
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Entry& entry = *asked[i];
    const auto events = static_cast<std::uint32_t>(polled[i].revents) & entry.conditions_wanted();
    const bool left = events != 0 && !(polled[i].revents & POLLNVAL);
    if (left) came(entry, events);
    if (!left || entry.stands()) {
      // What comes from now on is news to the reactor.
      runtime_.reactor.clear(entry.handle, Entry::conditions);
      link(entry);
    }
  }
}

std::uint64_t Pollset::soonest_timer() const noexcept {
  std::uint64_t soonest = UINT64_MAX;
  for (const Entry* entry : timers_) {
    soonest = std::min(soonest, entry->timer->soonest_ns.load(std::memory_order_relaxed));
  }
  return soonest;
}

std::uint64_t Pollset::ask_timers(std::uint64_t now_ns) noexcept {
  std::uint64_t next = UINT64_MAX;
  for (Entry* entry : timers_) {
    if (entry->queued || entry->disarmed.load(std::memory_order_relaxed) || !(entry->wanted & TAU_IN)) continue;
    const std::uint64_t due = timer_fds().next_ns(*entry->timer, entry->edge());
    if (due <= now_ns) came(*entry, TAU_IN);
    next = std::min(next, due);
  }
  return next;
}

int Pollset::harvest(tau_poll_event* events, int capacity) noexcept {
  int count = 0;
  while (ready_head_ && count < capacity) {
    Entry& entry = *ready_head_;
    ready_head_ = entry.next_ready;
    if (!ready_head_) ready_tail_ = nullptr;
    entry.queued = false;
    const std::uint32_t ready = std::exchange(entry.ready, 0) & entry.conditions_wanted();
    if (ready == 0 || entry.disarmed.load(std::memory_order_relaxed)) continue;
    events[count++] = {ready, 0, entry.data};
    if (entry.timer) timer_fds().reported(*entry.timer);
    if (entry.wanted & TAU_ONESHOT) {
      entry.disarmed.store(true, std::memory_order_relaxed);
    } else if (entry.timer) {
      // Asked for its time at each wait.
    } else if (!entry.stands()) {
      harvested_.push_back(&entry);
    }
  }
  return count;
}

// ---- who waits -------------------------------------------------------------------------------------

void Pollset::wake_one() noexcept {
  if (Waiter* first = waiters_) {
    waiters_ = first->next;
    unpark(runtime_, first->parker);
  }
}

void Pollset::queue(Waiter& waiter) noexcept {
  Waiter** link = &waiters_;
  while (*link) link = &(*link)->next;
  *link = &waiter;
}

void Pollset::leave(Waiter& waiter) noexcept {
  for (Waiter** link = &waiters_; *link; link = &(*link)->next) {
    if (*link != &waiter) continue;
    *link = waiter.next;
    return;
  }
}

void Pollset::timer_changed() noexcept {
  if (waiters_) wake_one();
}

}  // namespace tau::host
