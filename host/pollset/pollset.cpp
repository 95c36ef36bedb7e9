// See pollset.hpp.
#include "pollset.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "fiber/fibers.hpp"
#include "fiber/parking.hpp"
#include "pollsets.hpp"
#include "runtime/runtime.hpp"
#include "runtime/threads.hpp"

namespace tau::host {

// The bits of the C ABI are epoll's own.
static_assert(TAU_EDGE == EPOLLET && TAU_ONESHOT == EPOLLONESHOT);
static_assert(int{TAU_POLLSET_ADD} == EPOLL_CTL_ADD && int{TAU_POLLSET_DEL} == EPOLL_CTL_DEL &&
              int{TAU_POLLSET_MOD} == EPOLL_CTL_MOD);

namespace {

constexpr std::uint32_t conditions = TAU_IN | TAU_PRI | TAU_OUT | TAU_ERR | TAU_HUP | TAU_RDHUP;
constexpr std::uint32_t always = TAU_ERR | TAU_HUP;
// How long a foreign loop may go on asking without letting the loop turn.
constexpr std::uint64_t breath_ns = 50'000;
// Events that are taken from a kernel's set at once.
constexpr int batch = 256;

// What poll(2) and epoll call the same; they agree on these values.
static_assert(POLLIN == int{TAU_IN} && POLLPRI == int{TAU_PRI} && POLLOUT == int{TAU_OUT} &&
              POLLERR == int{TAU_ERR} && POLLHUP == int{TAU_HUP} && POLLRDHUP == int{TAU_RDHUP});

std::uint64_t deadline_of(Runtime& runtime, std::int64_t timeout_ns) noexcept {
  if (timeout_ns < 0) return UINT64_MAX;
  const std::uint64_t now = runtime.clock.now();
  const auto timeout = static_cast<std::uint64_t>(timeout_ns);
  return timeout < UINT64_MAX - now ? now + timeout : UINT64_MAX;
}

// What a set has the reactor watch is the host's: a plugin that waits nowhere keeps nothing alive by it.
Owner& host_owner() noexcept {
  static auto* owner = new Owner;
  return *owner;
}

}  // namespace

struct Pollset::Entry : tau_fd_wait {
  Pollset* set = nullptr;
  int watched = -1;          // the descriptor
  std::uint32_t wanted = 0;  // as given, flags included
  std::uint64_t data = 0;
  dev_t device = 0;          // which file it was, of a shared set
  ino_t node = 0;
  std::uint32_t ready = 0;   // what came and was not harvested
  bool queued = false;
  bool disarmed = false;     // one-shot, and it has come
  bool changing = false;     // in changed_
  tau_fd handle = 0;         // its registration. [loop]
  Entry* next_ready = nullptr;

  bool edge() const noexcept { return wanted & TAU_EDGE; }
  std::uint32_t conditions_wanted() const noexcept { return (wanted & conditions) | always; }
};

struct Pollset::Waiter {
  tau_parker parker{};
  Waiter* next = nullptr;
};

Pollset::Pollset(Runtime& runtime, Owner& owner, int set) noexcept : runtime_(runtime), owner_(owner), set_(set) {}
Pollset::~Pollset() {
  if (bell_ >= 0) ::close(bell_);
}

// ---- the table -------------------------------------------------------------------------------------

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
  if (mode_ != Mode::shared) {
    const tau_poll_event event{0, 0, entry.data};
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
      std::int32_t status = -ENOMEM;
      try {
        auto entry = std::make_unique<Entry>();
        entry->set = this;
        entry->watched = fd;
        entry->wanted = event->events;
        entry->data = event->data;
        status = mode_ == Mode::shared ? validate(*entry) : control_own(operation, fd, event);
        if (status < 0) return status;
        if (mode_ == Mode::shared) {
          entry->changing = true;
          changed_.push_back(entry.get());
        }
        Pollsets::mark(fd);
        entries_.emplace(fd, std::move(entry));
      } catch (const std::bad_alloc&) {
        if (mode_ != Mode::shared && status == 0) control_own(TAU_POLLSET_DEL, fd, nullptr);
        return -ENOMEM;
      }
      break;
    }
    case TAU_POLLSET_MOD: {
      if (found == entries_.end()) return -ENOENT;
      Entry& entry = *found->second;
      // Many loops say the same again before each operation; for a level-triggered entry it means nothing.
      const bool kept = mode_ == Mode::shared || (entry.data == event->data && !(entry.wanted & TAU_ONESHOT));
      const bool same = entry.wanted == event->events && !entry.edge() && !entry.disarmed && kept;
      entry.data = event->data;
      if (same) return 0;
      if (mode_ != Mode::shared) {
        if (const std::int32_t status = control_own(operation, fd, event); status < 0) return status;
      }
      entry.wanted = event->events;
      entry.disarmed = false;
      if (mode_ == Mode::shared && !std::exchange(entry.changing, true)) changed_.push_back(&entry);
      break;
    }
    case TAU_POLLSET_DEL: {
      if (found == entries_.end()) return -ENOENT;
      if (mode_ == Mode::shared) {
        removed_.push_back(std::move(found->second));
      } else {
        control_own(operation, fd, nullptr);
      }
      entries_.erase(found);
      break;
    }
    default: return -EINVAL;
  }
  if (mode_ == Mode::shared) settle();
  return 0;
}

