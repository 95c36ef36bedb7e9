// A plugin that asks for a library of patches.list gets ours in whatever form it asks, and so do the third
// parties that it brings along; the system's copy, though installed, never. Runs Meson.
#include "support.hpp"

using namespace tau::host;
using namespace tau::host::test;

namespace {

/// A list that redirects fixlib, and a system that has one of its own.
fs::path patches() {
  Tau& tau = shared_tau();
  const fs::path list = tau / "patches/patches.list";
  if (fs::exists(list)) return list;
  fs::create_directories(list.parent_path());
  fs::copy(fixtures() / "ours", tau / "patches/ours folder", fs::copy_options::recursive);
  write_file(list, "# tau itself goes without saying\nfixlib = ours folder  # by Meson\n");
  const fs::path system = tau / "system";
  fs::copy(fixtures() / "system", system, fs::copy_options::recursive);
  std::string pc = text_of(system / "fixlib.pc.in");
  pc.replace(pc.find("@folder@"), 8, system.string());
  write_file(system / "fixlib.pc", pc);
  ::setenv("PKG_CONFIG_PATH", system.c_str(), 1);
  return list;
}

/// One that asks for fixlib in its own way.
fs::path asking(const std::string& meson, const std::string& source = "#include <fixlib.h>\n") {
  const auto plugin = fresh_plugin();
  write_file(plugin / "meson.build", "project('asking', 'cpp')\n" + meson);
  write_file(plugin / "plain.cpp", source + text_of(plugin / "plain.cpp"));
  return plugin;
}

}  // namespace

TEST_CASE("the system's fixlib is found when nothing is redirected") {
  // Else the other cases would prove nothing.
  patches();
  const auto plugin = asking(
      "dep = dependency('fixlib', version: '<2')\n"
      "shared_module('asking', 'plain.cpp', dependencies: [dependency('tau'), dep])\n");
  require_ok(shared_tau().compile(plugin));
}

TEST_CASE("every form of dependency() gets ours, also from a third party's subproject") {
  const auto plugin = fresh_plugin("forms");
  const auto before = snapshot(plugin);
  require_ok(shared_tau().compile(plugin, patches()));
  CHECK(snapshot(plugin) == before);
}

TEST_CASE("a form that no override reaches is refused, not served by the system") {
  const auto plugin = asking(
      "dep = dependency('fixlib', fallback: [], method: 'pkg-config', modules: ['x'])\n"
      "if dep.version() != '99.0.0'\n  error('leaked: ' + dep.version())\nendif\n"
      "shared_module('asking', 'plain.cpp', dependencies: [dependency('tau'), dep])\n");
  const auto result = shared_tau().compile(plugin, patches());
  INFO(result.error);
  CHECK_FALSE(result.ok);
  CHECK_FALSE(contains(result.error, "leaked"));
  CHECK(contains(result.error, "'fixlib' comes from tau"));
  CHECK(contains(result.error, "dependency('fixlib')"));
}

TEST_CASE("a version that ours does not have is an error that says so") {
  const auto plugin = asking(
      "dep = dependency('fixlib', version: '>=100')\n"
      "shared_module('asking', 'plain.cpp', dependencies: [dependency('tau'), dep])\n");
  const auto result = shared_tau().compile(plugin, patches());
  INFO(result.error);
  CHECK_FALSE(result.ok);
  CHECK(contains(result.error, "fixlib"));
  CHECK(contains(result.error, "99.0.0"));
}

TEST_CASE("a vendored copy of the library is not used") {
  const auto plugin = asking(
      "dep = dependency('fixlib', fallback: ['fixlib', 'fixlib_dep'])\n"
      "if dep.version() != '99.0.0'\n  error('leaked')\nendif\n"
      "shared_module('asking', 'plain.cpp', dependencies: [dependency('tau'), dep])\n");
  write_file(plugin / "subprojects/fixlib/meson.build",
             "project('fixlib')\nfixlib_dep = declare_dependency(version: '1.0')\n"
             "meson.override_dependency('fixlib', fixlib_dep)\n");
  require_ok(shared_tau().compile(plugin, patches()));
}

