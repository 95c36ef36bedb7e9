#include <sys/stat.h>

#include <span>

#include "rig.hpp"

using namespace std::chrono_literals;
using tau::test::errno_of;
using tau::test::Files;
namespace fs = tau::fs;

TEST_CASE_FIXTURE(Files, "whole files are read and written") {
  CHECK(run(fs::write(in("a"), "hello")));
  CHECK(get("a") == "hello");
  auto text = run(fs::read_to_string(in("a")));
  REQUIRE(text);
  CHECK(*text == "hello");
  auto bytes = run(fs::read(std::filesystem::path(in("a"))));
  REQUIRE(bytes);
  CHECK(bytes->size() == 5);
  CHECK(run(fs::write(in("a"), "")));
  CHECK(run(fs::read_to_string(in("a"))).value().empty());
  // No size is known of these before they are read.
  auto status = run(fs::read_to_string("/proc/self/status"));
  REQUIRE(status);
  CHECK(status->find("sdk_fs_test") != status->npos);
  std::string large(5 << 20, 'x');
  CHECK(run(fs::write(in("large"), large)));
  CHECK(get("large") == large);
  CHECK(run(fs::read_to_string(in("none"))).error() == errno_of(ENOENT));
  CHECK(run(fs::read_to_string(folder)).error() == errno_of(EISDIR));
  CHECK(run(fs::write(in("no/such"), "x")).error() == errno_of(ENOENT));
}

TEST_CASE_FIXTURE(Files, "an atomic write replaces the whole or nothing, and keeps permissions") {
  CHECK(run(fs::write_atomic(in("a"), "new")));
  CHECK(get("a") == "new");
  REQUIRE(chmod(in("a").c_str(), 0604) == 0);
  CHECK(run(fs::write_atomic(in("a"), "newer")));
  CHECK(get("a") == "newer");
  CHECK(run(fs::metadata(in("a"))).value().permissions().mode() == 0604);
  CHECK(run(fs::write_atomic(in("no/such"), "x")).error() == errno_of(ENOENT));
  REQUIRE(mkdir(in("dir").c_str(), 0755) == 0);
  CHECK_FALSE(run(fs::write_atomic(in("dir"), "x")));
  CHECK(entries() == 2);  // nothing beside them
  REQUIRE(chdir(folder.c_str()) == 0);
  CHECK(run(fs::write_atomic("relative", "x")));
  REQUIRE(chdir("/") == 0);
  CHECK(get("relative") == "x");
}

TEST_CASE_FIXTURE(Files, "files are renamed, linked and removed") {
  put("a", "1");
  put("b", "2");
  CHECK(run(fs::rename(in("a"), in("b"))));
  CHECK(get("b") == "1");
  CHECK_FALSE(there("a"));
  CHECK(run(fs::rename(in("a"), in("c"))).error() == errno_of(ENOENT));
  CHECK(run(fs::hard_link(in("b"), in("hard"))));
  CHECK(run(fs::metadata(in("b"))).value().nlink() == 2);
  CHECK(run(fs::symlink("b", in("soft"))));
  CHECK(get("soft") == "1");
  CHECK(run(fs::read_link(in("soft"))).value() == "b");
  CHECK(run(fs::read_link(in("b"))).error() == errno_of(EINVAL));
  const std::string far(3000, 'x');
  CHECK(run(fs::symlink(far, in("far"))));
  CHECK(run(fs::read_link(in("far"))).value() == far);
  CHECK(run(fs::symlink_metadata(in("soft"))).value().is_symlink());
  CHECK(run(fs::metadata(in("soft"))).value().is_file());
  CHECK(run(fs::canonicalize(in("./soft"))).value() == std::filesystem::canonical(in("b")).native());
  CHECK(run(fs::canonicalize(in("none"))).error() == errno_of(ENOENT));
  CHECK(run(fs::remove_file(in("soft"))));
  CHECK(there("b"));
  CHECK(run(fs::remove_file(in("soft"))).error() == errno_of(ENOENT));
}

