#include "cli/install.hpp"

#include <sys/wait.h>

#include "temp_tree.hpp"

using namespace tau::host;
using tau::test::TempTree;
namespace fs = std::filesystem;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::size_t entries(const fs::path& folder) {
  std::error_code error;
  std::size_t count = 0;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; ++entry) ++count;
  return count;
}

void check_refused(const TempTree& temp, const std::string& source, const std::string& because) {
  CAPTURE(source);
  const std::size_t before = entries(temp / "home/plugins");
  const InstallResult result = install_plugin(source, temp / "home");
  CHECK_FALSE(result.ok);
  CHECK_MESSAGE(contains(result.error, because), result.error);
  CHECK(entries(temp / "home/plugins") == before);
}

/// A repository with one commit at `path`; false when there is no git.
bool make_repository(const fs::path& path) {
  const std::string git = "git -c init.defaultBranch=main -c user.name=t -c user.email=t@t -C '" + path.string() + "' ";
  return std::system((git + "init -q && " + git + "add . && " + git + "commit -q -m x").c_str()) == 0;
}

}  // namespace

TEST_CASE("a local tree is copied whole under its own name") {
  const TempTree temp;
  temp.file("src/my-plugin/meson.build", "project('x')");
  temp.file("src/my-plugin/deep/a.cpp", "int x;");
  const InstallResult result = install_plugin((temp / "src/my-plugin/").string(), temp / "home");
  REQUIRE_MESSAGE(result.ok, result.error);
  CHECK(result.installed == temp / "home/plugins/my-plugin");
  CHECK(fs::file_size(result.installed / "deep/a.cpp") == 6);
  CHECK(entries(temp / "home/plugins") == 1);
}

TEST_CASE("a name that is taken is refused and left as it was") {
  const TempTree temp;
  temp.file("src/p/meson.build", "new");
  temp.file("home/plugins/p/meson.build", "old one");
  check_refused(temp, (temp / "src/p").string(), "exists already; remove it first");
  CHECK(fs::file_size(temp / "home/plugins/p/meson.build") == 7);
}

TEST_CASE("what is no source tree is refused by name") {
  const TempTree temp;
  temp.file("src/empty/readme");
  temp.file("src/a.so");
  temp.file("src/bad name/meson.build");
  check_refused(temp, (temp / "src/empty").string(), "no meson.build");
  check_refused(temp, (temp / "src/a.so").string(), "not a folder");
  check_refused(temp, (temp / "src/bad name").string(), "'bad name' cannot be");
  check_refused(temp, "no-such-thing", "neither a path");
  check_refused(temp, "", "neither a path");
}

TEST_CASE("options and command transports dressed up as sources do not reach git") {
  const TempTree temp;
  check_refused(temp, "--upload-pack=x", "neither a path");
  check_refused(temp, "-user/repo", "neither a path");
  check_refused(temp, "-oProxyCommand=x@host:p", "neither a path");
  check_refused(temp, "ext::sh -c true", "neither a path");
  check_refused(temp, "a/b/c", "neither a path");
  check_refused(temp, "user/../repo", "neither a path");
}

TEST_CASE("a tree that holds the destination is refused instead of copied into itself") {
  const TempTree temp;
  temp.file("meson.build");
  check_refused(temp, temp.path().string(), "the place it would be copied to");
}

TEST_CASE("a git repository is cloned; a failed clone leaves nothing") {
  const TempTree temp;
  temp.file("repos/fine.git-src/meson.build", "project('x')");
  temp.file("repos/bare-readme/readme", "x");
  if (!make_repository(temp / "repos/fine.git-src") || !make_repository(temp / "repos/bare-readme")) {
    MESSAGE("no git here: skipped");
    return;
  }
  fs::rename(temp / "repos/fine.git-src", temp / "repos/fine.git");
  const InstallResult result = install_plugin("file://" + (temp / "repos/fine.git").string(), temp / "home");
  REQUIRE_MESSAGE(result.ok, result.error);
  CHECK(result.installed == temp / "home/plugins/fine");
  CHECK(fs::exists(result.installed / "meson.build"));

  check_refused(temp, "file://" + (temp / "repos/nothing").string(), "could not clone");
  check_refused(temp, "file://" + (temp / "repos/bare-readme").string(), "no meson.build");
}
