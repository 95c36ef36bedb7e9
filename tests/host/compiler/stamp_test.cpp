#include "compiler/stamp.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "support.hpp"

using namespace tau::host;
using namespace tau::host::test;

namespace {

void set_mtime(const fs::path& path, std::int64_t ns) {
  const timespec times[2] = {{0, UTIME_OMIT}, {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

/// A built plugin: one file of each kind.
struct Built {
  TempDir dir;
  Stamp stamp;

  Built() {
    write_file(dir / "tree/a.cpp", "a");
    write_file(dir / "tree/meson.build", "m");
    write_file(dir / "module.so", "o");
    CHECK(stamp.add(Stamp::Kind::source, dir / "tree/a.cpp"));
    CHECK(stamp.add(Stamp::Kind::description, dir / "tree/meson.build"));
    CHECK(stamp.add(Stamp::Kind::folder, dir / "tree"));
    stamp.project = "my project";
    stamp.module = (dir / "module.so").string();
    CHECK(stamp.add(Stamp::Kind::output, stamp.module));
    std::string error;
    stamp.taken_ns = file_clock_ns(dir / "clock", error);
  }
  Freshness check() const { return Stamp::parse(stamp.text()).check(); }
};

}  // namespace

TEST_CASE("what did not change is fresh") {
  CHECK(Built().check() == Freshness::fresh);
  Built failed;
  failed.stamp.module.clear();
  CHECK(failed.check() == Freshness::edited);
  CHECK(Stamp().check() == Freshness::start_over);
}

TEST_CASE("a source that is newer than the build is Ninja's business") {
  Built built;
  write_file(built.dir / "tree/a.cpp", "b");
  CHECK(built.check() == Freshness::edited);
}

TEST_CASE("a source that was replaced by an older one, or taken away, is beyond Ninja") {
  Built older;
  write_file(older.dir / "tree/a.cpp", "b");
  set_mtime(older.dir / "tree/a.cpp", older.stamp.taken_ns - 1'000'000'000);
  CHECK(older.check() == Freshness::start_over);

  Built same;  // same size, same mtime, as `cp -p` and a hurried script leave it
  const auto mtime = file_state((same.dir / "tree/a.cpp").c_str())->mtime_ns;
  write_file(same.dir / "tree/a.cpp", "b");
  set_mtime(same.dir / "tree/a.cpp", mtime);
  CHECK(same.check() == Freshness::start_over);

  Built gone;
  fs::remove(gone.dir / "tree/a.cpp");
  CHECK(gone.check() == Freshness::start_over);
}

TEST_CASE("another meson.build or another name in a folder is set up again") {
  Built described;
  write_file(described.dir / "tree/meson.build", "n");
  CHECK(described.check() == Freshness::start_over);
  Built named;
  write_file(named.dir / "tree/new.h", "n");
  CHECK(named.check() == Freshness::start_over);
  Built passing;
  write_file(passing.dir / "tree/.a.cpp.swp", "n");
  write_file(passing.dir / "tree/a.cpp~", "n");
  CHECK(passing.check() == Freshness::fresh);
}

TEST_CASE("a module that is not as it was published is not loaded") {
  Built built;
  write_file(built.dir / "module.so", "p");
  CHECK(built.check() != Freshness::fresh);
  fs::remove(built.dir / "module.so");
  CHECK(built.check() != Freshness::fresh);
}

TEST_CASE("a stamp is read as it was written, and half of one not at all") {
  Built built;
  const auto text = built.stamp.text();
  const auto read = Stamp::parse(text);
  CHECK(read.entries == built.stamp.entries);
  CHECK(read.project == "my project");
  CHECK(read.taken_ns == built.stamp.taken_ns);
  CHECK(read.module == built.stamp.module);
  for (std::size_t length = 0; length < text.size() - 1; ++length) {
    CHECK(Stamp::parse(text.substr(0, length)).entries.empty());
  }
  CHECK(Stamp::parse("something else\n").entries.empty());
}

TEST_CASE("the newest time is that of the plugin's own files") {
  Built built;
  const auto newest = built.stamp.newest_ns("/nowhere");
  CHECK(newest < built.stamp.taken_ns);
  write_file(built.dir / "ours/late", "x");
  built.stamp.add(Stamp::Kind::source, built.dir / "ours/late");
  CHECK(built.stamp.newest_ns(built.dir / "ours") == newest);
  CHECK(built.stamp.newest_ns("/nowhere") > newest);
}

TEST_CASE("a plugin's folders are those with sources") {
  TempDir dir;
  for (const char* each : {"src/deep", ".git/objects", "build/meson-private", "build/src", "__pycache__"}) {
    fs::create_directories(dir / each);
  }
  fs::create_directory_symlink(dir.path(), dir / "src/loop");
  auto folders = source_folders(dir.path());
  std::sort(folders.begin(), folders.end());
  CHECK(folders == std::vector<fs::path>{dir.path(), dir / "src", dir / "src/deep"});
}
