// One emulated kqueue: its knotes, and the descriptors of Linux that tell when they are to be evaluated.
//
// `outer_` is the queue's number. In it are the two sets, the eventfd of the user filter and a timerfd for
// each timer, all level-triggered; so sleeping on it is one system call, and nothing that did not fit into
// one answer is lost. Everything runs under `mutex_` but the sleep and trigger(), which signal handlers call.
#pragma once

#include <sys/event.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace tau::test::kqueue_emulation {

using Event = struct kevent;

struct Knote {
  Event event{};  // as added; flags hold what lasts: EV_CLEAR, EV_ONESHOT, EV_DISPATCH
  bool enabled = true;
  bool armed = false;  // in its epoll set, or its timer in outer_
  bool mute = false;   // its descriptor's open mode rules its filter out
  int timer = -1;
};

class Queue {
 public:
  Queue();
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  /// -1 when it could not be made.
  int number() const noexcept { return outer_; }

  /// Applies the changes. Returns how many answers `events` now holds, or -errno for the change that failed
  /// and had no room to say so.
  int change(const Event* changes, int change_count, Event* events, int event_count);

  /// Returns the number of events, or -errno.
  int wait(Event* events, int event_count, const timespec* timeout);

  /// NOTE_TRIGGER alone: 0 or an errno. From any thread and signal handler.
  int trigger(std::uintptr_t ident) noexcept;

  /// `fd` is about to be closed: its knotes go.
  void forget(int fd);

  /// Its descriptors only: what a forked child does.
  void close_all() noexcept;

 private:
  struct UserKnote {
    std::atomic<bool> taken{false};
    std::atomic<std::uintptr_t> ident{0};
    std::atomic<bool> triggered{false};
    bool enabled = true;
    unsigned short flags = 0;
    void* udata = nullptr;
  };
  using Key = std::pair<short, std::uintptr_t>;

  int apply(const Event& change);
  int apply_user(const Event& change);
  int add(const Event& change, Knote& knote, bool fresh);
  int add_descriptor(const Event& change, Knote& knote);
  int set_timer(Knote& knote);
  int arm(Knote& knote);
  void disarm(Knote& knote);
  void remove(Knote& knote);
  UserKnote* find_user(std::uintptr_t ident) noexcept;
  void kick() noexcept;

  int harvest(Event* events, int capacity);
  int harvest_set(short filter, Event* events, int capacity);
  int harvest_user(Event* events, int capacity);
  int harvest_timer(Knote& knote, Event* out);
  void reported(Knote& knote);
  int set_of(short filter) const noexcept { return filter == EVFILT_READ ? readers_ : writers_; }

  std::mutex mutex_;
  int outer_;
  int readers_;
  int writers_;
  int user_event_;
  int turn_ = 0;  // which source begins
  std::map<Key, Knote> knotes_;
  std::array<UserKnote, 4> users_;
};

}  // namespace tau::test::kqueue_emulation
