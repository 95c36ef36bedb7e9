// kqueue for Linux: what host/reactor/kqueue.cpp asks for, so that it is compiled and tested here as well.
// Names and values are FreeBSD's, EV_OOBAND and EVFILT_READ's use of it macOS's. See ../README.md for what
// is imitated and what cannot be.
#pragma once

#include <stdint.h>
#include <time.h>

struct kevent {
  uintptr_t ident;
  short filter;
  unsigned short flags;
  unsigned int fflags;
  int64_t data;
  void* udata;
};

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)
#define EVFILT_TIMER (-7)
#define EVFILT_USER (-11)

#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_ENABLE 0x0004
#define EV_DISABLE 0x0008
#define EV_ONESHOT 0x0010
#define EV_CLEAR 0x0020
#define EV_RECEIPT 0x0040
#define EV_DISPATCH 0x0080
#define EV_OOBAND 0x2000
#define EV_ERROR 0x4000
#define EV_EOF 0x8000

/* EVFILT_USER */
#define NOTE_TRIGGER 0x01000000

/* EVFILT_TIMER: the unit of `data`; milliseconds without any */
#define NOTE_SECONDS 0x1
#define NOTE_MSECONDS 0x2
#define NOTE_USECONDS 0x4
#define NOTE_NSECONDS 0x8

#define EV_SET(event, i, f, fl, ff, d, u)     \
  do {                                        \
    struct kevent* const ev_set_ = (event);   \
    ev_set_->ident = (i);                     \
    ev_set_->filter = (f);                    \
    ev_set_->flags = (fl);                    \
    ev_set_->fflags = (ff);                   \
    ev_set_->data = (d);                      \
    ev_set_->udata = (u);                     \
  } while (0)

extern "C" {
int kqueue() noexcept;
int kevent(int queue, const struct kevent* changes, int change_count, struct kevent* events, int event_count,
           const struct timespec* timeout) noexcept;
}
