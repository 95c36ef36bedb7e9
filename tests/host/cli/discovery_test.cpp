#include "cli/discovery.hpp"

#include "temp_tree.hpp"

using namespace tau::host;
using tau::test::TempTree;

namespace {
using Paths = std::vector<std::filesystem::path>;
}

TEST_CASE("source trees and modules are found by name, other things are not") {
  const TempTree temp;
  temp.file("home/plugins/b/meson.build");
  temp.file("home/plugins/a.so");
  temp.file("home/plugins/no-build-file/readme");
  temp.file("home/plugins/.installing-x/meson.build");
  temp.file("home/plugins/notes.txt");
  const Discovery found = discover_plugins(temp.path(), temp / "home");
  CHECK(found.plugins == Paths{temp / "home/plugins/a.so", temp / "home/plugins/b"});
}

TEST_CASE("the nearest folder upwards comes first and hides the home's namesakes") {
  const TempTree temp;
  temp.file("home/plugins/mine/meson.build");
  temp.file("home/plugins/other/meson.build");
  temp.file("project/.tau/plugins/mine/meson.build");
  temp.file("project/.tau/plugins/zebra/meson.build");
  temp.file(".tau/plugins/too-far/meson.build");
  temp.file("project/deep/er/x");
  const Discovery found = discover_plugins(temp / "project/deep/er", temp / "home");
  CHECK(found.plugins == Paths{temp / "project/.tau/plugins/mine", temp / "project/.tau/plugins/zebra",
                               temp / "home/plugins/other"});
  CHECK(found.searched == Paths{temp / "project/.tau/plugins", temp / "home/plugins"});
}

TEST_CASE("a home that is the nearest folder is looked into once") {
  const TempTree temp;
  temp.file(".tau/plugins/a/meson.build");
  const Discovery found = discover_plugins(temp.path(), temp / ".tau");
  CHECK(found.plugins.size() == 1);
  CHECK(found.searched.size() == 1);
}

TEST_CASE("nothing anywhere is an empty answer that says where it looked") {
  const TempTree temp;
  const Discovery found = discover_plugins(temp / "not/there", temp / "home");
  CHECK(found.plugins.empty());
  CHECK(found.searched.back() == temp / "home/plugins");
}

TEST_CASE("a folder that links to itself ends the search all the same") {
  const TempTree temp;
  std::filesystem::create_directories(temp / "home/plugins");
  std::filesystem::create_directory_symlink("loop", temp / "home/plugins/loop");
  CHECK(discover_plugins(temp.path(), temp / "home").plugins.empty());
}
