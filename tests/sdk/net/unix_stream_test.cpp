#include <tau/net/unix_stream.hpp>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "raw_message.hpp"
#include "support/io_fixture.hpp"

using namespace tau;
using net::UnixAddress;
using net::UnixListener;
using net::UnixStream;

namespace {

struct Unix : test::IoFixture {
  Unix() {
    std::string pattern = "/tmp/tau-unix-XXXXXX";
    REQUIRE(mkdtemp(pattern.data()));
    folder = pattern;
  }
  ~Unix() {
    unlink((folder + "/socket").c_str());
    CHECK(rmdir(folder.c_str()) == 0);
  }
  UnixAddress address() const { return *UnixAddress::path(folder + "/socket"); }
  std::string folder;
};

Task<std::string> read_some(UnixStream& stream) {
  std::string text(64, '\0');
  auto count = co_await stream.read(text);
  REQUIRE(count);
  text.resize(*count);
  co_return text;
}

}  // namespace

TEST_CASE("Unix addresses are paths, abstract names, or nothing") {
  CHECK(UnixAddress().is_unnamed());
  CHECK(UnixAddress::path("/a/b")->is_path());
  CHECK(UnixAddress::abstract("name")->to_string() == "@name");
  CHECK(*UnixAddress::path("a") != *UnixAddress::abstract("a"));
  CHECK(UnixAddress::path("").error() == Errc::invalid);
  CHECK(UnixAddress::path(std::string(108, 'x')).error() == Errc::invalid);
  CHECK(UnixAddress::path(std::string("a\0b", 3)).error() == Errc::invalid);
  for (const UnixAddress& address :
       {UnixAddress(), *UnixAddress::path(std::string(107, 'x')), *UnixAddress::path("p"),
        *UnixAddress::abstract(std::string("a\0b", 3)), *UnixAddress::abstract(std::string(107, 'y'))}) {
    sockaddr_storage storage;
    const auto size = address.to_system(storage);
    CHECK(*UnixAddress::from_system(reinterpret_cast<sockaddr*>(&storage), size) == address);
  }
}

TEST_CASE_FIXTURE(Unix, "a client and a server talk by a path and by an abstract name, and know each other") {
  const std::string name = "tau-stream-" + std::to_string(getpid());
  for (const UnixAddress& at : {address(), *UnixAddress::abstract(name)}) {
    auto listener = UnixListener::bind(at);
    REQUIRE(listener);
    CHECK(*listener->local_address() == at);
    auto talk = [&]() -> Task<> {
      auto client = co_await UnixStream::connect(at);
      REQUIRE(client);
      auto accepted = co_await listener->accept();
      REQUIRE(accepted);
      CHECK(accepted->peer.is_unnamed());
      CHECK(*client->peer_address() == at);
      auto credentials = accepted->stream.peer_credentials();
      CHECK(credentials->pid == getpid());
      CHECK(credentials->uid == getuid());
      CHECK((co_await client->write_all("hello")).has_value());
      CHECK(co_await read_some(accepted->stream) == "hello");
      client->shutdown_write();
      CHECK(co_await read_some(accepted->stream) == "");
      CHECK((co_await accepted->stream.write_all("bye")).has_value());
      CHECK(co_await read_some(*client) == "bye");
    };
    complete(talk());
  }
}

TEST_CASE_FIXTURE(Unix, "a stale socket file is removed, one in use and another file are not") {
  auto connect = [&]() -> Task<int> {
    auto stream = co_await UnixStream::connect(address());
    co_return stream ? 0 : stream.error().error_number();
  };
  CHECK(complete(connect()) == ENOENT);
  CHECK(*net::remove_stale_socket(address()) == false);
  {
    auto listener = UnixListener::bind(address());
    REQUIRE(listener);
    CHECK(*net::remove_stale_socket(address()) == false);
    CHECK(complete(connect()) == 0);
  }
  CHECK(complete(connect()) == ECONNREFUSED);
  CHECK(UnixListener::bind(address()).error() == Error::system(EADDRINUSE));
  CHECK(*net::remove_stale_socket(address()) == true);
  CHECK(UnixListener::bind(address()));
  unlink(std::string(address().name()).c_str());
  close(open(std::string(address().name()).c_str(), O_CREAT | O_CLOEXEC, 0600));
  CHECK(*net::remove_stale_socket(address()) == false);
  CHECK(access(std::string(address().name()).c_str(), F_OK) == 0);
}

TEST_CASE_FIXTURE(Unix, "a stream carries descriptors, and a cancelled receive keeps both") {
  auto ends = UnixStream::pair();
  REQUIRE(ends);
  auto& [a, b] = *ends;
  int pipe_ends[2];
  REQUIRE(pipe2(pipe_ends, O_CLOEXEC) == 0);
  io::OwnedFd read_end(pipe_ends[0]), write_end(pipe_ends[1]);
  char buffer[16];
  const int passed[] = {write_end.fd(), read_end.fd()};
  auto send = [&, &a = a]() -> Task<> { CHECK(*co_await a.send_with_fds("here", passed) == 4); };
  auto check = [&, &b = b]() -> Task<> {
    auto got = co_await b.recv_with_fds(buffer);
    REQUIRE(got);
    CHECK(std::string(buffer, got->size) == "here");
    REQUIRE(got->fds.size() == 2);
    CHECK(write(got->fds[0].fd(), "x", 1) == 1);
    char byte;
    CHECK(read(got->fds[1].fd(), &byte, 1) == 1);
    CHECK((fcntl(got->fds[1].fd(), F_GETFD) & FD_CLOEXEC));
    CHECK_FALSE(got->truncated);
  };
  complete(send());
  complete(check());
  auto receives = [&, &b = b]() -> Task<> {
    auto got = co_await b.recv_with_fds(buffer);
    FAIL("went on: " << got.has_value());
  };
  // The receive ends, but its task does not hear of it before it is aborted.
  auto handle = spawn(receives);
  settle();
  test::send_with_fds(a.fd(), "here", passed);
  while (!(tau_task_state(handle.task_id()) & TAU_TASK_QUEUED)) runtime.reactor.poll(-1);
  handle.abort();
  settle();
  complete(check());
  auto wrong = [&, &a = a, &b = b]() -> Task<> {
    auto nothing = co_await a.send_with_fds("", passed);
    CHECK(nothing.error() == Errc::invalid);
    CHECK(*co_await a.send_with_fds("no fds", {}) == 6);
    auto plain = co_await b.recv_with_fds(buffer);
    CHECK(plain->fds.empty());
    b.close();
    auto gone = co_await a.send_with_fds("x", passed);
    CHECK(gone.error() == Error::system(EPIPE));
  };
  complete(wrong());
}
