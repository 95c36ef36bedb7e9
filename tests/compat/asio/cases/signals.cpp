// Signals: sets, several of them, and what is left afterwards.
#include "../case.hpp"

#include NET_HEADER(signal_set.hpp)
#include NET_HEADER(steady_timer.hpp)

#include <signal.h>
#include <unistd.h>

#include <functional>

using namespace std::chrono_literals;

NET_CASE("a signal is told to every set that wants it, once for each time it came") {
  net::io_context io;
  net::signal_set first(io, SIGUSR1), second(io, SIGUSR1, SIGUSR2);
  int ones = 0, twos = 0;
  std::function<void()> wait = [&] {
    second.async_wait([&](net_error_code error, int number) {
      HERE();
      WANT(!error);
      twos += number == SIGUSR1 ? 1 : 100;
      if (twos < 101) wait();
    });
  };
  wait();
  first.async_wait([&](net_error_code error, int number) {
    HERE();
    WANT(!error && number == SIGUSR1);
    ++ones;
    ::kill(::getpid(), SIGUSR2);
  });
  net::steady_timer timer(io, 1ms);
  timer.async_wait([&](net_error_code) { ::kill(::getpid(), SIGUSR1); });
  d.drive(io);
  WANT(ones == 1);
  WANT(twos == 101);
}

NET_CASE("a cancelled set says so, a removed signal is told no more, and nothing stays") {
  struct sigaction before {};
  ::sigaction(SIGUSR1, nullptr, &before);
  {
    net::io_context io;
    net::signal_set set(io, SIGUSR1);
    int aborted = 0;
    set.async_wait([&](net_error_code error, int) { aborted += error == net::error::operation_aborted; });
    net::steady_timer timer(io, 1ms);
    timer.async_wait([&](net_error_code) {
      HERE();
      set.cancel();
      set.remove(SIGUSR1);
      set.add(SIGUSR2);
    });
    d.drive(io);
    WANT(aborted == 1);
  }
  struct sigaction after {};
  ::sigaction(SIGUSR1, nullptr, &after);
  WANT(after.sa_handler == before.sa_handler);
}

NET_CASE("a signal that comes while the context does not run is told when it does") {
  net::io_context io;
  net::signal_set set(io, SIGUSR1);
  int told = 0;
  set.async_wait([&](net_error_code error, int) {
    HERE();
    told += !error;
  });
  ::kill(::getpid(), SIGUSR1);
  d.drive(io);
  WANT(told == 1);
}

NET_CASE("waits for SIGUSR2", on_request) {
  net::io_context io;
  net::signal_set set(io, SIGUSR2);
  int told = 0;
  set.async_wait([&](net_error_code error, int) {
    HERE();
    told += !error;
  });
  d.run().waiting = true;
  d.drive(io);
  WANT(told == 1);
}

NET_CASE("runs a timer for the argument's milliseconds", on_request) {
  net::io_context io;
  net::steady_timer timer(io, std::chrono::milliseconds(d.run().argument));
  timer.async_wait([&](net_error_code error) {
    HERE();
    WANT(!error);
  });
  d.run().due = timer.expiry();
  d.run().waiting = true;
  d.drive(io);
}
