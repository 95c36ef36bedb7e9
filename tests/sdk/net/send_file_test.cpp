#include <tau/net/tcp_listener.hpp>
#include <tau/net/unix_stream.hpp>

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "support/io_fixture.hpp"

using namespace tau;
using net::UnixStream;
using test::pattern;

namespace {

struct SendFile : test::IoFixture {
  SendFile() : file(memfd_create("tau", MFD_CLOEXEC)), text(pattern(1 << 20)) {
    REQUIRE(write(file.fd(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  ~SendFile() { file.close(); }
  io::OwnedFd file;
  std::string text;
};

}  // namespace

TEST_CASE_FIXTURE(SendFile,
                  "a file is sent through a small socket buffer, from the middle on, until it ends") {
  auto ends = UnixStream::pair();
  auto& [a, b] = *ends;
  REQUIRE(a.set_send_buffer_size(4096));
  std::uint64_t sent = 0;
  auto sends = [&, &a = a]() -> Task<> {
    auto count = co_await a.send_file(file.fd(), 1000, 2 << 20);
    sent = count.value_or(0);
    a.shutdown_write();
  };
  auto handle = spawn(sends);
  auto reads = [&, &b = b]() -> Task<std::string> {
    std::string got(text.size() - 1000, '\0');
    auto whole = co_await b.read_exact(got);
    CHECK(whole);
    char more[1];
    auto end = co_await b.read(more);
    CHECK(*end == 0);
    co_return got;
  };
  CHECK(complete(reads()) == text.substr(1000));
  run_until([&] { return handle.is_finished(); });
  CHECK(sent == text.size() - 1000);
}

TEST_CASE_FIXTURE(SendFile, "a peer that is gone and a descriptor that is no file are errors, not signals") {
  ::signal(SIGPIPE, SIG_DFL);
  auto ends = UnixStream::pair();
  auto& [a, b] = *ends;
  auto wrong = [&, &a = a, &b = b]() -> Task<> {
    auto no_file = co_await a.send_file(-1, 0, 1);
    CHECK(no_file.error() == Error::system(EBADF));
    auto socket = co_await a.send_file(b.fd(), 0, 1);
    CHECK_FALSE(socket);
    b.close();
    auto gone = co_await a.send_file(file.fd(), 0, 1000);
    CHECK(gone.error() == Error::system(EPIPE));
    auto none = co_await a.send_file(file.fd(), 0, 0);
    CHECK(*none == 0);
  };
  complete(wrong());
}

TEST_CASE_FIXTURE(SendFile, "a sending that is cancelled leaves nothing") {
  auto ends = UnixStream::pair();
  auto& [a, b] = *ends;
  for (int i = 0; i < 20; ++i) {
    auto sends = [&, &a = a]() -> Task<> {
      auto count = co_await a.send_file(file.fd(), 0, text.size());
      FAIL("went on: " << count.has_value());
    };
    auto handle = spawn(sends);
    if (i % 2) {
      run_until([&] { return plugin.ios == 1; });
    } else {
      settle();
    }
    handle.abort();
    settle();
    CHECK(plugin.ios == 0);
  }
  run_until([&] { return plugin.jobs.load() == 0; });
}
