// Ring: the io_uring itself, as liburing hands it over; no knowledge of what is asked of it.
//
// What we ask of the kernel, and what it then promises:
//
//   DEFER_TASKRUN    with SINGLE_ISSUER (6.1): completions are worked out inside our own io_uring_enter and
//                    nowhere else. Between two of them the completion queue does not change, nothing reads
//                    or writes a caller's buffer but what io-wq threads have begun, and no interrupt is sent
//                    to the loop's thread. The ring belongs to the thread that made it.
//   COOP_TASKRUN     (5.19), the second choice: completions are worked out at any system call we make.
//   TASKRUN_FLAG     the kernel marks in shared memory that there is something to be worked out, so that a
//                    look without sleeping costs no system call when there is not.
//   FEAT_NODROP      a full completion queue loses nothing: the kernel keeps what does not fit and says so
//                    (SQ_CQ_OVERFLOW); multishot requests end then, and are begun anew.
//   FEAT_EXT_ARG     io_uring_enter sleeps with a timeout of nanoseconds, without a request for it.
//   SUBMIT_ALL       a request that is refused gets a completion that says so; those behind it go on.
//
// What is submitted is in shared memory until the next enter(): one system call sends off everything and
// waits. A full submission queue is sent off on the spot.
//
// The descriptor is close-on-exec by itself; the mappings are not inherited by a forked child, which has
// neither ring nor loop. See io_uring_setup(2), io_uring_enter(2), io_uring(7).
#pragma once

#include <liburing.h>

#include <cstdint>
#include <string>

namespace tau::host {

class Ring {
 public:
  Ring() = default;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  /// False, and `*why` says what is missing.
  bool open(std::string* why) noexcept;

  /// The next submission, zeroed; null when the kernel takes none before completions have been fetched.
  io_uring_sqe* next() noexcept;

  /// Sends off what is submitted and has everything worked out that can be; does not sleep.
  void flush() noexcept;
  /// Whether flush() would do anything: asks no one.
  bool wants_flush() const noexcept;
  /// flush(), and sleeps until there is a completion (0), a signal (-EINTR) or the time is over (-ETIME);
  /// a negative time: no limit.
  int wait(std::int64_t timeout_ns) noexcept;

  /// More work than flush() does at once has come together.
  bool has_work_left() const noexcept { return (flags() & IORING_SQ_TASKRUN) != 0; }
  /// The kernel keeps completions that found no room: flush() brings them.
  bool overflowed() const noexcept { return (flags() & IORING_SQ_CQ_OVERFLOW) != 0; }

  /// Takes every completion that is there. `take` may submit, but not fetch.
  template <class Take>
  void drain(Take&& take) noexcept {
    // Not by io_uring_peek_batch_cqe(), which enters the kernel when there is more to be worked out.
    unsigned head, count = 0;
    io_uring_cqe* cqe;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      take(*cqe);
      ++count;
    }
    io_uring_cq_advance(&ring_, count);
  }

  /// How often something was sent off: a submission made since the number last changed is still ours.
  std::uint64_t sent() const noexcept { return sent_; }
  io_uring* raw() noexcept { return &ring_; }

 private:
  unsigned flags() const noexcept { return __atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED); }
  bool try_open(unsigned flags) noexcept;
  bool supports_all(std::string* why) noexcept;
  int enter(unsigned wanted, unsigned flags, const __kernel_timespec* timeout) noexcept;

  io_uring ring_{};
  bool open_ = false;
  int error_ = 0;
  std::uint64_t sent_ = 0;
};

}  // namespace tau::host
