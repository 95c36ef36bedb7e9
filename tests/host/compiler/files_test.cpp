#include "compiler/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "compiler/cache.hpp"
#include "compiler/hash.hpp"
#include "compiler/introspect.hpp"
#include "compiler/workspace.hpp"
#include "support.hpp"

using namespace tau::host;
using namespace tau::host::test;

TEST_CASE("a file is written whole, and not at all when it is the same") {
  TempDir dir;
  std::string error;
  bool changed = false;
  CHECK(write_if_changed(dir / "f", "one", changed, error));
  CHECK(changed);
  CHECK(text_of(dir / "f") == "one");
  const auto before = file_state((dir / "f").c_str());
  changed = false;
  CHECK(write_if_changed(dir / "f", "one", changed, error));
  CHECK_FALSE(changed);
  CHECK(file_state((dir / "f").c_str()) == before);
  CHECK(std::distance(fs::directory_iterator(dir.path()), {}) == 1);  // nothing left aside
  CHECK_FALSE(write_atomically(dir / "none/f", "x", error));
  CHECK(contains(error, "cannot write"));
}

TEST_CASE("folders are made for us alone, and others' are refused with the remedy") {
  TempDir dir;
  std::string error;
  CHECK(make_private_directory(dir / "a/b/c", error));
  struct stat status{};
  REQUIRE(::stat((dir / "a/b").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);

  ::chmod((dir / "a").c_str(), 0777);
  CHECK_FALSE(check_private(dir / "a", error));
  CHECK(contains(error, "may be written by other users"));
  CHECK(contains(error, "chmod go-w '" + (dir / "a").string() + "'"));
  ::chmod((dir / "a").c_str(), 0755);
  CHECK(check_private(dir / "a", error));

  fs::create_symlink(dir / "a", dir / "link");
  CHECK_FALSE(check_private(dir / "link", error));
  CHECK(contains(error, "symbolic link"));
  write_file(dir / "file", "");
  CHECK_FALSE(make_private_directory(dir / "file/x", error));
  CHECK(contains(error, "set TAU_HOME"));

  // Where no folder can be made at all, although the one above is there.
  CHECK_FALSE(make_private_directory("/proc/tau-test/x", error));
  CHECK(contains(error, "'/proc/tau-test'"));

  if (::geteuid() == 0) {
    REQUIRE(::chown((dir / "a").c_str(), 65534, 65534) == 0);
    CHECK_FALSE(check_private(dir / "a", error));
    CHECK(contains(error, "belongs to"));
  }
}

TEST_CASE("a lock keeps others out until it is let go, also when its file was taken away") {
  TempDir dir;
  std::string error;
  FileLock first;
  FileLock second;
  REQUIRE(first.acquire(dir / "lock", true, error));
  REQUIRE(first.held());
  CHECK(second.acquire(dir / "lock", false, error));
  CHECK_FALSE(second.held());

  std::stop_source stopped;
  stopped.request_stop();
  bool waited = false;
  CHECK(second.acquire(dir / "lock", stopped.get_token(), [&] { waited = true; }, error));
  CHECK(waited);
  CHECK_FALSE(second.held());

  fs::remove(dir / "lock");
  CHECK(second.acquire(dir / "lock", false, error));
  CHECK(second.held());  // of the new file: the cleaner took the old one
  first.release();
  second.release();
  CHECK(first.acquire(dir / "lock", false, error));
  CHECK(first.held());
}

TEST_CASE("a tree goes, with what an earlier removal left") {
  TempDir dir;
  write_file(dir / "tree/a/b", "x");
  write_file(dir / ".gone-tree-1-2/a", "x");
  fs::create_directory_symlink(dir / "kept", dir / "tree/link");
  write_file(dir / "kept/file", "x");
  remove_tree(dir / "tree");
  CHECK_FALSE(fs::exists(dir / "tree"));
  CHECK_FALSE(fs::exists(dir / ".gone-tree-1-2"));
  CHECK(fs::exists(dir / "kept/file"));
}

TEST_CASE("the file clock is later than everything written before") {
  TempDir dir;
  std::string error;
  for (int i = 0; i < 5; ++i) {
    write_file(dir / "f", std::to_string(i));
    const auto before = file_state((dir / "f").c_str());
    REQUIRE(before);
    CHECK(file_clock_ns(dir / "clock", error) > before->mtime_ns);
  }
  CHECK(file_clock_ns(dir / "none/clock", error) == 0);
}

TEST_CASE("a hash depends on every byte and on where one part ends") {
  CHECK(hash_of("") != hash_of(std::string_view("\0", 1)));
  CHECK(hash_of("12345678") != hash_of("12345679"));
  CHECK(hash_of("123456789") != hash_of("12345678"));
  Hasher one;
  one.add("ab");
  one.add("c");
  Hasher two;
  two.add("a");
  two.add("bc");
  CHECK(one.hex() != two.hex());
  CHECK(hash_of("x").size() == 16);
}

TEST_CASE("commands are split as a shell would") {
  using Words = std::vector<std::string>;
  CHECK(split_words("a  'b c' \"d e\" f\\ g ''") == Words{"a", "b c", "d e", "f g", ""});
  CHECK(split_words("'-DX=\"y\"' x'it'\\''s'") == Words{"-DX=\"y\"", "xit's"});
  CHECK(split_words(" \n").empty());
}

TEST_CASE("strings for Meson and names for folders are safe") {
  CHECK(machine_string("a\\b c") == "'a\\b c'");
  CHECK(machine_string("it's") == "'''it's'''");
  CHECK(file_name_for("my plugin/ü") == "my_plugin___");
  CHECK(file_name_for(".hidden") == "_.hidden");
  CHECK(file_name_for("") == "_");
}

TEST_CASE("one plugin has one place in the cache for one environment") {
  Environment one;
  one.hash = "1";
  Environment two;
  two.hash = "2";
  const Cache cache("/home/.tau");
  CHECK(cache.slot(one, "/a/b").root == cache.slot(one, "/a/b").root);
  CHECK(cache.slot(one, "/a/b").root != cache.slot(one, "/c/b").root);
  CHECK(cache.slot(one, "/a/b").root != cache.slot(two, "/a/b").root);
  CHECK(cache.slot(one, "/a/b").root.string().rfind("/home/.tau/buildcache/1/b-", 0) == 0);
}