TEST_CASE_FIXTURE(Files, "exists follows links and tells what it cannot know") {
  put("a", "1");
  CHECK(run(fs::exists(in("a"))).value());
  CHECK_FALSE(run(fs::exists(in("none"))).value());
  CHECK_FALSE(run(fs::exists(in("a/below"))).value());
  REQUIRE(symlink("none", in("dangling").c_str()) == 0);
  CHECK_FALSE(run(fs::exists(in("dangling"))).value());
  REQUIRE(symlink("loop", in("loop").c_str()) == 0);
  CHECK(run(fs::exists(in("loop"))).error() == errno_of(ELOOP));
  CHECK_FALSE(run(fs::exists("")).value());
  CHECK(run(fs::metadata(std::string("a\0b", 3))).error() == tau::Errc::invalid);
}

TEST_CASE_FIXTURE(Files, "permissions are set") {
  put("a", "1");
  CHECK(run(fs::set_permissions(in("a"), fs::Permissions::from_mode(0400))));
  const auto now = run(fs::metadata(in("a"))).value().permissions();
  CHECK(now.readonly());
  CHECK(now.mode() == 0400);
  CHECK(run(fs::set_permissions(in("none"), now)).error() == errno_of(ENOENT));
}

TEST_CASE_FIXTURE(Files, "copy takes contents and permissions along, and refuses what would destroy") {
  put("a", std::string(3 << 20, 'a'));
  REQUIRE(chmod(in("a").c_str(), 0640) == 0);
  put("b", "much longer? no, but older");
  CHECK(run(fs::copy(in("a"), in("b"))).value() == 3 << 20);
  CHECK(get("b") == get("a"));
  CHECK(run(fs::metadata(in("b"))).value().permissions().mode() == 0640);
  CHECK(run(fs::copy(in("a"), in("a"))).error() == errno_of(EINVAL));
  REQUIRE(link(in("a").c_str(), in("same").c_str()) == 0);
  CHECK(run(fs::copy(in("a"), in("same"))).error() == errno_of(EINVAL));
  CHECK(get("a").size() == 3 << 20);
  CHECK(run(fs::copy(folder, in("c"))).error() == errno_of(EINVAL));
  CHECK(run(fs::copy(in("none"), in("c"))).error() == errno_of(ENOENT));
  CHECK_FALSE(there("c"));
  REQUIRE(mkfifo(in("fifo").c_str(), 0600) == 0);
  CHECK(run(fs::copy(in("fifo"), in("c"))).error() == errno_of(EINVAL));
  put("empty", "");
  CHECK(run(fs::copy(in("empty"), in("c"))).value() == 0);
  CHECK(get("c").empty());
  // Contents without a size, and another file system.
  CHECK(run(fs::copy("/proc/self/cmdline", in("d"))).value() > 0);
  CHECK(get("d").find("sdk_fs_test") != std::string::npos);
}

TEST_CASE_FIXTURE(Files, "a copy of 64 MiB does not hold up the loop") {
  put("a", std::string(64 << 20, 'a'));
  auto copied = tau::spawn(fs::copy(in("a"), in("b")));
  int ticks = 0;
  std::chrono::nanoseconds longest{};
  auto tick = [&]() -> tau::Task<> {
    for (;;) {
      co_await tau::sleep(1ms);
      ++ticks;
    }
  };
  auto ticking = tau::spawn(tick);
  while (!copied.is_finished()) {
    const auto from = std::chrono::steady_clock::now();
    advance(1ms);
    longest = std::max(longest, std::chrono::nanoseconds(std::chrono::steady_clock::now() - from));
  }
  ticking.abort();
  settle();
  MESSAGE(ticks << " ticks; the longest turn took " << longest.count() / 1000 << " us");
  CHECK(ticks > 1);
  CHECK(std::filesystem::file_size(in("b")) == 64 << 20);
}