void Pollset::forget(int fd) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase(left_, fd);
  const auto found = entries_.find(fd);
  if (found == entries_.end()) return;
  if (mode_ == Mode::shared) {
    removed_.push_back(std::move(found->second));
    settle();
  }
  entries_.erase(found);
}

// ---- with the reactor ------------------------------------------------------------------------------

void Pollset::settle() noexcept {
  if (runtime_.on_loop()) return settle_here();
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
  if (ended_ && own_handle_ != 0) runtime_.reactor.remove(std::exchange(own_handle_, 0));
  for (const auto& entry : removed_) leave(*entry);
  removed_.clear();
  for (Entry* entry : std::exchange(changed_, {})) {
    entry->changing = false;
    if (mode_ != Mode::shared) continue;
    if (entry->handle == 0) {
      enter(*entry);
    } else {
      // What is ready by now is asked about, and reported, as a new interest is by epoll.
      unlink(*entry);
      harvested_.push_back(entry);
    }
  }
  if (!harvested_.empty() && waiters_) look_again();
}

void Pollset::enter(Entry& entry) noexcept {
  entry.done = [](tau_fd_wait* wait) {
    auto& entry = *static_cast<Entry*>(wait);
    Pollset& set = *entry.set;
    const std::lock_guard lock(set.mutex_);
    if (wait->result < 0) return;  // its number was closed behind everybody's back
    set.came(entry, static_cast<std::uint32_t>(wait->result));
  };
  entry.owner = &host_owner();
  if (runtime_.reactor.add(entry.owner, entry.watched, &entry.handle) < 0) return;  // closed meanwhile
  link(entry);
}

void Pollset::leave(Entry& entry) noexcept {
  unlink(entry);
  if (entry.handle != 0) runtime_.reactor.remove(std::exchange(entry.handle, 0));
  std::erase(harvested_, &entry);
  std::erase(changed_, &entry);
  if (!entry.queued) return;
  Entry* before = nullptr;
  for (Entry* e = ready_head_; e != &entry; e = e->next_ready) before = e;
  (before ? before->next_ready : ready_head_) = entry.next_ready;
  if (ready_tail_ == &entry) ready_tail_ = before;
  entry.queued = false;
}

/// Waits for its next event; one that is remembered comes at once.
void Pollset::link(Entry& entry) noexcept {
  if (entry.disarmed || entry.previous || entry.handle == 0) return;
  entry.interest = entry.conditions_wanted();
  const std::int32_t status = runtime_.reactor.wait_ready(entry.handle, &entry);
  if (status == TAU_PENDING) ++entry.owner->fd_waits;
  if (status == TAU_READY && entry.result > 0) came(entry, static_cast<std::uint32_t>(entry.result));
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
  std::erase_if(asked, [](const Entry* e) { return e->disarmed || e->handle == 0; });
  if (asked.empty()) return;
  polled.reserve(asked.size());
  for (const Entry* entry : asked) {
    polled.push_back({entry->watched, static_cast<short>(entry->wanted & conditions), 0});
  }
  while (::poll(polled.data(), polled.size(), 0) < 0 && errno == EINTR) {
  }
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Entry& entry = *asked[i];
    const auto events = static_cast<std::uint32_t>(polled[i].revents) & entry.conditions_wanted();
    if (events != 0 && !(polled[i].revents & POLLNVAL)) {
      came(entry, events);
    } else {
      // Nothing is left; what comes from now on is news to the reactor.
      runtime_.reactor.clear(entry.handle, conditions);
      link(entry);
    }
  }
}

int Pollset::harvest(tau_poll_event* events, int capacity) noexcept {
  int count = 0;
  while (ready_head_ && count < capacity) {
    Entry& entry = *ready_head_;
    ready_head_ = entry.next_ready;
    if (!ready_head_) ready_tail_ = nullptr;
    entry.queued = false;
    const std::uint32_t ready = std::exchange(entry.ready, 0) & entry.conditions_wanted();
    if (ready == 0 || entry.disarmed) continue;
    events[count++] = {ready, 0, entry.data};
    if (entry.wanted & TAU_ONESHOT) {
      entry.disarmed = true;
    } else if (entry.edge()) {
      runtime_.reactor.clear(entry.handle, conditions);
      link(entry);
    } else {
      harvested_.push_back(&entry);
    }
  }
  return count;
}