TEST_CASE("a package that stands on the system's copy stands on the plugin's own where it brings one along") {
  Tau& tau = shared_tau();
  const auto list = tau / "standing.list";
  write_file(list, "baselib = standing\n");
  write_file(tau / "standing/uses-system-copy", "");
  write_file(tau / "standing/meson.build",
             "project('baselib')\nfs = import('fs')\nhere = meson.global_source_root() / 'subprojects/baselib-upstream'\n"
             "folder = 'none'\nif fs.exists(here) or fs.exists(here + '.wrap')\n"
             "  folder = subproject('baselib-upstream').get_variable('upstream_folder')\nendif\n"
             "baselib_dep = declare_dependency(version: '9', compile_args: '-DBASE=\"' + folder + '\"')\n"
             "meson.override_dependency('baselib', baselib_dep)\n");
  const auto plugin = asking(
      "dep = dependency('baselib', fallback: ['baselib', 'baselib_dep'])\n"
      "if dep.version() != '9'\n  error('leaked')\nendif\n"
      "shared_module('asking', 'plain.cpp', dependencies: [dependency('tau'), dep])\n",
      "extern \"C\" __attribute__((visibility(\"default\"))) const char* base() { return \"<\" BASE \">\"; }\n");
  const auto base = [&] {
    const auto result = tau.compile(plugin, list);
    INFO(result.error);
    REQUIRE(result.ok);
    const std::string text = text_of(result.module);
    const auto begin = text.find('<' + std::string("/")) != text.npos ? text.find("</") + 1 : text.find("<none>") + 1;
    REQUIRE(begin != 0);
    return text.substr(begin, text.find('>', begin) - begin);
  };
  CHECK(base() == "none");

  // A folder. Its meson.build, which would be in our way, is not asked.
  const std::string theirs = "project('baselib')\nbaselib_dep = declare_dependency(version: '1')\n"
                             "meson.override_dependency('baselib', baselib_dep)\n";
  write_file(plugin / "subprojects/baselib/meson.build", theirs);
  write_file(plugin / "subprojects/baselib/mark", "folder");
  auto before = snapshot(plugin);
  CHECK(text_of(fs::path(base()) / "mark") == "folder");
  CHECK(snapshot(plugin) == before);
  CHECK(tau.compile(plugin, list).fresh);

  // An archive, with a folder in it that has the name of our package.
  fs::rename(plugin / "subprojects/baselib", tau / "baselib");
  write_file(tau / "baselib/mark", "archive");
  const std::string pack = "tar -C '" + tau.root().parent_path().string() + "' -czf '";
  const auto archive = plugin / "subprojects/packagefiles/baselib.tar.gz";
  fs::create_directories(archive.parent_path());
  REQUIRE(std::system((pack + archive.string() + "' baselib").c_str()) == 0);
  write_file(plugin / "subprojects/baselib.wrap",
             "[wrap-file]\nsource_filename = baselib.tar.gz\npatch_filename = none.tar.gz\n"
             "[provide]\nbaselib = baselib_dep\n");
  before = snapshot(plugin);
  CHECK(text_of(fs::path(base()) / "mark") == "archive");
  CHECK(snapshot(plugin) == before);
  CHECK(text_of(tau / "standing/mark") == "");

  // Another archive of the same name.
  write_file(tau / "baselib/mark", "another");
  REQUIRE(std::system((pack + archive.string() + "' baselib").c_str()) == 0);
  write_file(plugin / "subprojects/baselib.wrap",
             "[wrap-file]\ndirectory = baselib\nsource_filename = baselib.tar.gz\n");
  CHECK(text_of(fs::path(base()) / "mark") == "another");

  // A repository.
  if (std::system("git --version > /dev/null 2>&1") == 0) {
    const std::string git = "git -C '" + (tau / "baselib").string() + "' -c user.name=t -c user.email=t@example.invalid ";
    REQUIRE(std::system((git + "init -q && " + git + "add . && " + git + "commit -qm one && " + git + "tag one").c_str()) == 0);
    write_file(plugin / "subprojects/baselib.wrap",
               "[wrap-git]\nurl = file://" + (tau / "baselib").string() + "\nrevision = one\ndirectory = baselib-1\n");
    CHECK(text_of(fs::path(base()) / "mark") == "another");
    // What the author has fetched himself is taken as it is.
    write_file(plugin / "subprojects/baselib-1/mark", "fetched before");
    CHECK(text_of(fs::path(base()) / "mark") == "fetched before");
    fs::remove_all(plugin / "subprojects/baselib-1");
    CHECK(text_of(fs::path(base()) / "mark") == "another");
  }
  fs::remove_all(tau / "baselib");

  // What cannot be had is an error, and no reason to take the system's.
  write_file(plugin / "subprojects/baselib.wrap", "[wrap-file]\nsource_filename = missing.tar.gz\n");
  CHECK_FALSE(tau.compile(plugin, list).ok);
  write_file(plugin / "subprojects/baselib.wrap", "[wrap-redirect]\nfilename = a/subprojects/b.wrap\n");
  const auto refused = tau.compile(plugin, list);
  CHECK_FALSE(refused.ok);
  CHECK(contains(refused.error, "put its tree into subprojects/baselib"));

  fs::remove_all(plugin / "subprojects");
  CHECK(base() == "none");
}

