#include <stdlib.h>
#include <sys/stat.h>

#include <vector>

#include "rig.hpp"

using namespace std::chrono_literals;
using tau::process::Command;
using tau::process::Stdio;
using tau::test::Processes;

TEST_CASE_FIXTURE(Processes, "a command's exit code comes home, and its output") {
  Command command("sh");
  command.args({"-c", "echo out; echo err >&2; exit 3"});
  const auto output = output_of(command);
  CHECK(output.std_out == "out\n");
  CHECK(output.std_err == "err\n");
  CHECK(output.status.code() == 3);
  CHECK_FALSE(output.status.success());
  CHECK_FALSE(output.status.signal());
  CHECK(command.what().empty());
}

TEST_CASE_FIXTURE(Processes, "status() waits and tells which signal ended a child") {
  Command command("sh");
  command.args({"-c", "kill -USR1 $$"});
  auto status = run(command.status());
  REQUIRE(status);
  CHECK(status->signal() == SIGUSR1);
  CHECK_FALSE(status->code());
  CHECK_FALSE(status->core_dumped());
  Command good("true");
  status = run(good.status());
  REQUIRE(status);
  CHECK(status->success());
}

TEST_CASE_FIXTURE(Processes, "a mebibyte on both pipes at once is no deadlock") {
  Command command("sh");
  command.args({"-c", "head -c 1048576 /dev/zero | tr '\\0' a & head -c 1048576 /dev/zero | tr '\\0' b >&2; wait"});
  const auto output = output_of(command);
  CHECK(output.std_out == std::string(1 << 20, 'a'));
  CHECK(output.std_err == std::string(1 << 20, 'b'));
  Command one("sh");  // the second pipe fills while the first is silent
  one.args({"-c", "head -c 1048576 /dev/zero >&2; head -c 1048576 /dev/zero"});
  const auto both = output_of(one);
  CHECK(both.std_out.size() == 1 << 20);
  CHECK(both.std_err.size() == 1 << 20);
}

TEST_CASE_FIXTURE(Processes, "the environment is ours with the changes that were asked for") {
  setenv("TAU_TEST_KEPT", "kept", 1);
  setenv("TAU_TEST_CHANGED", "before", 1);
  setenv("TAU_TEST_REMOVED", "gone", 1);
  Command command("sh");
  command.args({"-c", "echo $TAU_TEST_KEPT,$TAU_TEST_CHANGED,${TAU_TEST_REMOVED-none},$TAU_TEST_ADDED"});
  command.env("TAU_TEST_CHANGED", "after").env("TAU_TEST_ADDED", "a=b c").env_remove("TAU_TEST_REMOVED");
  CHECK(output_of(command).std_out == "kept,after,none,a=b c\n");

  Command clear("/usr/bin/env");
  clear.env("TAU_TEST_LOST", "lost").env_clear().env("TAU_TEST_ONLY", "one");
  CHECK(output_of(clear).std_out == "TAU_TEST_ONLY=one\n");
  Command nothing("/usr/bin/env");
  nothing.env_clear();
  CHECK(output_of(nothing).std_out.empty());
}

TEST_CASE_FIXTURE(Processes, "a program is sought in the child's PATH") {
  char folder[] = "/tmp/tau-process-XXXXXX";
  REQUIRE(mkdtemp(folder));
  const std::string program = std::string(folder) + "/tau-test-program";
  std::ofstream(program) << "#!/bin/sh\necho found $0\n";
  REQUIRE(chmod(program.c_str(), 0755) == 0);
  Command command("tau-test-program");
  command.env("PATH", std::string("/no/such/folder:") + folder + ":/bin:/usr/bin");
  CHECK(output_of(command).std_out == "found " + program + "\n");
  Command elsewhere("tau-test-program");
  CHECK(run(elsewhere.output()).error() == tau::Error::system(ENOENT));
  Command relative("./tau-test-program");
  relative.current_dir(folder);
  CHECK(output_of(relative).std_out == "found ./tau-test-program\n");
  unlink(program.c_str());
  rmdir(folder);
}