void Pollset::wake_one() noexcept {
  if (Waiter* first = waiters_) {
    waiters_ = first->next;
    unpark(runtime_, first->parker);
  }
}

/// Without the bell's. Returns how many.
int Pollset::copy(const epoll_event* found, int count, tau_poll_event* events) const noexcept {
  int copied = 0;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = found[i];
    if (event.data.u64 != bell_data()) events[copied++] = {event.events, 0, event.data.u64};
  }
  return copied;
}

// ---- waiting ---------------------------------------------------------------------------------------

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
  const bool shared = std::exchange(mode_, Mode::own) == Mode::shared;
  if (bell_ < 0 && (bell_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) >= 0) {
    const tau_poll_event rung{EPOLLIN, 0, bell_data()};
    control_own(TAU_POLLSET_ADD, bell_, &rung);
  }
  if (!shared) return;
  for (auto& [fd, entry] : entries_) {
    const tau_poll_event event{entry->disarmed ? entry->wanted & ~conditions : entry->wanted, 0, entry->data};
    control_own(TAU_POLLSET_ADD, fd, &event);  // edge-triggered ones report once more what is ready
    auto fresh = std::make_unique<Entry>();
    fresh->set = this;
    fresh->watched = fd;
    fresh->wanted = entry->wanted;
    fresh->data = entry->data;
    fresh->disarmed = entry->disarmed;
    removed_.push_back(std::exchange(entry, std::move(fresh)));
  }
  changed_.clear();
  while (waiters_) wake_one();
  settle();
}