TEST_CASE("what a plugin's wraps fetch lands in the cache, gets ours, and is fetched anew when a wrap changes") {
  Tau& tau = shared_tau();
  if (std::system("git --version > /dev/null 2>&1") != 0) return;
  // Upstream: a library that asks for fixlib, in a repository, in two versions.
  const auto upstream = tau / "upstream";
  fs::copy(fixtures() / "forms/subprojects/bar", upstream, fs::copy_options::recursive);
  const std::string git = "git -C '" + upstream.string() + "' -c user.name=t -c user.email=t@example.invalid ";
  REQUIRE(std::system((git + "init -q && " + git + "add . && " + git + "commit -qm one && " + git + "tag one").c_str()) == 0);
  write_file(upstream / "bar.h", text_of(upstream / "bar.h") + "#define BAR_IS_NEW 1\n");
  REQUIRE(std::system((git + "commit -qam two && " + git + "tag two").c_str()) == 0);

  const auto plugin = asking(
      "shared_module('asking', 'plain.cpp', dependencies: [dependency('tau'), dependency('bar')])\n",
      "#include <bar.h>\nconst char* origin() { return bar_fixlib(); }\n"
      "#ifdef BAR_IS_NEW\nextern \"C\" __attribute__((visibility(\"default\"))) int plugin_new() { return 1; }\n#endif\n");
  const auto with_revision = [&](const std::string& revision) {
    write_file(plugin / "subprojects/bar.wrap", "[wrap-git]\nurl = file://" + upstream.string() + "\ndirectory = bar\nrevision = " +
               revision + "\n[provide]\nbar = bar_dep\n");
  };
  with_revision("one");
  auto before = snapshot(plugin);
  auto result = tau.compile(plugin, patches());
  require_ok(result);
  CHECK(snapshot(plugin) == before);
  CHECK(contains(text_of(result.module), "ours"));
  CHECK_FALSE(contains(text_of(result.module), "plugin_new"));
  with_revision("two");
  result = tau.compile(plugin, patches());
  require_ok(result);
  CHECK(contains(text_of(result.module), "plugin_new"));
  CHECK(tau.compile(plugin, patches()).fresh);

  // And a wrap that is dropped leaves nothing that fails the set-up.
  fs::remove_all(plugin / "subprojects");
  write_file(plugin / "meson.build", "project('asking', 'cpp')\nshared_module('asking', 'more.cpp', dependencies: dependency('tau'))\n");
  fs::copy(fixtures() / "plain/plain.cpp", plugin / "more.cpp");
  require_ok(tau.compile(plugin, patches()));
}

TEST_CASE("each patch is announced with its folder") {
  const auto lines = Compiler(shared_tau().installation(patches())).announcement();
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "Using prebuilt tau-rt: " + (shared_tau().root() / "lib/libtau_rt.so").string());
  CHECK(lines[1] == "Patching tau → " + (shared_tau().root() / "src/tau").string());
  CHECK(lines[2] == "Patching fixlib → " + (shared_tau() / "patches/ours folder").string());
}

TEST_CASE("a list that is wrong fails the compile with its line") {
  const auto list = shared_tau() / "wrong.list";
  write_file(list, "# one\nfixlib\n");
  const auto result = shared_tau().compile(fresh_plugin(), list);
  CHECK_FALSE(result.ok);
  CHECK(contains(result.error, list.string() + ":2: 'fixlib' is not of the form 'name = folder'"));
}
