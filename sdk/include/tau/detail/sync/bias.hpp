// Whether a LoopLock may begin biased to the loop's thread.
//
// The thread sanitizer knows locks, not barriers that one thread makes another pass: there every lock
// begins shared. So does one where the runtime has no such barrier.
#pragma once

#if defined(__SANITIZE_THREAD__)
#define TAU_LOOP_LOCK_BIAS 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TAU_LOOP_LOCK_BIAS 0
#endif
#endif
#ifndef TAU_LOOP_LOCK_BIAS
#define TAU_LOOP_LOCK_BIAS 1
#endif

namespace tau::detail::sync {
inline constexpr bool loop_lock_bias = TAU_LOOP_LOCK_BIAS;
}
