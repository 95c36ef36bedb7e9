// Whose module it is, and who else could have written it.
#include <doctest/doctest.h>
#include <plugin/trusted_file.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

using tau::host::open_trusted;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/tau-test-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
    std::ofstream(path / "m.so") << "module";
    chmod((path / "m.so").c_str(), 0644);
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  fs::path path;
};

std::string reason(const fs::path& path) {
  std::string why;
  const int fd = open_trusted(path, &why);
  if (fd >= 0) close(fd);
  CHECK((fd >= 0) == why.empty());
  return why;
}

}  // namespace

TEST_CASE("one's own file in one's own folder is opened, also through a link") {
  Folder f;
  CHECK(reason(f.path / "m.so") == "");
  fs::create_symlink("m.so", f.path / "link.so");
  CHECK(reason(f.path / "link.so") == "");
}

TEST_CASE("a file or folder that others can write is refused") {
  Folder f;
  chmod((f.path / "m.so").c_str(), 0666);
  CHECK(reason(f.path / "m.so").starts_with("is writable by others"));
  chmod((f.path / "m.so").c_str(), 0644);
  chmod(f.path.c_str(), 0777);
  CHECK(reason(f.path / "m.so").starts_with("lies in a folder that is writable by others"));
  chmod(f.path.c_str(), 01777);  // sticky: others cannot replace the file
  CHECK(reason(f.path / "m.so") == "");
}

TEST_CASE("another user's file or folder is refused") {
  if (geteuid() != 0) return;  // only root can give a file away
  Folder f;
  REQUIRE(chown((f.path / "m.so").c_str(), 12345, 12345) == 0);
  CHECK(reason(f.path / "m.so").starts_with("belongs to another user (uid 12345)"));
  REQUIRE(chown((f.path / "m.so").c_str(), 0, 0) == 0);
  REQUIRE(chown(f.path.c_str(), 12345, 12345) == 0);
  CHECK(reason(f.path / "m.so").starts_with("lies in a folder that belongs to another user"));
}

TEST_CASE("what is missing or no file is said, without hanging") {
  Folder f;
  CHECK(reason(f.path / "none.so").starts_with("cannot be opened: No such file"));
  REQUIRE(mkfifo((f.path / "fifo.so").c_str(), 0600) == 0);
  CHECK(reason(f.path / "fifo.so") == "is not a regular file");
  CHECK(reason(f.path) == "is not a regular file");
}
