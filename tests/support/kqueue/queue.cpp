// See queue.hpp.
#include "queue.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "filters.hpp"

extern "C" int __real_close(int fd);  // past the emulation: see calls.cpp

namespace tau::test::kqueue_emulation {
namespace {

constexpr std::int64_t ns_per_s = 1'000'000'000;
// What is asked for at each change; everything else is the knote's for good.
constexpr unsigned short actions = EV_ADD | EV_DELETE | EV_ENABLE | EV_DISABLE;

bool is_of_descriptor(short filter) {
  return filter == EVFILT_READ || filter == EVFILT_WRITE;
}

std::int64_t now_ns() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * ns_per_s + now.tv_nsec;
}

void close_if_open(int fd) {
  if (fd >= 0) __real_close(fd);
}

}  // namespace

Queue::Queue()
    : outer_(::epoll_create1(EPOLL_CLOEXEC)),
      readers_(::epoll_create1(EPOLL_CLOEXEC)),
      writers_(::epoll_create1(EPOLL_CLOEXEC)),
      user_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  for (int* inner : {&readers_, &writers_, &user_event_}) {
    epoll_event event{EPOLLIN, {.ptr = inner}};
    if (::epoll_ctl(outer_, EPOLL_CTL_ADD, *inner, &event) == 0) continue;
    close_if_open(outer_);
    outer_ = -1;
  }
}

Queue::~Queue() {
  close_all();
}

void Queue::close_all() noexcept {
  for (auto& [key, knote] : knotes_) close_if_open(knote.timer);
  for (const int fd : {outer_, readers_, writers_, user_event_}) close_if_open(fd);
}

// ---- changes ---------------------------------------------------------------------------------------

int Queue::change(const Event* changes, int change_count, Event* events, int event_count) {
  const std::lock_guard lock(mutex_);
  int answers = 0;
  for (int i = 0; i < change_count; ++i) {
    const Event change = changes[i];  // the two lists may be one
    const int error = apply(change);
    if (error == 0 && !(change.flags & EV_RECEIPT)) continue;
    if (answers == event_count) return -error;
    events[answers] = change;
    events[answers].flags = EV_ERROR;
    events[answers].data = error;
    ++answers;
  }
  return answers;
}

int Queue::apply(const Event& change) {
  if (change.filter == EVFILT_USER) return apply_user(change);
  if (!is_of_descriptor(change.filter) && change.filter != EVFILT_TIMER) return EINVAL;
  if (is_of_descriptor(change.filter) && ::fcntl(static_cast<int>(change.ident), F_GETFD) < 0) return EBADF;

  const Key key(change.filter, change.ident);
  auto found = knotes_.find(key);
  const bool fresh = found == knotes_.end();
  if (fresh) {
    if (!(change.flags & EV_ADD)) return ENOENT;
    found = knotes_.emplace(key, Knote{}).first;
    found->second.event = change;
    found->second.event.flags = static_cast<unsigned short>(change.flags & ~actions);
  }
  Knote& knote = found->second;
  if (change.flags & EV_DELETE) {
    remove(knote);
    return 0;
  }
  const int error = add(change, knote, fresh);
  if (error != 0 && fresh) remove(knote);
  return error;
}

int Queue::add(const Event& change, Knote& knote, bool fresh) {
  if (fresh && is_of_descriptor(change.filter)) {
    if (const int error = add_descriptor(change, knote); error != 0) return error;
  }
  knote.event.udata = change.udata;
  if (change.filter == EVFILT_TIMER && (change.flags & EV_ADD)) {
    knote.event.fflags = change.fflags;
    knote.event.data = change.data;
    if (const int error = set_timer(knote); error != 0) return error;
  }
  if (change.flags & (EV_ADD | EV_ENABLE)) knote.enabled = true;
  if (change.flags & EV_DISABLE) knote.enabled = false;
  if (knote.enabled) return arm(knote);
  disarm(knote);
  return 0;
}

int Queue::add_descriptor(const Event& change, Knote& knote) {
  const int fd = static_cast<int>(change.ident);
  knote.mute = is_ruled_out(fd, change.filter);
  return change.filter == EVFILT_WRITE && !knote.mute && has_no_reader(fd) ? EPIPE : 0;
}

int Queue::set_timer(Knote& knote) {
  if (knote.timer < 0) knote.timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (knote.timer < 0) return errno;
  std::int64_t unit = 1'000'000;
  if (knote.event.fflags & NOTE_SECONDS) unit = ns_per_s;
  if (knote.event.fflags & NOTE_USECONDS) unit = 1'000;
  if (knote.event.fflags & NOTE_NSECONDS) unit = 1;
  const std::int64_t ns = std::max<std::int64_t>(knote.event.data * unit, 1);
  const timespec period{ns / ns_per_s, ns % ns_per_s};
  const itimerspec setting{(knote.event.flags & EV_ONESHOT) ? timespec{} : period, period};
  return ::timerfd_settime(knote.timer, 0, &setting, nullptr) < 0 ? errno : 0;
}