std::int32_t Pollset::wait(Owner& caller, tau_poll_event* events, int capacity, std::int64_t timeout_ns,
                           const void* sigmask) {
  if (capacity <= 0) return -EINVAL;
  const auto alive = shared_from_this();
  if (runtime_.on_loop()) {
    bool own;
    {
      const std::lock_guard lock(mutex_);
      if (ended_) return -EBADF;
      if (mode_ == Mode::undecided) {
        if (runtime_.reactor.readiness_is_cheap()) {
          become_shared();
        } else {
          become_own();
        }
      }
      own = mode_ == Mode::own;
    }
    return own ? wait_own_on_loop(caller, events, capacity, timeout_ns)
               : wait_shared(caller, events, capacity, timeout_ns);
  }
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return ended_for(caller);
    if (mode_ != Mode::own) become_own();
  }
  epoll_event found[batch];
  const int most = std::min(capacity, batch);
  const timespec timeout{static_cast<time_t>(timeout_ns / 1'000'000'000), static_cast<long>(timeout_ns % 1'000'000'000)};
  int count = ::epoll_pwait2(set_, found, most, timeout_ns < 0 ? nullptr : &timeout,
                             static_cast<const sigset_t*>(sigmask));
  if (count < 0 && (errno == ENOSYS || errno == EPERM)) {
    const std::int64_t ms = timeout_ns < 0 ? -1 : std::min<std::int64_t>((timeout_ns + 999'999) / 1'000'000, INT32_MAX);
    count = ::epoll_pwait(set_, found, most, static_cast<int>(ms),
                          static_cast<const sigset_t*>(sigmask));
  }
  if (count < 0) return -errno;
  const int copied = copy(found, count, events);
  if (copied == count) return count;
  return copied != 0 ? copied : ended_for(caller);
}

/// What a thread is told that waits at a set that has ended. Its plugin may be about to go: then it has to leave.
std::int32_t Pollset::ended_for(Owner& caller) const {
  if (threads::is_asked_to_leave(caller)) throw Unwinding{};
  return -EBADF;
}

std::int32_t Pollset::wait_shared(Owner& caller, tau_poll_event* events, int capacity, std::int64_t timeout_ns) {
  const std::uint64_t deadline = deadline_of(runtime_, timeout_ns);
  bool parked = false;
  for (;;) {
    Waiter waiter;
    std::uint64_t until = deadline;
    {
      const std::lock_guard lock(mutex_);
      if (ended_) return -EBADF;
      if (mode_ == Mode::own) break;
      if (!harvested_.empty()) look_again();
      const std::uint64_t now = runtime_.clock.now();
      const bool breathe = !parked && now - last_turn_ns_ >= breath_ns;
      if (!breathe) {
        const int count = harvest(events, capacity);
        if (count != 0 || timeout_ns == 0 || (parked && now >= deadline)) return count;
      }
      last_turn_ns_ = now;
      if (timeout_ns == 0 || ready_head_) {
        until = 0;  // for one turn
      } else {
        queue(waiter);
      }
    }
    struct Leave {
      Pollset& set;
      Waiter& waiter;
      ~Leave() { set.leave(waiter); }
    };
    {
      Leave leave{*this, waiter};
      const std::int32_t status = park(runtime_, caller, waiter.parker, until);
      if (status < 0 && status != TAU_E_TIMED_OUT) return -ENOMEM;
    }
    parked = true;
    last_turn_ns_ = runtime_.clock.now();
  }
  return wait_own_on_loop(caller, events, capacity, timeout_ns);
}

// Its own descriptor becomes readable when anything in it is ready; threads may wait for it as well.
std::int32_t Pollset::wait_own_on_loop(Owner& caller, tau_poll_event* events, int capacity, std::int64_t timeout_ns) {
  const std::uint64_t deadline = deadline_of(runtime_, timeout_ns);
  bool parked = false;
  for (;;) {
    const std::uint64_t now = runtime_.clock.now();
    const bool breathe = !parked && now - last_turn_ns_ >= breath_ns;
    {
      const std::lock_guard lock(mutex_);
      if (ended_) return -EBADF;  // its number may be another's by now
      if (own_handle_ == 0) {
        const std::int32_t status = runtime_.reactor.add(&host_owner(), set_, &own_handle_);
        if (status < 0) return status;
      }
      // A foreign loop that asks without sleeping is told of what is new a moment later.
      if (timeout_ns == 0 && !breathe && !parked && now - last_asked_ns_ < breath_ns) return 0;
      if (!breathe) {
        runtime_.reactor.clear(own_handle_, TAU_IN);  // before the question: what comes after it is remembered
        epoll_event found[batch];
        const int count = ::epoll_wait(set_, found, std::min(capacity, batch), 0);
        if (count < 0) return -errno;
        last_asked_ns_ = count == 0 ? now : 0;
        const int copied = copy(found, count, events);
        if (copied == 0 && count != 0) return -EBADF;
        if (copied != 0 || timeout_ns == 0 || now >= deadline) return copied;
      }
    }
    if (breathe) {
      tau_parker nobody{};
      park(runtime_, caller, nobody, 0);
    } else if (const std::int32_t status = sleep_own(caller, deadline); status < 0) {
      return status;
    }
    parked = true;
    last_turn_ns_ = runtime_.clock.now();
  }
}

/// Until something in it may be ready, it has ended, or `deadline`.
std::int32_t Pollset::sleep_own(Owner& caller, std::uint64_t deadline) {
  struct Readable : tau_fd_wait {
    Pollset& set;
    Waiter waiter;

    explicit Readable(Pollset& set) noexcept : tau_fd_wait{}, set(set) {
      interest = TAU_IN;
      owner = &host_owner();
      done = [](tau_fd_wait* self) {
        auto& readable = *static_cast<Readable*>(self);
        unpark(readable.set.runtime_, readable.waiter.parker);
      };
    }
    ~Readable() {
      if (set.runtime_.reactor.cancel_wait(this)) --owner->fd_waits;
      set.leave(waiter);
    }
  };
  Readable readable(*this);
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return -EBADF;
    if (runtime_.reactor.wait_ready(own_handle_, &readable) != TAU_PENDING) return 0;
    ++readable.owner->fd_waits;
    queue(readable.waiter);
  }
  const std::int32_t status = park(runtime_, caller, readable.waiter.parker, deadline);
  return status < 0 && status != TAU_E_TIMED_OUT ? -ENOMEM : 0;
}

void Pollset::queue(Waiter& waiter) noexcept {
  Waiter** link = &waiters_;
  while (*link) link = &(*link)->next;
  *link = &waiter;
}

void Pollset::leave(Waiter& waiter) noexcept {
  const std::lock_guard lock(mutex_);
  for (Waiter** link = &waiters_; *link; link = &(*link)->next) {
    if (*link != &waiter) continue;
    *link = waiter.next;
    return;
  }
}

void Pollset::end() noexcept {
  const std::lock_guard lock(mutex_);
  end_locked();
}

void Pollset::end_locked() noexcept {
  if (std::exchange(ended_, true)) return;
  if (mode_ != Mode::shared) {
    entries_.clear();
  } else {
    for (auto& [fd, entry] : entries_) removed_.push_back(std::move(entry));
    entries_.clear();
  }
  changed_.clear();
  while (waiters_) wake_one();
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
