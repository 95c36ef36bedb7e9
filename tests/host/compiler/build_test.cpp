// A plugin's way through the compiler when all goes well: places it may lie in, what its own options may not
// change, what is rebuilt when. Runs Meson.
#include <dlfcn.h>
#include <sys/wait.h>

#include <nlohmann/json.hpp>

#include "compiler/audit.hpp"
#include "compiler/cache.hpp"
#include "compiler/flags.hpp"
#include "support.hpp"

using namespace tau::host;
using namespace tau::host::test;

namespace {

/// Adds source text to a plugin and makes sure that the file system's clock has moved on.
void append(const fs::path& file, const std::string& text) {
  std::ofstream(file, std::ios::app) << text;
}

std::string slot_of(const CompileResult& result) { return result.module.parent_path().parent_path().string(); }

}  // namespace

TEST_CASE("a plugin is built, and the second time nothing is") {
  const auto plugin = fresh_plugin();
  const auto before = snapshot(plugin);
  int told = 0;
  const auto compiler = Compiler(shared_tau().installation());
  const auto first = compiler.compile({.source = plugin, .stop = {}}, [&](const std::string&) { ++told; });
  require_ok(first);
  CHECK(first.name == "plain");
  CHECK_FALSE(first.fresh);
  CHECK(told > 0);
  CHECK(snapshot(plugin) == before);

  told = 0;
  const auto second = compiler.compile({.source = plugin, .stop = {}}, [&](const std::string&) { ++told; });
  require_ok(second);
  CHECK(second.fresh);
  CHECK(second.module == first.module);
  CHECK(second.name == "plain");
  CHECK(told == 0);
}

TEST_CASE("a module shows its entry points alone and needs no library of ours but rt") {
  const auto result = shared_tau().compile(fresh_plugin());
  require_ok(result);
  const auto bytes = text_of(result.module);
  const auto needed = needed_libraries(bytes);
  CHECK(std::count(needed.begin(), needed.end(), "libtau_rt.so") == 1);
  CHECK(std::count(needed.begin(), needed.end(), "libtau.so") == 0);
  CHECK_FALSE(contains(bytes, (shared_tau().root() / "lib").string()));  // no RUNPATH
  // The sdk is inside, and hidden.
  CHECK(contains(bytes, "plugin_init"));
}

TEST_CASE("a plugin in C is built by the same package") {
  require_ok(shared_tau().compile(fresh_plugin("c-plain")));
}

TEST_CASE("a plugin may lie on a path with spaces and quotes") {
  const auto plugin = shared_tau().plugin("plain", shared_tau() / "plugins" / "it's a place" / "my plain $plugin");
  const auto result = shared_tau().compile(plugin);
  require_ok(result);
  CHECK(shared_tau().compile(plugin).fresh);
}

TEST_CASE("a plugin may be given by a relative path, and is the same plugin") {
  const auto plugin = fresh_plugin();
  require_ok(shared_tau().compile(plugin));
  const auto back = fs::current_path();
  fs::current_path(plugin.parent_path());
  const auto result = shared_tau().compile("plain/");
  append("plain/plain.cpp", "int broken = ;\n");
  const auto failed = shared_tau().compile("./plain");
  fs::current_path(back);
  require_ok(result);
  CHECK(result.fresh);
  CHECK_FALSE(failed.ok);
  CHECK(contains(failed.error, "./plain/plain.cpp:5:14: error:"));
}

TEST_CASE("a plugin may be read-only, wraps and third-party sources included") {
  const auto plugin = fresh_plugin("forms");
  const auto patches = shared_tau() / "read-only.list";
  write_file(patches, "fixlib = " + (fixtures() / "ours").string() + "\n");
  for (const auto& each : fs::recursive_directory_iterator(plugin)) {
    fs::permissions(each.path(), fs::perms::owner_write, fs::perm_options::remove);
  }
  fs::permissions(plugin, fs::perms::owner_write, fs::perm_options::remove);
  const auto before = snapshot(plugin);
  require_ok(shared_tau().compile(plugin, patches));
  CHECK(snapshot(plugin) == before);
}

