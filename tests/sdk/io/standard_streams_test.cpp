// The standard streams are replaced by a pipe, a terminal, a file for the time of a case.
#include <tau/io/lines.hpp>
#include <tau/io/standard_streams.hpp>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <string>

#include "support/io_fixture.hpp"

using namespace tau;

namespace {

struct Streams : test::IoFixture {
  /// `fd` in the place of a standard stream.
  class As {
   public:
    As(int stream, int fd) : stream_(stream), before_(fcntl(stream, F_DUPFD_CLOEXEC, 0)) {
      REQUIRE(dup2(fd, stream) == stream);
    }
    ~As() {
      dup2(before_, stream_);
      close(before_);
    }

   private:
    int stream_, before_;
  };
  struct Two {
    Two(int first, int second) : a(first), b(second) {}
    detail::Descriptor a, b;
  };
  static Two pipe() {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    return {ends[0], ends[1]};
  }
  static Two terminal() {
    int master, slave;
    REQUIRE(openpty(&master, &slave, nullptr, nullptr, nullptr) == 0);
    return {slave, master};
  }
  static Two sockets() {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    return {ends[0], ends[1]};
  }
};

Task<std::string> read_line(io::StandardInput* input) {
  io::BufReader reader(io::by_ref(*input));
  std::string line;
  auto count = co_await io::read_line(reader, line);
  REQUIRE_MESSAGE(count, count.error().message());
  co_return line;
}

}  // namespace

TEST_CASE_FIXTURE(Streams, "input comes from a pipe, a terminal and a socket, whose flags stay as they are") {
  for (auto make : {pipe, terminal, sockets}) {
    Two ends = make();
    As stream(STDIN_FILENO, ends.a.fd());
    const int flags = fcntl(STDIN_FILENO, F_GETFL);
    auto input = io::standard_input();
    REQUIRE(input);
    auto waits = spawn(read_line(&*input));
    settle();
    CHECK_FALSE(waits.is_finished());
    CHECK(fcntl(STDIN_FILENO, F_GETFL) == flags);
    waits.abort();
    settle();
    CHECK(plugin.ios == 0);
    auto reads = spawn(read_line(&*input));
    settle();
    REQUIRE(write(ends.b.fd(), "typed\n", 6) == 6);
    run_until([&] { return reads.is_finished(); });
    CHECK(**reads.try_join() == "typed\n");
    CHECK(fcntl(STDIN_FILENO, F_GETFL) == flags);
  }
}

TEST_CASE_FIXTURE(Streams, "a file is read to its end at the position that all share") {
  detail::Descriptor file(memfd_create("tau", MFD_CLOEXEC));
  REQUIRE(write(file.fd(), "0123456789", 10) == 10);
  REQUIRE(lseek(file.fd(), 4, SEEK_SET) == 4);
  As stream(STDIN_FILENO, file.fd());
  auto input = io::standard_input();
  auto reads = [&]() -> Task<std::string> {
    std::string text;
    auto count = co_await io::read_to_string(*input, text);
    CHECK(*count == 6);
    co_return text;
  };
  CHECK(complete(reads()) == "456789");
  CHECK(lseek(file.fd(), 0, SEEK_CUR) == 10);
}

TEST_CASE_FIXTURE(Streams, "output waits while a pipe is full, and its flags stay as they are") {
  Two ends = pipe();
  As stream(STDOUT_FILENO, ends.b.fd());
  const int flags = fcntl(STDOUT_FILENO, F_GETFL);
  auto output = io::standard_output();
  REQUIRE(output);
  const std::string text = test::pattern(1 << 20);
  auto writes = [&]() -> Task<bool> {
    auto written = co_await output->write_all(text);
    co_return written.has_value();
  };
  auto handle = spawn(writes());
  settle();
  CHECK(plugin.ios == 1);
  CHECK(fcntl(STDOUT_FILENO, F_GETFL) == flags);
  std::string got;
  while (got.size() < text.size()) {
    char buffer[65536];
    const ssize_t count = read(ends.a.fd(), buffer, sizeof buffer);
    REQUIRE(count > 0);
    got.append(buffer, static_cast<std::size_t>(count));
    settle();
  }
  run_until([&] { return handle.is_finished(); });
  CHECK(**handle.try_join());
  CHECK(got == text);
}

TEST_CASE_FIXTURE(
    Streams, "output to nobody is an error, to a file it is appended, and without a stream there is none") {
  auto ignored = ::signal(SIGPIPE, SIG_IGN);  // as the host does
  {
    Two ends = pipe();
    As stream(STDERR_FILENO, ends.b.fd());
    auto output = io::standard_error();
    ends.a.close();
    auto writes = [&]() -> Task<> {
      auto written = co_await output->write("x");
      CHECK(written.error() == Error::system(EPIPE));
    };
    complete(writes());
  }
  ::signal(SIGPIPE, ignored);
  detail::Descriptor file(memfd_create("tau", MFD_CLOEXEC));
  {
    As stream(STDOUT_FILENO, file.fd());
    auto output = io::standard_output();
    auto writes = [&]() -> Task<> {
      CHECK((co_await output->write_all("one ")).has_value());
      CHECK((co_await output->write_all("two")).has_value());
    };
    complete(writes());
  }
  CHECK(lseek(file.fd(), 0, SEEK_CUR) == 7);
  const int kept = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
  close(STDIN_FILENO);
  CHECK(io::standard_input().error() == Error::system(EBADF));
  if (kept >= 0) {
    dup2(kept, STDIN_FILENO);
    close(kept);
  }
}

TEST_CASE_FIXTURE(Streams, "a plugin that waits for input is unloaded at once") {
  Two ends = terminal();
  As stream(STDIN_FILENO, ends.a.fd());
  auto waits = []() -> Task<> {
    auto input = io::standard_input();
    char buffer[8];
    auto count = co_await input->read(buffer);
    FAIL("went on: " << count.has_value());
  };
  as_other([&] {
    spawn(waits).detach();
    settle();
  });
  CHECK(other.ios == 1);
  unload_other();
  check_empty(other);
}
