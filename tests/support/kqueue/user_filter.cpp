// EVFILT_USER of an emulated queue. A trigger sets its knote's flag and, if it was not set, kicks the
// eventfd; who harvests empties the eventfd before it looks at the flags. So a trigger that comes in between
// is either seen or kicks again, and neither side needs the other's lock.
#include <unistd.h>

#include <cerrno>

#include "queue.hpp"

namespace tau::test::kqueue_emulation {

Queue::UserKnote* Queue::find_user(std::uintptr_t ident) noexcept {
  for (UserKnote& user : users_) {
    if (user.taken.load(std::memory_order_acquire) && user.ident.load(std::memory_order_relaxed) == ident) {
      return &user;
    }
  }
  return nullptr;
}

int Queue::apply_user(const Event& change) {
  UserKnote* user = find_user(change.ident);
  if (!user) {
    if (!(change.flags & EV_ADD)) return ENOENT;
    for (UserKnote& free : users_) {
      if (!free.taken.load(std::memory_order_relaxed)) user = &free;
    }
    if (!user) return ENOMEM;
    user->flags = static_cast<unsigned short>(change.flags & ~(EV_ADD | EV_DELETE | EV_ENABLE | EV_DISABLE));
    user->ident.store(change.ident, std::memory_order_relaxed);
    user->triggered.store(false, std::memory_order_relaxed);
    user->taken.store(true, std::memory_order_release);
  }
  if (change.flags & EV_DELETE) {
    user->taken.store(false, std::memory_order_release);
    return 0;
  }
  user->udata = change.udata;
  if (change.flags & (EV_ADD | EV_ENABLE)) user->enabled = true;
  if (change.flags & EV_DISABLE) user->enabled = false;
  if (change.fflags & NOTE_TRIGGER) user->triggered.store(true, std::memory_order_release);
  if (user->enabled && user->triggered.load(std::memory_order_acquire)) kick();
  return 0;
}

int Queue::trigger(std::uintptr_t ident) noexcept {
  UserKnote* const user = find_user(ident);
  if (!user) return ENOENT;
  if (!user->triggered.exchange(true, std::memory_order_acq_rel)) kick();
  return 0;
}

int Queue::harvest_user(Event* events, int capacity) {
  std::uint64_t kicks;
  while (::read(user_event_, &kicks, sizeof kicks) < 0 && errno == EINTR) {
  }
  int used = 0;
  for (UserKnote& user : users_) {
    if (!user.taken.load(std::memory_order_acquire) || !user.enabled) continue;
    if (!user.triggered.load(std::memory_order_acquire)) continue;
    if (used == capacity) {
      kick();
      break;
    }
    if (user.flags & EV_CLEAR) {
      user.triggered.store(false, std::memory_order_release);
    } else if (!(user.flags & (EV_ONESHOT | EV_DISPATCH))) {
      kick();  // triggered until somebody deletes it
    }
    events[used++] = {user.ident.load(std::memory_order_relaxed), EVFILT_USER, user.flags, 0, 0, user.udata};
    if (user.flags & EV_DISPATCH) user.enabled = false;
    if (user.flags & EV_ONESHOT) user.taken.store(false, std::memory_order_release);
  }
  return used;
}

void Queue::kick() noexcept {
  const std::uint64_t one = 1;
  while (::write(user_event_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

}  // namespace tau::test::kqueue_emulation
