// Descriptors that are no sockets: pipes, a serial port over a pseudo-terminal, waiting for readiness.
#include "../case.hpp"

#include NET_HEADER(buffer.hpp)
#include NET_HEADER(connect_pipe.hpp)
#include NET_HEADER(posix/stream_descriptor.hpp)
#include NET_HEADER(read.hpp)
#include NET_HEADER(read_until.hpp)
#include NET_HEADER(readable_pipe.hpp)
#include NET_HEADER(serial_port.hpp)
#include NET_HEADER(steady_timer.hpp)
#include NET_HEADER(writable_pipe.hpp)
#include NET_HEADER(write.hpp)

#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>

using namespace std::chrono_literals;

NET_CASE("what is written into a pipe is read from its descriptor, up to its end") {
  net::io_context io;
  int fds[2];
  if (!WANT(::pipe(fds) == 0)) return;
  net::posix::stream_descriptor in(io, fds[0]), out(io, fds[1]);
  const std::string sent(300'000, 'p');  // more than a pipe holds
  std::string got;
  net::async_write(out, net::buffer(sent), [&](net_error_code error, std::size_t) {
    HERE();
    WANT(!error);
    out.close();
  });
  net::async_read(in, net::dynamic_buffer(got), [&](net_error_code error, std::size_t) {
    HERE();
    WANT(error == net::error::eof);
  });
  d.drive(io);
  WANT(got == sent);
}

NET_CASE("a readable and a writable pipe are connected") {
  net::io_context io;
  net::readable_pipe in(io);
  net::writable_pipe out(io);
  net::connect_pipe(in, out);
  std::string line;
  net::async_read_until(in, net::dynamic_buffer(line), '\n', [&](net_error_code error, std::size_t) {
    HERE();
    WANT(!error);
  });
  net::async_write(out, net::buffer("through a pipe\n", 15), [&](net_error_code error, std::size_t) { WANT(!error); });
  d.drive(io);
  WANT(line == "through a pipe\n");
}

NET_CASE("a descriptor tells that it is readable as often as it is asked") {
  net::io_context io;
  net::posix::stream_descriptor event(io, ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  net::steady_timer timer(io);
  int told = 0;
  auto raise = [&] {
    const std::uint64_t one = 1;
    WANT(::write(event.native_handle(), &one, sizeof one) == sizeof one);
  };
  std::function<void()> ask = [&] {
    event.async_wait(net::posix::stream_descriptor::wait_read, [&](net_error_code error) {
      HERE();
      WANT(!error);
      std::uint64_t count = 0;
      WANT(::read(event.native_handle(), &count, sizeof count) == sizeof count);
      if (++told == 20) return;
      ask();
      if (told % 2 == 0) return raise();  // now, or a little later
      timer.expires_after(200us);
      timer.async_wait([&](net_error_code) { raise(); });
    });
  };
  ask();
  raise();
  d.drive(io);
  WANT(told == 20);
}

NET_CASE("release() gives a descriptor back without closing it") {
  net::io_context io;
  int fds[2];
  if (!WANT(::pipe(fds) == 0)) return;
  bool aborted = false;
  {
    net::posix::stream_descriptor in(io, fds[0]);
    char byte = 0;
    in.async_read_some(net::buffer(&byte, 1), [&](net_error_code error, std::size_t) {
      aborted = error == net::error::operation_aborted;
    });
    WANT(in.release() == fds[0]);
    d.drive(io);
  }
  WANT(aborted);
  WANT(::fcntl(fds[0], F_GETFD) >= 0);
  // The same descriptor once more, watched anew.
  net::posix::stream_descriptor in(io, fds[0]);
  char byte = 0;
  in.async_read_some(net::buffer(&byte, 1), [&](net_error_code error, std::size_t) {
    HERE();
    WANT(!error);
  });
  WANT(::write(fds[1], "r", 1) == 1);
  io.restart();
  d.drive(io);
  WANT(byte == 'r');
  ::close(fds[1]);
}

NET_CASE("a number that is closed and given anew is another descriptor") {
  net::io_context io;
  net::steady_timer timer(io);
  int rounds = 0;
  std::function<void()> play = [&] {
    int fds[2];
    if (!WANT(::pipe(fds) == 0)) return;
    auto in = std::make_shared<net::posix::stream_descriptor>(io, fds[0]);
    auto byte = std::make_shared<char>();
    in->async_read_some(net::buffer(byte.get(), 1), [&, in, byte, out = fds[1]](net_error_code error, std::size_t n) {
      HERE();
      WANT(!error && n == 1);
      ::close(out);
      in->close();
      if (++rounds < 30) play();
    });
    timer.expires_after(50us);
    timer.async_wait([&, out = fds[1]](net_error_code) { WANT(::write(out, "x", 1) == 1); });
  };
  play();
  d.drive(io);
  WANT(rounds == 30);
}

NET_CASE("a serial port over a pseudo-terminal is set up, written and read") {
  net::io_context io;
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (!WANT(master >= 0 && ::grantpt(master) == 0 && ::unlockpt(master) == 0)) return;
  net::posix::stream_descriptor device(io, master);
  net::serial_port port(io, ::ptsname(master));
  port.set_option(net::serial_port::baud_rate(115200));
  port.set_option(net::serial_port::character_size(8));
  net::serial_port::baud_rate rate;
  port.get_option(rate);
  WANT(rate.value() == 115200);
  std::string question(3, '\0'), answer(5, '\0');
  net::async_read(device, net::buffer(question), [&](net_error_code error, std::size_t) {
    HERE();
    WANT(!error);
    net::async_write(device, net::buffer("reply", 5), [&](net_error_code error, std::size_t) { WANT(!error); });
  });
  net::async_write(port, net::buffer("ask", 3), [&](net_error_code error, std::size_t) { WANT(!error); });
  net::async_read(port, net::buffer(answer), [&](net_error_code error, std::size_t) {
    HERE();
    WANT(!error);
  });
  d.drive(io);
  WANT(question == "ask");
  WANT(answer == "reply");
}
