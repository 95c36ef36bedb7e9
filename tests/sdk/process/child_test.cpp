#include <tau/io/read.hpp>
#include <tau/io/write.hpp>

#include <vector>

#include "rig.hpp"

using namespace std::chrono_literals;
using tau::process::Child;
using tau::process::Command;
using tau::process::Stdio;
using tau::test::is_running;
using tau::test::Processes;

static_assert(tau::io::Writer<tau::process::ChildStdin>);
static_assert(tau::io::Reader<tau::process::ChildStdout>);

namespace {

Command sleeper(bool kill) {
  Command command("sleep");
  command.arg("1000").kill_on_drop(kill);
  return command;
}

}  // namespace

TEST_CASE_FIXTURE(Processes, "one may talk with a child over its pipes") {
  Command command("cat");
  command.std_in(Stdio::piped()).std_out(Stdio::piped());
  Child child = start(command);
  auto talk = [&]() -> tau::Task<std::string> {
    std::string answer;
    for (std::string word : {"one ", "two ", "three"}) {
      auto written = co_await tau::io::write_all(*child.std_in, word);
      REQUIRE(written);
      std::string piece(word.size(), '?');
      auto got = co_await tau::io::read_exact(*child.std_out, piece);
      REQUIRE(got);
      answer += piece;
    }
    child.std_in.reset();
    char rest[8];
    auto end = co_await child.std_out->read(rest);
    REQUIRE(end);
    CHECK(*end == 0);
    co_return answer;
  };
  CHECK(run(talk()) == "one two three");
  auto wait = [&]() -> tau::Task<int> {
    auto status = co_await child.wait();
    co_return status ? status->code().value_or(-1) : -2;
  };
  CHECK(run(wait()) == 0);
}

TEST_CASE_FIXTURE(Processes, "wait_with_output ends the input first") {
  Command command("cat");
  command.std_in(Stdio::piped()).std_out(Stdio::piped());
  Child child = start(command);
  auto talk = [&]() -> tau::Task<std::string> {
    auto written = co_await tau::io::write_all(*child.std_in, "said");
    REQUIRE(written);
    auto output = co_await child.wait_with_output();
    REQUIRE(output);
    co_return output->std_out;
  };
  CHECK(run(talk()) == "said");
  CHECK_FALSE(child.std_in);
  CHECK_FALSE(child.std_out);
}

TEST_CASE_FIXTURE(Processes, "a child that does not read any more is an error and no signal") {
  Command command("true");
  command.std_in(Stdio::piped());
  Child child = start(command);
  auto write = [&]() -> tau::Task<tau::Result<void>> {
    std::string much(1 << 20, 'x');
    auto written = co_await tau::io::write_all(*child.std_in, much);
    co_return written;
  };
  CHECK(run(write()).error() == tau::Error::system(EPIPE));
}

TEST_CASE_FIXTURE(Processes, "try_wait, id and kill follow the child's life") {
  Command command = sleeper(false);
  Child child = start(command);
  const auto id = child.id();
  REQUIRE(id);
  CHECK(is_running(*id));
  auto still = child.try_wait();
  REQUIRE(still);
  CHECK_FALSE(*still);
  CHECK(run(child.kill()));
  auto ended = child.try_wait();
  REQUIRE(ended);
  REQUIRE(*ended);
  CHECK((**ended).signal() == SIGKILL);
  CHECK_FALSE(child.id());
  CHECK_FALSE(is_running(*id));
  CHECK(child.start_kill().error() == tau::Error::system(ESRCH));
  CHECK(run(child.kill()));  // already done
}

TEST_CASE_FIXTURE(Processes, "a cancelled wait loses nothing, a second one beside it is refused") {
  Command command = sleeper(true);
  Child child = start(command);
  auto wait = [&]() -> tau::Task<tau::Result<tau::process::ExitStatus>> { co_return co_await child.wait(); };
  auto first = tau::spawn(wait());
  settle();
  CHECK(plugin.waits == 1);
  CHECK(run(wait()).error() == tau::Errc::busy);
  first.abort();
  settle();
  CHECK(plugin.waits == 0);
  auto timed = [&]() -> tau::Task<bool> {
    auto result = co_await tau::timeout(1ms, wait());
    co_return !result;
  };
  auto timing = tau::spawn(timed());
  advance(2ms);
  CHECK(timing.is_finished());
  CHECK(child.signal(SIGTERM));
  auto status = run(wait());
  REQUIRE(status);
  CHECK(status->signal() == SIGTERM);
}

