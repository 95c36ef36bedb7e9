// Timers: order, cancelling, re-arming.
#include "../case.hpp"

#include NET_HEADER(steady_timer.hpp)
#include NET_HEADER(system_timer.hpp)
#if TAU_TEST_BOOST
#include NET_HEADER(deadline_timer.hpp)
#endif

#include <functional>
#include <memory>
#include <vector>

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

NET_CASE("timers expire in the order of their times, none too early") {
  net::io_context io;
  std::vector<std::unique_ptr<net::steady_timer>> timers;
  std::vector<int> order;
  const auto begin = Clock::now();
  for (const int ms : {7, 1, 5, 3, 9}) {
    timers.push_back(std::make_unique<net::steady_timer>(io, begin + ms * 1ms));
    timers.back()->async_wait([&, ms](net_error_code error) {
      HERE();
      WANT(!error);
      WANT(Clock::now() - begin >= ms * 1ms);
      order.push_back(ms);
    });
  }
  d.drive(io);
  WANT(order == std::vector<int>{1, 3, 5, 7, 9});
}

NET_CASE("a timer that is cancelled says so at once") {
  net::io_context io;
  net::steady_timer hour(io, 1h), soon(io, 1ms);
  int aborted = 0;
  hour.async_wait([&](net_error_code error) {
    HERE();
    if (error == net::error::operation_aborted) ++aborted;
  });
  hour.async_wait([&](net_error_code error) {
    if (error == net::error::operation_aborted) ++aborted;
  });
  soon.async_wait([&](net_error_code) { WANT(hour.cancel() == 2); });
  d.drive(io);
  WANT(aborted == 2);
}

NET_CASE("a timer that is set anew waits for its new time only") {
  net::io_context io;
  net::steady_timer timer(io, 1h);
  const auto begin = Clock::now();
  int aborted = 0, expired = 0;
  timer.async_wait([&](net_error_code error) { aborted += error == net::error::operation_aborted; });
  net::steady_timer soon(io, 1ms);
  soon.async_wait([&](net_error_code) {
    HERE();
    WANT(timer.expires_after(3ms) == 1);
    timer.async_wait([&](net_error_code error) {
      HERE();
      WANT(!error);
      WANT(Clock::now() - begin >= 4ms);
      ++expired;
    });
  });
  d.drive(io);
  WANT(aborted == 1);
  WANT(expired == 1);
}

NET_CASE("a timer that sets itself anew a hundred times does not drift below its period") {
  net::io_context io;
  net::steady_timer timer(io);
  const auto begin = Clock::now();
  int ticks = 0;
  std::function<void(net_error_code)> tick = [&](net_error_code error) {
    HERE();
    WANT(!error);
    if (++ticks == 100) return;
    timer.expires_at(timer.expiry() + 100us);
    timer.async_wait(tick);
  };
  timer.expires_after(100us);
  timer.async_wait(tick);
  d.drive(io);
  WANT(ticks == 100);
  WANT(Clock::now() - begin >= 10ms);
}

NET_CASE("two hundred timers that set themselves anew all tick") {
  net::io_context io;
  constexpr int count = 200, rounds = 5;
  std::vector<std::unique_ptr<net::steady_timer>> timers;
  int ticks = 0;
  std::function<void(int, int)> arm = [&](int i, int round) {
    timers[static_cast<std::size_t>(i)]->expires_after(std::chrono::microseconds(200 + i * 13));
    timers[static_cast<std::size_t>(i)]->async_wait([&, i, round](net_error_code error) {
      HERE();
      WANT(!error);
      ++ticks;
      if (round != rounds) arm(i, round + 1);
    });
  };
  for (int i = 0; i < count; ++i) {
    timers.push_back(std::make_unique<net::steady_timer>(io));
    arm(i, 1);
  }
  d.drive(io);
  WANT(ticks == count * rounds);
}

NET_CASE("a timer of the past expires, and a destroyed one says that it was cancelled") {
  net::io_context io;
  net::steady_timer past(io, Clock::now() - 1s);
  auto gone = std::make_unique<net::steady_timer>(io, 1h);
  int expired = 0, aborted = 0;
  past.async_wait([&](net_error_code error) { expired += !error; });
  gone->async_wait([&](net_error_code error) { aborted += error == net::error::operation_aborted; });
  gone.reset();
  d.drive(io);
  WANT(expired == 1);
  WANT(aborted == 1);
}

NET_CASE("a timer of the time of day expires") {
  net::io_context io;
  net::system_timer timer(io, 2ms);
  int expired = 0;
  timer.async_wait([&](net_error_code error) {
    HERE();
    expired += !error;
  });
  d.drive(io);
  WANT(expired == 1);
}

NET_CASE("a synchronous wait on a timer suspends nobody else") {
  net::io_context io;
  d.run().tick(d.run().runner);
  net::steady_timer timer(io, 20ms);
  const auto begin = Clock::now();
  timer.wait();
  WANT(Clock::now() - begin >= 20ms);
  // A loop that stood still would tell of no tick at all, which is the longest gap there is.
  WANT(d.run().longest_gap_ns(d.run().runner) < 10'000'000);
}

#if TAU_TEST_BOOST
NET_CASE("a deadline_timer expires, and is cancelled") {
  net::io_context io;
  net::deadline_timer soon(io, boost::posix_time::milliseconds(2)), hour(io, boost::posix_time::hours(1));
  int expired = 0, aborted = 0;
  hour.async_wait([&](net_error_code error) { aborted += error == net::error::operation_aborted; });
  soon.async_wait([&](net_error_code error) {
    HERE();
    expired += !error;
    hour.cancel();
  });
  d.drive(io);
  WANT(expired == 1);
  WANT(aborted == 1);
}
#endif