TEST_CASE_FIXTURE(Processes, "working directory, own name and process group are as asked") {
  Command command("sh");
  command.args({"-c", "pwd; echo $0; ps -o pgid= -p $$ | tr -d ' '; echo $$"}).current_dir("/").process_group(0);
  const auto output = output_of(command);
  CHECK(output.std_out.substr(0, 5) == "/\nsh\n");
  Command named("sh");
  named.arg0("another").args({"-c", "echo $0"});
  CHECK(output_of(named).std_out == "another\n");
  Command session("sh");
  session.args({"-c", "cut -d' ' -f5,6 /proc/$$/stat; echo $$ $$"}).new_session();
  const auto text = output_of(session).std_out;
  const auto half = text.find('\n') + 1;
  CHECK(text.substr(0, half) == text.substr(half));
}

TEST_CASE_FIXTURE(Processes, "another user and group") {
  if (geteuid() != 0) {
    MESSAGE("not root: other users cannot be had");
    return;
  }
  Command command("sh");
  command.args({"-c", "id -u; id -g; id -G"}).uid(65534).gid(65534).groups({65533}).current_dir("/");
  CHECK(output_of(command).std_out == "65534\n65534\n65534 65533\n");
}

TEST_CASE_FIXTURE(Processes, "a failure names the program and the step") {
  Command missing("tau-no-such-program");
  CHECK(run(missing.output()).error() == tau::Error::system(ENOENT));
  CHECK(missing.what() == "cannot start 'tau-no-such-program': No such file or directory");
  Command refused("/etc/passwd");
  CHECK(run(refused.status()).error() == tau::Error::system(EACCES));
  CHECK(refused.what() == "cannot start '/etc/passwd': Permission denied");
  Command folder("true");
  folder.current_dir("/no/such/folder");
  CHECK(run(folder.output()).error() == tau::Error::system(ENOENT));
  CHECK(folder.what() == "cannot enter '/no/such/folder' for 'true': No such file or directory");
  folder.current_dir("/");
  CHECK(output_of(folder).status.success());
  CHECK(folder.what().empty());
  Command zero(std::string("sh\0ell", 6));
  CHECK(run(zero.output()).error() == tau::Errc::invalid);
  Command name("true");
  name.env("A=B", "c");
  CHECK(run(name.output()).error() == tau::Errc::invalid);
  Command descriptor("true");
  descriptor.std_in(Stdio::fd(1000));
  CHECK(run(descriptor.output()).error() == tau::Error::system(EBADF));
}

TEST_CASE_FIXTURE(Processes, "streams lead where they were sent") {
  char path[] = "/tmp/tau-process-XXXXXX";
  const int file = mkstemp(path);
  REQUIRE(file >= 0);
  Command command("sh");
  command.args({"-c", "cat; echo on file; echo nowhere >&2"});
  command.std_in(Stdio::null()).std_out(Stdio::fd(file)).std_err(Stdio::null());
  auto status = run(command.status());
  REQUIRE(status);
  CHECK(status->success());
  char text[32] = {};
  CHECK(pread(file, text, sizeof text, 0) == 8);
  CHECK(std::string(text) == "on file\n");
  close(file);
  unlink(path);
}

TEST_CASE_FIXTURE(Processes, "a cancelled start leaves nothing, at whatever moment it is cancelled") {
  for (int i = 0; i < 40; ++i) {
    Command command("sleep");
    command.arg("1000").kill_on_drop().std_in(Stdio::piped()).std_out(Stdio::piped());
    auto begin = [&]() -> tau::Task<> {
      auto child = co_await command.spawn();
      CHECK(child.has_value());
    };
    auto handle = tau::spawn(begin);
    runtime.turn(false);
    if (i % 2) usleep(static_cast<useconds_t>(i * 100));
    handle.abort();
    settle();
  }
  run_until([&] { return plugin.jobs.load() == 0; });
  CHECK(plugin.children == 0);
}

TEST_CASE_FIXTURE(Processes, "starting a process does not hold up the loop") {
  // The host's size plays no part: nothing is copied.
  std::vector<char> large(256 << 20, 'x');
  std::chrono::nanoseconds worst{};
  // The loop's thread may be kept from its processor for longer than that, but not each time.
  for (int attempt = 0; attempt < 5; ++attempt) {
    Command command("true");
    worst = {};
    auto begun = tau::spawn(command.status());
    while (!begun.is_finished()) {
      const auto from = std::chrono::steady_clock::now();
      runtime.turn(false);
      worst = std::max(worst, std::chrono::nanoseconds(std::chrono::steady_clock::now() - from));
    }
    if (worst < 100ms) break;
  }
  CHECK(large.back() == 'x');
  MESSAGE("longest turn of the loop: " << worst.count() / 1000 << " us");
  CHECK(worst < 100ms);
}