TEST_CASE_FIXTURE(Processes, "a read that is cancelled when the bytes have come keeps them") {
  Command command("sh");
  command.args({"-c", "echo hello; exec sleep 1000"}).std_out(Stdio::piped()).kill_on_drop();
  Child child = start(command);
  char buffer[64];
  bool woken = false;
  auto read = [&]() -> tau::Task<> {
    auto got = co_await child.std_out->read(buffer);
    woken = got.has_value();
  };
  auto handle = tau::spawn(read);
  settle();
  while (!woken && !runtime.executor.ready()) runtime.reactor.poll(-1);
  handle.abort();  // woken and not resumed
  settle();
  auto drop = [&]() -> tau::Task<std::string> {
    CHECK(child.start_kill());
    auto output = co_await child.wait_with_output();
    co_return output ? output->std_out : "failed";
  };
  if (!woken) CHECK(run(drop()) == "hello\n");
}

TEST_CASE_FIXTURE(Processes, "dropping a child kills it only if that was asked for") {
  Command killed = sleeper(true), left = sleeper(false);
  int killed_id = 0, left_id = 0;
  {
    Child first = start(killed), second = start(left);
    killed_id = *first.id();
    left_id = *second.id();
    Child moved = std::move(first);
    CHECK(is_running(killed_id));
  }
  run_until([&] { return runtime.children.unreaped() == 1; });
  CHECK_FALSE(is_running(killed_id));
  CHECK(is_running(left_id));
  ::kill(left_id, SIGKILL);
}

TEST_CASE_FIXTURE(Processes, "a task that is aborted takes its child along") {
  int id = 0;
  auto work = [&]() -> tau::Task<> {
    Command command("sleep");
    command.arg("1000").kill_on_drop();
    auto child = co_await command.spawn();
    REQUIRE(child);
    id = *child->id();
    auto status = co_await child->wait();
    FAIL("it ended: " << status.has_value());
  };
  auto handle = tau::spawn(work);
  run_until([&] { return id != 0; });
  handle.abort();
  settle();
  run_until([&] { return runtime.children.unreaped() == 0; });
  CHECK_FALSE(is_running(id));
}

TEST_CASE_FIXTURE(Processes, "children that nobody waits for leave no zombie") {
  std::vector<int> ids;
  for (int i = 0; i < 20; ++i) {
    Command command("true");
    ids.push_back(start(command).id().value_or(0));
  }
  run_until([&] { return runtime.children.unreaped() == 0; });
  for (int id : ids) {
    if (id != 0) CHECK(tau::test::state_of(id) == 0);
  }
}

TEST_CASE_FIXTURE(Processes, "a plugin that is unloaded loses its children, the other's go on") {
  int theirs_killed = 0, theirs_left = 0;
  auto work = [](bool kill, int* id) -> tau::Task<> {
    Command command("sleep");
    command.arg("1000").kill_on_drop(kill).std_out(Stdio::piped());
    auto child = co_await command.spawn();
    if (!child) co_return;
    *id = child->id().value_or(0);
    char buffer[8];
    auto got = co_await child->std_out->read(buffer);
    FAIL("read something: " << got.has_value());
  };
  Command command = sleeper(true);
  Child mine = start(command);
  std::vector<int> starting(20);
  as_other([&] {
    tau::spawn(work(true, &theirs_killed)).detach();
    tau::spawn(work(false, &theirs_left)).detach();
    run_until([&] { return theirs_killed != 0 && theirs_left != 0; });
    for (int& id : starting) tau::spawn(work(true, &id)).detach();
    settle();
  });
  CHECK(other.children >= 2);
  unload_other();
  CHECK(other.children == 0);
  run_until([&] { return runtime.children.unreaped() == 2; });
  CHECK_FALSE(is_running(theirs_killed));
  CHECK(is_running(theirs_left));
  REQUIRE(mine.id());
  CHECK(is_running(*mine.id()));
  ::kill(theirs_left, SIGKILL);
}

TEST_CASE_FIXTURE(Processes, "a child ends while its handle is dropped by whoever waits") {
  Command command("true");
  auto child = std::make_unique<Child>(start(command));
  tau::Result<tau::process::ExitStatus> seen = tau::Errc::invalid;
  auto wait = [&]() -> tau::Task<> { seen = co_await child->wait(); };
  auto handle = tau::spawn(wait());
  settle();
  if (!handle.is_finished()) {
    child.reset();
    run_until([&] { return handle.is_finished(); });
    CHECK(seen.error() == tau::Errc::stale);
  }
}
