// What can be wrong with a plugin, with the machine and with the cache: each is a clear message, damages
// nothing, and the next run works. Runs Meson.
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "compiler/cache.hpp"
#include "support.hpp"

using namespace tau::host;
using namespace tau::host::test;

namespace {

/// Spoils a plugin, and says what the compiler made of it. Put right again, it must build.
std::string error_after(const std::string& file, const std::string& text) {
  const auto plugin = fresh_plugin();
  const auto good = text_of(plugin / file);
  write_file(plugin / file, text);
  const auto result = shared_tau().compile(plugin);
  CHECK_FALSE(result.ok);
  CHECK(result.module.empty());
  CHECK_FALSE(result.error.empty());
  CHECK(result.error.back() != '\n');
  CHECK_FALSE(contains(result.error, "super/subprojects/plugin"));
  CHECK_FALSE(contains(result.error, "ninja: "));
  write_file(plugin / file, good);
  require_ok(shared_tau().compile(plugin));
  // What differs from case to case is the folder.
  std::string error = result.error;
  for (auto at = error.find(plugin.string()); at != error.npos; at = error.find(plugin.string())) {
    error.replace(at, plugin.string().size(), "PLUGIN");
  }
  INFO(error);
  return error;
}

/// In a child with mounts of its own; its exit code, or -1 where that is not allowed.
int in_own_mounts(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(99);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) != 99 ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("what is no plugin is called that") {
  Tau& tau = shared_tau();
  CHECK(contains(tau.compile(tau / "nowhere").error, "nowhere': No such file or directory"));
  fs::create_directories(tau / "empty");
  CHECK(tau.compile(tau / "empty").error == "'" + (tau / "empty").string() + "' is not a plugin: no meson.build there");
  write_file(tau / "file", "");
  CHECK(contains(tau.compile(tau / "file").error, "is not a plugin: not a folder"));
}

TEST_CASE("a compile error comes first, with the user's own path and line") {
  const auto error = error_after("plain.cpp", "static int unused;\nint f() { return missing; }\nint g() { return missing; }\n");
  CHECK(error.rfind("PLUGIN/plain.cpp:", 0) == 0);
  const auto first = error.find("PLUGIN/plain.cpp:2:18: error: ");
  const auto second = error.find("PLUGIN/plain.cpp:3:18: error: ");
  REQUIRE(first != error.npos);
  REQUIRE(second != error.npos);
  CHECK(first < second);
  CHECK(contains(error, "missing"));
  const auto warning = error.find("unused");
  REQUIRE(warning != error.npos);
  CHECK(second < warning);
}

TEST_CASE("a link error names the symbol and where it is used") {
  const auto error = error_after("plain.cpp", "#include <tau/tau.hpp>\nvoid missing();\nextern \"C\" int32_t plugin_init(tau_plugin*) noexcept {\n"
                                 "  missing();\n  return 0;\n}\n");
  CHECK(contains(error, "PLUGIN/plain.cpp:4: undefined reference to `missing()'"));
}

TEST_CASE("a syntax error in meson.build is shown with its line and place") {
  const auto error = error_after("meson.build", "project('x', 'cpp')\nshared_module('x' 'plain.cpp')\n");
  CHECK(error.rfind("PLUGIN/meson.build:2:", 0) == 0);
  CHECK(contains(error, "ERROR: "));
  CHECK(contains(error, "^"));
}

TEST_CASE("an unknown function in meson.build is shown") {
  CHECK(contains(error_after("meson.build", "project('x', 'cpp')\nshared('x', 'plain.cpp')\n"), "Unknown function \"shared\""));
}

TEST_CASE("a missing dependency is named with the remedy") {
  const auto error = error_after("meson.build", "project('x', 'cpp')\nshared_module('x', 'plain.cpp',\n"
                                 "  dependencies: [dependency('tau'), dependency('no-such-thing')])\n");
  CHECK(contains(error, "no-such-thing"));
  CHECK(contains(error, "PLUGIN/meson.build:2:0: ERROR: "));
  CHECK(contains(error, "install its development package"));
}

TEST_CASE("a source file that is missing is named") {
  CHECK(contains(error_after("meson.build", "project('x', 'cpp')\nshared_module('x', 'absent.cpp')\n"), "absent.cpp"));
}

TEST_CASE("a plugin is one shared module, no more and no less") {
  auto error = error_after("meson.build", "project('x', 'cpp')\n");
  CHECK(contains(error, "no shared_module()"));
  error = error_after("meson.build", "project('x', 'cpp')\nshared_library('y', 'plain.cpp', dependencies: dependency('tau'))\n");
  CHECK(contains(error, "make a shared_module() of the shared_library() 'y'"));
  error = error_after("meson.build", "project('x', 'cpp')\ntau = dependency('tau')\n"
                      "shared_module('one', 'plain.cpp', dependencies: tau)\nshared_module('two', 'plain.cpp', dependencies: tau)\n");
  CHECK(contains(error, "2 shared modules, and a plugin is one: 'one' 'two'"));
}

TEST_CASE("only the plugin's own module is built") {
  const auto plugin = fresh_plugin();
  write_file(plugin / "broken.cpp", "this is not C++\n");
  write_file(plugin / "meson.build", text_of(plugin / "meson.build") + "executable('broken', 'broken.cpp')\n");
  require_ok(shared_tau().compile(plugin));
}

TEST_CASE("a library that was taken from the system by another way is refused") {
  Tau& tau = shared_tau();
  // Every C compiler brings this header, so it stands for one of a library.
  fs::copy(fixtures() / "ours", tau / "stdint");
  write_file(tau / "stdint/meson.build", "project('stdint')\nstdint_dep = declare_dependency()\n"
             "meson.override_dependency('stdint', stdint_dep)\n");
  write_file(tau / "stdint.list", "stdint = stdint\n");
  if (!fs::exists("/usr/include/stdint.h")) return;
  const auto result = tau.compile(fresh_plugin("c-plain"), tau / "stdint.list");
  CHECK_FALSE(result.ok);
  CHECK(contains(result.error, "the system's stdint (/usr/include/stdint.h)"));
  CHECK(contains(result.error, "dependency('stdint')"));
}

TEST_CASE("a shared library that is built beside the module is refused") {
  const auto plugin = fresh_plugin();
  write_file(plugin / "meson.build", "project('x', 'cpp')\nbeside = shared_library('beside', 'beside.cpp')\n"
             "shared_module('x', 'plain.cpp', dependencies: dependency('tau'), link_with: beside)\n");
  write_file(plugin / "beside.cpp", "__attribute__((visibility(\"default\"))) int beside() { return 1; }\n");
  write_file(plugin / "plain.cpp", text_of(plugin / "plain.cpp") + "int beside();\nextern \"C\" int plugin_beside() { return beside(); }\n");
  const auto result = shared_tau().compile(plugin);
  CHECK_FALSE(result.ok);
  CHECK(contains(result.error, "linked with libbeside.so, a shared library that is built beside it"));
  CHECK(contains(result.error, "static_library()"));
}

TEST_CASE("a compiler or a tool that is not on PATH is named with the remedy") {
  const auto plugin = fresh_plugin();
  Tau& tau = shared_tau();
  const std::string path = ::getenv("PATH");
  fs::create_directories(tau / "bin");
  ::setenv("PATH", (tau / "bin").c_str(), 1);
  const auto none = tau.compile(plugin);
  for (const char* each : {"c++", "g++", "clang++", "cc", "gcc", "clang"}) {
    if (fs::exists(fs::path("/usr/bin") / each)) fs::create_symlink(fs::path("/usr/bin") / each, tau / "bin" / each);
  }
  const auto no_meson = tau.compile(plugin);
  ::setenv("PATH", path.c_str(), 1);
  CHECK_FALSE(none.ok);
  CHECK(contains(none.error, "on PATH, the compiler that this tau was built with"));
  CHECK(contains(none.error, "apt install"));
  CHECK_FALSE(no_meson.ok);
  CHECK(contains(no_meson.error, "'meson' is not on PATH"));
  CHECK(contains(no_meson.error, "apt install meson"));
  require_ok(tau.compile(plugin));
}

TEST_CASE("an installation that is not whole says what is missing") {
  Tau tau;
  fs::remove(tau.root() / "lib/libtau_rt.so");
  const auto result = tau.compile(tau.plugin("plain"));
  CHECK_FALSE(result.ok);
  CHECK(contains(result.error, "libtau_rt.so' is missing"));
  shared_tau();
}

TEST_CASE("a cache that cannot be written is a clear message, and what it holds still serves") {
  Tau tau;
  const auto plugin = tau.plugin("plain");
  write_file(tau / "file", "");
  tau.use_cache(tau / "file/home");
  auto result = tau.compile(plugin);
  CHECK_FALSE(result.ok);
  CHECK(contains(result.error, (tau / "file/home").string()));
  CHECK(contains(result.error, "set TAU_HOME"));

  tau.use_cache(tau.home());
  require_ok(tau.compile(plugin));
  if (::geteuid() != 0) {
    fs::permissions(tau.home() / "buildcache", fs::perms::owner_read | fs::perms::owner_exec);
    CHECK(tau.compile(plugin).fresh);
    fs::permissions(tau.home() / "buildcache", fs::perms::owner_all);
  }
  const int code = in_own_mounts([&] {
    const std::string folder = tau.home().string();
    const char* home = folder.c_str();
    if (::mount(home, home, nullptr, MS_BIND, nullptr) != 0 ||
        ::mount(nullptr, home, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
      return 99;
    }
    if (!tau.compile(plugin).fresh) return 1;
    write_file(plugin / "plain.cpp", text_of(plugin / "plain.cpp") + "\n");
    const auto refused = tau.compile(plugin);
    return !refused.ok && contains(refused.error, "set TAU_HOME") ? 0 : 2;
  });
  if (code < 0) MESSAGE("skipped in part: needs the right to mount");
  CHECK(code <= 0);
  require_ok(tau.compile(plugin));
  shared_tau();
}

TEST_CASE("a cache that others may write, or that is another's, is refused until it is put right") {
  Tau tau;
  const auto plugin = tau.plugin("plain");
  const auto built = tau.compile(plugin);
  require_ok(built);
  const auto slot = built.module.parent_path().parent_path();
  for (const auto& each : {tau.home() / "buildcache", slot.parent_path(), slot, slot / "stamp", slot / "modules", built.module}) {
    CAPTURE(each.string());
    struct stat before{};
    REQUIRE(::stat(each.c_str(), &before) == 0);
    REQUIRE(::chmod(each.c_str(), before.st_mode | 0022) == 0);
    const auto writable = tau.compile(plugin);
    // A module's mode is part of its stamp: it is looked at again, or made anew.
    if (each != built.module) {
      CHECK_FALSE(writable.ok);
      CHECK(contains(writable.error, "may be written by other users"));
      CHECK(contains(writable.error, "chmod go-w"));
    }
    REQUIRE(::chmod(each.c_str(), before.st_mode) == 0);
    require_ok(tau.compile(plugin));
    if (::geteuid() != 0) continue;
    REQUIRE(::chown(each.c_str(), 65534, 65534) == 0);
    const auto foreign = tau.compile(plugin);
    if (each != built.module) {
      CHECK_FALSE(foreign.ok);
      CHECK(contains(foreign.error, "belongs to"));
      CHECK(contains(foreign.error, "remove it, or set TAU_HOME"));
    }
    REQUIRE(::chown(each.c_str(), 0, 0) == 0);
    require_ok(tau.compile(plugin));
  }
  shared_tau();
}

TEST_CASE("a disk that is full is a clear message, and the next run with room works") {
  Tau tau;
  const auto plugin = tau.plugin("plain");
  fs::create_directories(tau / "disk");
  const auto disk = tau / "disk";
  const int code = in_own_mounts([&] {
    if (::mount("tau", disk.c_str(), "tmpfs", 0, "size=40k") != 0) return 99;
    tau.use_cache(disk / "home");
    int full = 0;
    for (const char* size : {"size=40k", "size=200k", "size=600k", "size=2m", "size=8m", "size=400m"}) {
      if (::mount("tau", disk.c_str(), "tmpfs", MS_REMOUNT, size) != 0) return 99;
      const auto result = tau.compile(plugin);
      if (result.ok) continue;
      ++full;
      if (!contains(result.error, "No space left on device") || !contains(result.error, "set TAU_HOME")) {
        ::fprintf(stderr, "%s: %s\n", size, result.error.c_str());
        return 1;
      }
    }
    if (full == 0) return 2;
    // Now for the plugin alone, the foundation being there: the disk fills up when the set-up has begun.
    write_file(plugin / "meson.build", text_of(plugin / "meson.build") + "\n");
    const auto filler = disk / "filler";
    const auto fill = [&] {
      std::ofstream out(filler);
      const std::string block(4096, 'x');
      while (out.write(block.data(), 4096).flush()) {
      }
    };
    const auto refused = Compiler(tau.installation()).compile({.source = plugin, .stop = {}}, [&](const std::string& what) {
      if (what == "setup") fill();
    });
    if (refused.ok || !contains(refused.error, "No space left on device")) {
      ::fprintf(stderr, "filled: %s\n", refused.error.c_str());
      return 3;
    }
    fs::remove(filler);
    return tau.compile(plugin).ok ? 0 : 4;
  });
  if (code < 0) MESSAGE("skipped: needs the right to mount");
  CHECK(code <= 0);
  shared_tau();
}

TEST_CASE("a plugin's folder that vanishes while it is built is called that") {
  const auto plugin = fresh_plugin();
  const auto away = plugin.parent_path() / "away";
  const Compiler compiler(shared_tau().installation());
  const auto result = compiler.compile({.source = plugin, .stop = {}}, [&](const std::string& what) {
    if (what == "setup") fs::rename(plugin, away);
  });
  CHECK_FALSE(result.ok);
  CHECK(result.error == "'" + plugin.string() + "' vanished while it was being built");
  fs::rename(away, plugin);
  require_ok(shared_tau().compile(plugin));
}

TEST_CASE("a build can be stopped, and goes on the next time") {
  const auto plugin = fresh_plugin();
  std::stop_source stop;
  const Compiler compiler(shared_tau().installation());
  const auto result = compiler.compile({.source = plugin, .stop = stop.get_token()}, [&](const std::string&) { stop.request_stop(); });
  CHECK_FALSE(result.ok);
  CHECK(contains(result.error, "stopped"));
  require_ok(shared_tau().compile(plugin));
}