/// Puts the knote where it is seen; one that is there already is evaluated anew.
int Queue::arm(Knote& knote) {
  if (knote.mute || (knote.armed && knote.timer >= 0)) return 0;
  epoll_event event{EPOLLIN, {.ptr = &knote}};
  int set = outer_, fd = knote.timer;
  if (knote.timer < 0) {
    set = set_of(knote.event.filter);
    fd = static_cast<int>(knote.event.ident);
    event.events = interest(knote.event.filter);
    if (knote.event.flags & EV_CLEAR) event.events |= EPOLLET;
    event.data.u64 = knote.event.ident;
  }
  if (::epoll_ctl(set, knote.armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0) {
    return errno == EPERM ? EINVAL : errno;
  }
  knote.armed = true;
  return 0;
}

void Queue::disarm(Knote& knote) {
  if (!std::exchange(knote.armed, false)) return;
  const int set = knote.timer < 0 ? set_of(knote.event.filter) : outer_;
  const int fd = knote.timer < 0 ? static_cast<int>(knote.event.ident) : knote.timer;
  ::epoll_ctl(set, EPOLL_CTL_DEL, fd, nullptr);
}

void Queue::remove(Knote& knote) {
  disarm(knote);
  close_if_open(knote.timer);
  knotes_.erase(Key(knote.event.filter, knote.event.ident));
}

void Queue::forget(int fd) {
  const std::lock_guard lock(mutex_);
  for (const short filter : {short{EVFILT_READ}, short{EVFILT_WRITE}}) {
    const auto found = knotes_.find(Key(filter, static_cast<std::uintptr_t>(fd)));
    if (found != knotes_.end()) remove(found->second);
  }
}

// ---- events ----------------------------------------------------------------------------------------

int Queue::wait(Event* events, int event_count, const timespec* timeout) {
  timespec left = timeout ? *timeout : timespec{};
  left.tv_nsec -= left.tv_nsec % 1'000;  // as macOS does
  const std::int64_t until = timeout ? now_ns() + left.tv_sec * ns_per_s + left.tv_nsec : 0;
  for (;;) {
    pollfd p{outer_, POLLIN, 0};
    const int ready = ::ppoll(&p, 1, timeout ? &left : nullptr, nullptr);
    if (ready <= 0) return ready < 0 ? -errno : 0;
    {
      const std::lock_guard lock(mutex_);
      if (const int count = harvest(events, event_count); count != 0) return count;
    }
    // What woke us is no event to kqueue.
    const std::int64_t rest = timeout ? until - now_ns() : 0;
    if (timeout && rest <= 0) return 0;
    left = {rest / ns_per_s, rest % ns_per_s};
  }
}

int Queue::harvest(Event* events, int capacity) {
  epoll_event sources[64];
  const int count = ::epoll_wait(outer_, sources, 64, 0);
  int used = 0;
  for (int i = 0; i < count && used < capacity; ++i) {
    // Another one begins each time, so that none of them fills the list every time.
    void* const source = sources[(i + turn_) % count].data.ptr;
    if (source == &readers_) {
      used += harvest_set(EVFILT_READ, events + used, capacity - used);
    } else if (source == &writers_) {
      used += harvest_set(EVFILT_WRITE, events + used, capacity - used);
    } else if (source == &user_event_) {
      used += harvest_user(events + used, capacity - used);
    } else {
      used += harvest_timer(*static_cast<Knote*>(source), events + used);
    }
  }
  turn_ = (turn_ + 1) % 64;
  return used;
}

int Queue::harvest_set(short filter, Event* events, int capacity) {
  epoll_event got[64];
  const int count = ::epoll_wait(set_of(filter), got, std::min(capacity, 64), 0);
  int used = 0;
  for (int i = 0; i < count; ++i) {
    Knote& knote = knotes_.at(Key(filter, static_cast<std::uintptr_t>(got[i].data.u64)));
    events[used] = knote.event;
    if (!evaluate(got[i].events, events[used])) continue;
    ++used;
    reported(knote);
  }
  return used;
}

int Queue::harvest_timer(Knote& knote, Event* out) {
  std::uint64_t expirations = 0;
  if (::read(knote.timer, &expirations, sizeof expirations) != sizeof expirations) return 0;
  *out = knote.event;
  out->flags |= EV_CLEAR;
  out->fflags = 0;
  out->data = static_cast<std::int64_t>(expirations);
  reported(knote);
  return 1;
}

void Queue::reported(Knote& knote) {
  if (knote.event.flags & EV_ONESHOT) {
    remove(knote);
  } else if (knote.event.flags & EV_DISPATCH) {
    knote.enabled = false;
    disarm(knote);
  }
}

}  // namespace tau::test::kqueue_emulation