TEST_CASE("a source that changed is compiled again, and what was only touched as well") {
  const auto plugin = fresh_plugin();
  const auto first = shared_tau().compile(plugin);
  require_ok(first);
  append(plugin / "plain.cpp", "extern \"C\" __attribute__((visibility(\"default\"))) int plugin_extra() { return 7; }\n");
  const auto second = shared_tau().compile(plugin);
  require_ok(second);
  CHECK_FALSE(second.fresh);
  CHECK(second.module != first.module);
  CHECK(contains(text_of(second.module), "plugin_extra"));
  CHECK(fs::exists(first.module));  // a host may be about to load it

  fs::last_write_time(plugin / "plain.cpp", fs::file_time_type::clock::now());
  const auto third = shared_tau().compile(plugin);
  require_ok(third);
  CHECK(third.module == second.module);
  CHECK(shared_tau().compile(plugin).fresh);
}

TEST_CASE("a source that is replaced by an older one is compiled again") {
  const auto plugin = fresh_plugin();
  const auto old = shared_tau() / "older.cpp";
  write_file(old, text_of(plugin / "plain.cpp") + "extern \"C\" __attribute__((visibility(\"default\"))) int plugin_older() { return 1; }\n");
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(24));
  require_ok(shared_tau().compile(plugin));
  fs::rename(old, plugin / "plain.cpp");
  const auto result = shared_tau().compile(plugin);
  require_ok(result);
  CHECK(contains(text_of(result.module), "plugin_older"));
}

TEST_CASE("a new header that hides another is seen") {
  const auto plugin = fresh_plugin();
  write_file(plugin / "late/word.h", "#define WORD plugin_late\n");
  write_file(plugin / "meson.build", "project('plain', 'cpp')\nshared_module('plain', 'plain.cpp', dependencies: dependency('tau'),\n"
             "  include_directories: include_directories('early', 'late'))\n");
  write_file(plugin / "early/unrelated.h", "");
  append(plugin / "plain.cpp", "#include <word.h>\nextern \"C\" __attribute__((visibility(\"default\"))) int WORD() { return 1; }\n");
  const auto first = shared_tau().compile(plugin);
  require_ok(first);
  CHECK(contains(text_of(first.module), "plugin_late"));
  write_file(plugin / "early/word.h", "#define WORD plugin_early\n");
  fs::last_write_time(plugin / "early/word.h", fs::file_time_type::clock::now() - std::chrono::hours(24));
  const auto second = shared_tau().compile(plugin);
  require_ok(second);
  CHECK(contains(text_of(second.module), "plugin_early"));
}

TEST_CASE("an editor's passing files build nothing") {
  const auto plugin = fresh_plugin();
  require_ok(shared_tau().compile(plugin));
  write_file(plugin / ".plain.cpp.swp", "x");
  write_file(plugin / "plain.cpp~", "x");
  CHECK(shared_tau().compile(plugin).fresh);
}

TEST_CASE("a plugin's own options cannot change what the host relies on") {
  const auto plugin = fresh_plugin();
  write_file(plugin / "meson.build",
             "project('attack', 'cpp', default_options: ['cpp_std=c++17', 'werror=true', 'warning_level=3', 'b_sanitize=address',\n"
             "  'b_lto=true', 'b_ndebug=true', 'unity=on', 'default_library=shared', 'cpp_rtti=false', 'cpp_eh=none',\n"
             "  'cpp_debugstl=true', 'buildtype=debug', 'b_staticpic=false'])\n"
             "shared_module('attack', 'plain.cpp', dependencies: dependency('tau'))\n");
  append(plugin / "plain.cpp",
         "#include <cassert>\n"
         "#ifdef _GLIBCXX_DEBUG\n#error debug containers\n#endif\n"
         "#ifdef __SANITIZE_ADDRESS__\n#error sanitized\n#endif\n"
         "#ifndef __cpp_rtti\n#error no rtti\n#endif\n"
         "#ifndef __cpp_exceptions\n#error no exceptions\n#endif\n"
         "static_assert(__cplusplus >= 202002L);\n"
         "extern \"C\" const char* plugin_flags() { return TAU_FLAGS_HASH; }\n"
         "int leaky(int unused) { return 1; }\n");
  // A host that is sanitized itself wants that of its plugins.
  if (contains(flags_summary(), "-fsanitize")) return;
  const auto result = shared_tau().compile(plugin);
  require_ok(result);
  CHECK(contains(text_of(result.module), flags_hash()));
  CHECK(contains(result.warnings, "unused parameter"));
  CHECK(contains(result.warnings, plugin.string() + "/plain.cpp:"));
}

