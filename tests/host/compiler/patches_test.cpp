#include "compiler/patches.hpp"

#include "support.hpp"

using namespace tau::host;
using namespace tau::host::test;

namespace {

std::string error_of(const std::string& text) {
  std::string error;
  CHECK_FALSE(parse_patches(text, "/there/patches.list", error));
  return error;
}

}  // namespace

TEST_CASE("lines, comments and blanks are read, folders are relative to the list, the sdk comes first") {
  std::string error;
  const auto patches = parse_patches("# reason\n\n  asio =  compat/asio \t# why\r\ntau = sdk\nlib-uv = /abs/uv", "/there/patches.list", error);
  REQUIRE(patches);
  REQUIRE(patches->size() == 3);
  CHECK((*patches)[0].name == "tau");
  CHECK((*patches)[0].folder == "/there/sdk");
  CHECK((*patches)[1].name == "asio");
  CHECK((*patches)[1].folder == "/there/compat/asio");
  CHECK((*patches)[2].folder == "/abs/uv");
}

TEST_CASE("a list that is wrong is refused with its line and the remedy") {
  CHECK(error_of("tau = sdk\n\nasio\n") == "/there/patches.list:3: 'asio' is not of the form 'name = folder'");
  CHECK(contains(error_of("asio =\n"), ":1: 'asio =' is not of the form"));
  CHECK(contains(error_of("= x\n"), ":1:"));
  CHECK(contains(error_of("../x = x\n"), ":1:"));
  CHECK(contains(error_of("a b = x\n"), ":1:"));
  CHECK(error_of("a = x\na = y\n") == "/there/patches.list:2: 'a' is listed twice; remove one of the lines");
  CHECK(contains(error_of("plugin = x\n"), "taken by the build itself"));
}

TEST_CASE("a package's variable is a name that Meson takes") {
  CHECK(dependency_variable("libuv") == "libuv_dep");
  CHECK(dependency_variable("gtk+-3.0") == "gtk__3_0_dep");
}

TEST_CASE("a list without the sdk gets it, and a folder that is no package is named") {
  TempDir dir;
  write_file(dir / "src/tau/meson.build", "");
  write_file(dir / "my.list", "mine = mine\n");
  std::string error;
  CHECK_FALSE(load_patches(dir / "my.list", dir / "src", error));
  CHECK(contains(error, "'mine' names the folder '" + (dir / "mine").string() + "', which has no meson.build"));
  write_file(dir / "mine/meson.build", "");
  const auto patches = load_patches(dir / "my.list", dir / "src", error);
  REQUIRE(patches);
  REQUIRE(patches->size() == 2);
  CHECK((*patches)[0].folder == dir / "src/tau");
  CHECK_FALSE(load_patches(dir / "none.list", dir / "src", error));
  CHECK(contains(error, "none.list"));
}
