// A virtual clock for a plugin's tests: hours pass at once, and always the same way.
//
//   co_await tau::time::advance(1h);      // after tau::time::pause()
//   co_await tau::sleep(30min);           // returns at once as well: see below
//
// While it is paused the clock moves by advance(), and by itself to the next deadline whenever nothing is
// left to do but wait for it. That is everybody's clock: so pausing is refused while another plugin is at
// work. What the blocking pool does takes real time, and the clock stands still for it.
//
// Not a part of tau.hpp: `time` is also a function of the C library.
#pragma once

#include <tau/rt/timer.h>

#include "result.hpp"
#include "sleep.hpp"
#include "spawn.hpp"
#include "task.hpp"

namespace tau::time {

/// Stops the clock for everybody.
///
/// Errors:    Errc::busy: it is stopped already, or another plugin has tasks or timers.
///            Errc::wrong_thread.
/// Threading: [loop]
/// Unload:    [drained]: unloading this plugin resumes it.
/// See:       tokio::time::pause
inline Result<void> pause() noexcept { return Result<void>::from_status(tau_clock_pause(detail::module_owner())); }

/// Lets it go on, from the time it has. Errors: Errc::invalid: it is not this plugin that paused it.
/// See: tokio::time::resume
inline Result<void> resume() noexcept { return Result<void>::from_status(tau_clock_resume(detail::module_owner())); }

/// Moves the paused clock on, in one step: `co_await tau::time::advance(5s);` returns when those whose deadlines
/// have come by then have had their turn.
///
/// Errors:    Errc::invalid: this plugin has not paused the clock.
/// Threading: [loop]
/// See:       tokio::time::advance
inline Task<Result<void>> advance(Duration by) {
  const auto by_ns = by < Duration::zero() ? 0 : static_cast<std::uint64_t>(by.count());
  const std::int32_t status = tau_clock_advance(detail::module_owner(), by_ns);
  if (status < 0) co_return Error::from_status(status);
  co_await sleep_until(TimePoint::min());  // fires before what has become due, in the same turn
  co_await yield_now();                    // to the back of those whom that has woken
  co_return Result<void>();
}

}  // namespace tau::time