TEST_CASE("a target's own argument that changes layouts is refused") {
  const auto plugin = fresh_plugin();
  write_file(plugin / "meson.build",
             "project('enums', 'cpp')\n"
             "shared_module('enums', 'plain.cpp', dependencies: dependency('tau'), cpp_args: '-fshort-enums')\n");
  const auto result = shared_tau().compile(plugin);
  CHECK_FALSE(result.ok);
  CHECK(contains(result.error, "argument -fshort-enums"));
}

TEST_CASE("the precompiled header is really used") {
  if (flags_summary().rfind("gcc", 0) != 0) return;  // only GCC has one
  const auto plugin = fresh_plugin();
  auto text = text_of(plugin / "plain.cpp");
  text.erase(0, text.find('\n'));  // its #include
  write_file(plugin / "plain.cpp", text);
  require_ok(shared_tau().compile(plugin));
}

TEST_CASE("a target with flags of its own is built without the precompiled header") {
  const auto plugin = fresh_plugin();
  write_file(plugin / "meson.build",
             "project('odd', 'cpp', default_options: ['warning_level=3', 'werror=true'])\n"
             "shared_module('odd', 'plain.cpp', dependencies: dependency('tau'),\n"
             "  cpp_args: ['-O0', '-g3', '-D_GLIBCXX_ASSERTIONS=1', '-Werror'], override_options: ['optimization=0'])\n");
  require_ok(shared_tau().compile(plugin));
}

TEST_CASE("compile_commands.json names the real files, outside of the plugin's tree") {
  const auto plugin = fresh_plugin();
  const auto result = shared_tau().compile(plugin);
  require_ok(result);
  CHECK(result.compile_commands.string().rfind(shared_tau().home().string(), 0) == 0);
  const auto json = nlohmann::json::parse(text_of(result.compile_commands));
  REQUIRE(json.size() == 1);
  CHECK(json[0]["file"] == (plugin / "plain.cpp").string());
  const auto text = json[0]["arguments"].dump();
  CHECK(contains(text, "-isystem" + (shared_tau().root() / "src/tau/include").string()));
  CHECK_FALSE(contains(text, "super/"));
  CHECK_FALSE(contains(text, "tau.hpp"));
}

TEST_CASE("flags in the host's environment do not reach a plugin's build") {
  const auto plugin = fresh_plugin();
  append(plugin / "plain.cpp", "#ifdef LEAKED\n#error leaked\n#endif\n");
  for (const char* name : {"CXXFLAGS", "CPPFLAGS", "CFLAGS"}) ::setenv(name, "-DLEAKED", 1);
  ::setenv("LDFLAGS", "-Wl,--no-such-option", 1);
  ::setenv("CPLUS_INCLUDE_PATH", "/nonexistent", 1);
  ::setenv("CXX", "/nonexistent/compiler", 1);
  const auto result = shared_tau().compile(plugin);
  for (const char* name : {"CXXFLAGS", "CPPFLAGS", "CFLAGS", "LDFLAGS", "CPLUS_INCLUDE_PATH", "CXX"}) ::unsetenv(name);
  require_ok(result);
}

TEST_CASE("the cache lists what it holds, and lets go of it") {
  Tau tau;
  const auto one = tau.plugin("plain", tau / "one");
  const auto two = tau.plugin("plain", tau / "two");
  const auto result = tau.compile(one);
  require_ok(result);
  require_ok(tau.compile(two));
  const Cache cache(tau.home());
  auto entries = cache.list("");
  REQUIRE(entries.size() == 3);  // and the foundation
  std::vector<std::string> busy;
  CHECK(cache.clean_plugin("one", busy) == 1);
  CHECK_FALSE(fs::exists(result.module));
  CHECK(cache.list("").size() == 2);

  {
    FileLock lock;
    std::string error;
    REQUIRE(lock.acquire(slot_of(tau.compile(two)) + ".lock", true, error));
    CHECK(cache.clean_all(busy) == 0);
    CHECK(busy.size() == 1);
  }
  CHECK(cache.clean_all(busy) == 1);
  CHECK(cache.list("").empty());
  require_ok(tau.compile(one));

  // Another sdk is another environment, and the one before is of no more use.
  write_file(tau.root() / "src/tau/include/tau/more.hpp", "#pragma once\n");
  require_ok(tau.compile(one));
  CHECK(cache.list("").size() == 2);
}
