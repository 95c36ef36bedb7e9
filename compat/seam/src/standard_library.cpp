// What libstdc++ waits by. Half of std::condition_variable is inline and calls pthread_cond_*, which are ours, the
// other half is in a library of its own and would call libc's; both must mean the same, so that half is here once more.
// std::future waits at a futex, which would stop the loop's thread.
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <tau/rt/fiber.h>
#include <tau/rt/task.h>
#include <unistd.h>

#include <climits>
#include <condition_variable>
#include <atomic>
#include <chrono>
#include <mutex>

#include "seam.hpp"

#if defined(__GLIBCXX__)

static_assert(sizeof(std::condition_variable) == sizeof(pthread_cond_t));

TAU_SEAM void tau_seam_cv_notify_one(pthread_cond_t* cond) noexcept __asm__("_ZNSt18condition_variable10notify_oneEv");
TAU_SEAM void tau_seam_cv_notify_one(pthread_cond_t* cond) noexcept { pthread_cond_signal(cond); }

TAU_SEAM void tau_seam_cv_notify_all(pthread_cond_t* cond) noexcept __asm__("_ZNSt18condition_variable10notify_allEv");
TAU_SEAM void tau_seam_cv_notify_all(pthread_cond_t* cond) noexcept { pthread_cond_broadcast(cond); }

TAU_SEAM void tau_seam_cv_wait(pthread_cond_t* cond, std::unique_lock<std::mutex>& lock)
    __asm__("_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE");
TAU_SEAM void tau_seam_cv_wait(pthread_cond_t* cond, std::unique_lock<std::mutex>& lock) {
  pthread_cond_wait(cond, lock.mutex()->native_handle());
}

namespace {

// Between the look at a futex's word and the wait for its change.
pthread_mutex_t futex_mutex = PTHREAD_MUTEX_INITIALIZER;

/// Returns false when the time was over. `until` is on `clock`; null: no limit.
bool wait_at_futex(unsigned* word, unsigned seen, clockid_t clock, const timespec* until) {
  const std::atomic_ref now(*word);
  if (!tau_on_loop_thread()) {
    const int which = FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | (clock == CLOCK_REALTIME ? FUTEX_CLOCK_REALTIME : 0);
    while (now.load() == seen) {
      if (::syscall(SYS_futex, word, which, seen, until, nullptr, FUTEX_BITSET_MATCH_ANY) < 0 && errno == ETIMEDOUT) {
        return false;
      }
    }
    return true;
  }
  const std::uint64_t deadline = until ? tau::seam::deadline_at(clock, *until) : UINT64_MAX;
  struct Lock {
    Lock() { pthread_mutex_lock(&futex_mutex); }
    ~Lock() { pthread_mutex_unlock(&futex_mutex); }  // held again also when the wait is unwound
  } lock;
  while (now.load() == seen) {
    if (tau_cond_wait(tau::seam::owner, word, &futex_mutex, deadline) == TAU_E_TIMED_OUT) return now.load() != seen;
  }
  return true;
}

bool wait_for_word(unsigned* word, unsigned seen, bool limited, clockid_t clock, std::chrono::seconds s,
                   std::chrono::nanoseconds ns) {
  const timespec until{static_cast<time_t>(s.count()), static_cast<long>(ns.count())};
  return wait_at_futex(word, seen, clock, limited ? &until : nullptr);
}

}  // namespace

TAU_SEAM bool tau_seam_futex_wait(void*, unsigned* word, unsigned seen, bool limited, std::chrono::seconds s,
                                  std::chrono::nanoseconds ns)
    __asm__("_ZNSt28__atomic_futex_unsigned_base19_M_futex_wait_untilEPjjbNSt6chrono8durationIlSt5ratioILl1ELl1EEEENS2_"
            "IlS3_ILl1ELl1000000000EEEE");
TAU_SEAM bool tau_seam_futex_wait(void*, unsigned* word, unsigned seen, bool limited, std::chrono::seconds s,
                                  std::chrono::nanoseconds ns) {
  return wait_for_word(word, seen, limited, CLOCK_REALTIME, s, ns);
}

TAU_SEAM bool tau_seam_futex_wait_steady(void*, unsigned* word, unsigned seen, bool limited, std::chrono::seconds s,
                                         std::chrono::nanoseconds ns)
    __asm__("_ZNSt28__atomic_futex_unsigned_base26_M_futex_wait_until_steadyEPjjbNSt6chrono8durationIlSt5ratioILl1ELl1EE"
            "EENS2_IlS3_ILl1ELl1000000000EEEE");
TAU_SEAM bool tau_seam_futex_wait_steady(void*, unsigned* word, unsigned seen, bool limited, std::chrono::seconds s,
                                         std::chrono::nanoseconds ns) {
  return wait_for_word(word, seen, limited, CLOCK_MONOTONIC, s, ns);
}

TAU_SEAM void tau_seam_futex_wake(unsigned* word)
    __asm__("_ZNSt28__atomic_futex_unsigned_base19_M_futex_notify_allEPj");
TAU_SEAM void tau_seam_futex_wake(unsigned* word) {
  ::syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX);
  pthread_mutex_lock(&futex_mutex);  // whoever looked before this has begun to wait by now
  pthread_mutex_unlock(&futex_mutex);
  tau_cond_broadcast(word);
}

#endif
