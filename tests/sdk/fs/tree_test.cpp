#include <sys/stat.h>

#include <atomic>
#include <map>
#include <thread>

#include "rig.hpp"

using namespace std::chrono_literals;
using tau::test::errno_of;
using tau::test::Files;
namespace fs = tau::fs;

namespace {

tau::Task<std::map<std::string, fs::FileType>> list(std::string path) {
  std::map<std::string, fs::FileType> all;
  auto dir = co_await fs::read_dir(path);
  REQUIRE(dir);
  for (;;) {
    auto entry = co_await dir->next_entry();
    REQUIRE(entry);
    if (!*entry) break;
    all[(*entry)->file_name()] = (*entry)->file_type();
  }
  auto end = co_await dir->next_entry();
  REQUIRE(end);
  CHECK_FALSE(*end);
  co_return all;
}

}  // namespace

TEST_CASE_FIXTURE(Files, "folders are made, with all that lead to them, and removed when empty") {
  CHECK(run(fs::create_dir(in("one"))));
  CHECK(run(fs::create_dir(in("one"))).error() == errno_of(EEXIST));
  CHECK(run(fs::create_dir(in("a/b"))).error() == errno_of(ENOENT));
  CHECK(run(fs::create_dir_all(in("a/b//c/./d/"))));
  CHECK(std::filesystem::is_directory(in("a/b/c/d")));
  CHECK(run(fs::create_dir_all(in("a/b/c/d"))));
  CHECK(run(fs::create_dir_all("/")));
  put("file", "");
  CHECK(run(fs::create_dir_all(in("file"))).error() == errno_of(EEXIST));
  CHECK(run(fs::create_dir_all(in("file/below"))).error() == errno_of(ENOTDIR));
  CHECK(run(fs::create_dir_all("")).error() == errno_of(ENOENT));
  REQUIRE(chdir(folder.c_str()) == 0);
  CHECK(run(fs::create_dir_all("x/y/z")));
  REQUIRE(chdir("/") == 0);
  CHECK(std::filesystem::is_directory(in("x/y/z")));
  CHECK(run(fs::remove_dir(in("a"))).error() == errno_of(ENOTEMPTY));
  CHECK(run(fs::remove_dir(in("one"))));
  CHECK(run(fs::remove_dir(in("file"))).error() == errno_of(ENOTDIR));
  CHECK(run(fs::remove_file(in("a"))).error() == errno_of(EISDIR));
}

TEST_CASE_FIXTURE(Files, "a folder's entries come one by one, each with its kind") {
  put("file", "x");
  REQUIRE(mkdir(in("dir").c_str(), 0755) == 0);
  REQUIRE(symlink("file", in("link").c_str()) == 0);
  REQUIRE(mkfifo(in("fifo").c_str(), 0600) == 0);
  CHECK(run(list(folder)) == std::map<std::string, fs::FileType>{{"file", fs::FileType::file},
                                                                  {"dir", fs::FileType::dir},
                                                                  {"link", fs::FileType::symlink},
                                                                  {"fifo", fs::FileType::fifo}});
  CHECK(run(list(in("dir"))).empty());
  CHECK(run(fs::read_dir(in("none"))).error() == errno_of(ENOENT));
  CHECK(run(fs::read_dir(in("file"))).error() == errno_of(ENOTDIR));
}

TEST_CASE_FIXTURE(Files, "an entry knows its path, and may outlive the listing") {
  put("file", "12345");
  auto first = [&]() -> tau::Task<std::optional<fs::DirEntry>> {
    auto dir = co_await fs::read_dir(folder + "/");
    REQUIRE(dir);
    auto entry = co_await dir->next_entry();
    REQUIRE(entry);
    co_return *entry;
  };
  auto entry = run(first());
  REQUIRE(entry);
  CHECK(entry->path() == in("file"));
  auto status = run(entry->metadata());
  REQUIRE(status);
  CHECK(status->len() == 5);
  CHECK(status->ino() == entry->ino());
}

TEST_CASE_FIXTURE(Files, "more entries than a batch holds are all there, also when waits are cancelled") {
  for (int i = 0; i < 1000; ++i) put(std::to_string(i), "");
  auto opened = run(fs::read_dir(folder));
  REQUIRE(opened);
  std::set<std::string> seen;
  bool ended = false;
  auto next = [&]() -> tau::Task<> {
    auto entry = co_await opened->next_entry();
    REQUIRE(entry);
    ended = !*entry;
    if (*entry) CHECK(seen.insert((*entry)->file_name()).second);
  };
  int i = 0;
  while (!ended) {
    auto handle = tau::spawn(next());
    if (i++ % 3 == 0) {
      runtime.turn(false);
      handle.abort();
      runtime.turn(false);
    }
    run_until([&] { return handle.is_finished(); });
  }
  CHECK(seen.size() == 1000);
  run_until([&] { return plugin.jobs.load() == 0; });
}

TEST_CASE_FIXTURE(Files, "a tree is removed, and nothing that its links lead to") {
  std::filesystem::create_directories(in("tree/a/b/c"));
  std::filesystem::create_directories(in("kept/inside"));
  put("kept/file", "x");
  put("tree/file", "x");
  put("tree/a/b/file", "x");
  for (int i = 0; i < 500; ++i) put("tree/a/" + std::to_string(i), "");
  REQUIRE(symlink("../kept", in("tree/link").c_str()) == 0);
  REQUIRE(symlink("none", in("tree/a/dangling").c_str()) == 0);
  REQUIRE(mkfifo(in("tree/fifo").c_str(), 0600) == 0);
  CHECK(run(fs::remove_dir_all(in("tree"))));
  CHECK_FALSE(there("tree"));
  CHECK(get("kept/file") == "x");
  REQUIRE(symlink("kept", in("link").c_str()) == 0);
  CHECK(run(fs::remove_dir_all(in("link"))));
  CHECK_FALSE(there("link"));
  CHECK(get("kept/file") == "x");
  CHECK(run(fs::remove_dir_all(in("none"))).error() == errno_of(ENOENT));
  CHECK(run(fs::remove_dir_all(in("kept/file"))).error() == errno_of(ENOTDIR));
}

TEST_CASE_FIXTURE(Files, "exchanging folders for links while a tree is removed loses nothing outside") {
  std::filesystem::create_directories(in("victim"));
  for (int i = 0; i < 50; ++i) put("victim/" + std::to_string(i), "precious");
  for (int round = 0; round < 20; ++round) {
    std::filesystem::create_directories(in("tree/a/b"));
    for (int i = 0; i < 50; ++i) put("tree/a/b/" + std::to_string(i), "");
    std::atomic<bool> stop{false};
    std::thread attacker([&] {
      while (!stop) {
        ::rename(in("tree/a/b").c_str(), in("aside").c_str());
        (void)::symlink(in("victim").c_str(), in("tree/a/b").c_str());
        ::unlink(in("tree/a/b").c_str());
        ::rename(in("aside").c_str(), in("tree/a/b").c_str());
      }
    });
    (void)run(fs::remove_dir_all(in("tree")));
    stop = true;
    attacker.join();
    std::filesystem::remove_all(in("tree"));
    std::filesystem::remove_all(in("aside"));
  }
  CHECK(std::distance(std::filesystem::directory_iterator(in("victim")), {}) == 50);
}
