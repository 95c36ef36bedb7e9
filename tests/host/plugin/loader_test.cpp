// Load, fail, and what stays mapped: with real modules on a real runtime, whose clock is the test's.
#include <doctest/doctest.h>
#include <plugin/opening.hpp>
#include <plugin/tombstones.hpp>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <future>
#include <thread>

#include "loading.hpp"

using namespace tau::host;
using namespace tau::test;
namespace fs = std::filesystem;

namespace {

// The busy fixture's own functions.
struct Busy {
  explicit Busy(Plugin& plugin) : module(*plugin.module) {
    reinterpret_cast<void (*)(std::atomic<long>*)>(module.symbol("plugin_lend"))(&alive);
  }
  int work() { return reinterpret_cast<int (*)()>(module.symbol("plugin_work"))(); }
  void touch() { reinterpret_cast<void (*)()>(module.symbol("plugin_touch"))(); }

  Module& module;
  static inline std::atomic<long> alive{0};
};

fs::path test_folder() {
  char name[] = "/tmp/tau-test-XXXXXX";
  REQUIRE(mkdtemp(name) != nullptr);
  return name;
}

}  // namespace

TEST_CASE("plugins are numbered in load order, found by name, and leave nothing mapped") {
  Loading l;
  Plugin& hello = l.load("hello");
  Plugin& c = l.load("plain_c");
  CHECK(hello.id == 1);
  CHECK(c.id == 2);
  CHECK(hello.phase == Phase::running);
  CHECK(l.registry.find("plain_c") == &c);
  CHECK(l.registry.find(1) == &hello);
  CHECK(hello.module->mapped());
  CHECK(opening() == nullptr);
  CHECK(l.unload(hello));
  CHECK(l.registry.find("hello") == nullptr);
  CHECK(l.registry.all().size() == 1);
  CHECK(c.module->mapped());
  CHECK(l.unload(c));
  CHECK(l.registry.all().empty());
}

TEST_CASE("two generations of one plugin are two modules, side by side") {
  Loading l;
  Plugin& old = l.load("busy");
  Plugin& young = l.load("busy");
  CHECK(young.generation == old.generation + 1);
  CHECK(l.registry.find("busy") == &young);
  CHECK(old.module->begin() != young.module->begin());
  CHECK(l.unload(old));
  CHECK(Busy(young).work() > 0);
  CHECK(l.unload(young));
  CHECK(Busy::alive == 0);
}

TEST_CASE("a module's destructors all run before it goes: statics, late ones, thread_locals of every thread") {
  Loading l;
  Plugin& plugin = l.load("busy");
  Busy busy(plugin);
  busy.work();
  std::promise<void> touched, leave;
  std::thread other([&] {
    busy.touch();
    touched.set_value();
    leave.get_future().wait();
  });
  touched.get_future().wait();
  std::thread([&] { busy.touch(); }).join();
  CHECK(Busy::alive > 60);
  CHECK(plugin.thread_exits >= 2);
  CHECK(l.unload(plugin));  // while the other thread lives
  CHECK(Busy::alive == 0);
  leave.set_value();
  other.join();
}

TEST_CASE("what was at an address is known after the module is gone") {
  Loading l;
  Plugin& plugin = l.load("hello");
  const auto generation = plugin.generation;
  const auto address = reinterpret_cast<std::uintptr_t>(plugin.init);
  tombstones::Grave grave;
  CHECK_FALSE(tombstones::what_was_at(address, &grave));
  CHECK(l.unload(plugin));
  REQUIRE(tombstones::what_was_at(address, &grave));
  CHECK(std::string(grave.name) == "hello");
  CHECK(grave.generation == generation);
  const auto is_known = [&] { return tombstones::what_was_at(address, &grave) && std::string(grave.name) == "hello"; };
  for (std::size_t i = 1; i < tombstones::most; ++i) CHECK(l.unload(l.load("hello", "other")));
  CHECK(is_known());
  // The ring goes round; a hole that somebody else has mapped meanwhile takes no place in it.
  for (std::size_t i = 0; i < tombstones::most && is_known(); ++i) CHECK(l.unload(l.load("hello", "other")));
  CHECK_FALSE(is_known());
}

TEST_CASE("a plugin_init that fails is taken down, and its own words are shown") {
  Loading l;
  const auto result = l.loader.load(fixture("init_fails"));
  CHECK(result.plugin == nullptr);
  CHECK(result.error ==
        "plugin 'init_fails': plugin_init failed: the config has no port, and this text lives on the heap");
  REQUIRE(l.registry.all().size() == 1);
  const auto copy = l.registry.all().front()->module->copy();
  CHECK(is_mapped(copy));
  l.settle();
  CHECK_FALSE(is_mapped(copy));
  CHECK(l.registry.all().empty());
  CHECK(l.reports.empty());
}

TEST_CASE("a plugin_init that throws is taken down; what was thrown is the module's own type") {
  Loading l;
  const auto result = l.loader.load(fixture("init_throws"));
  CHECK(result.error ==
        "plugin 'init_throws': plugin_init threw: thrown by plugin_init, on the heap of whoever reads this");
  l.settle();
  CHECK(l.registry.all().empty());
  CHECK(l.unload(l.load("hello")));
}

TEST_CASE("a plugin_destroy that throws is reported, and unloading goes on") {
  Loading l;
  CHECK(l.unload(l.load("destroy_throws")));
  REQUIRE(l.reports.size() == 1);
  CHECK(has(l.reports[0], "plugin 'destroy_throws': plugin_destroy threw: an exception of type "));
  CHECK(has(l.reports[0], "Odd"));
}

TEST_CASE("a plugin_init that does not return is not silent") {
  const int gate = eventfd(0, EFD_CLOEXEC);
  REQUIRE(gate >= 0);
  setenv("TAU_TEST_GATE", std::to_string(gate).c_str(), 1);
  std::mutex mutex;
  std::vector<std::string> said;
  Loading l(
      [&](std::string_view text) {
        const std::lock_guard lock(mutex);
        said.emplace_back(text);
        const std::uint64_t one = 1;
        if (said.size() == 2) CHECK(write(gate, &one, sizeof one) == sizeof one);
      },
      std::chrono::milliseconds(5));
  Plugin& plugin = l.load("init_waits");
  {
    const std::lock_guard lock(mutex);
    REQUIRE(said.size() >= 2);
    CHECK(said[0] == "plugin 'init_waits': plugin_init has not returned for 0.005 s; the host waits for it");
    CHECK(said[1] == "plugin 'init_waits': plugin_init has not returned for 0.01 s; the host waits for it");
  }
  CHECK(l.unload(plugin));
  close(gate);
}

TEST_CASE("a static constructor that throws ends the host, but says whose it was") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);  // doctest's handler would report this test
    dup2(ends[1], STDERR_FILENO);
    Loading l;
    l.loader.load(fixture("constructor_throws"));
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[512];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
  CHECK(has(text, "plugin 'constructor_throws': a static constructor threw: no such device"));
}

TEST_CASE("others are unloaded while a plugin_init blocks") {
  Loading l;
  Plugin& other = l.load("hello");
  l.unloader.unload(other);
  Plugin& plugin = l.load("init_loops");
  CHECK(l.registry.find("hello") == nullptr);
  CHECK(plugin.phase == Phase::running);
  CHECK(l.unload(plugin));
}

TEST_CASE("a refused module leaves no record, no copy and no code run") {
  const auto folder = test_folder();
  setenv("XDG_RUNTIME_DIR", folder.c_str(), 1);
  {
    Loading l;
    for (const char* name : {"no_note", "note_rtti", "note_ndebug", "note_enums", "note_flags", "nodelete", "no_destroy",
                             "libc_thread_exit", "shows_more", "static_tls", "text_relocation", "stack", "runpath",
                             "needs_libtau"}) {
      const auto result = l.loader.load(fixture(name));
      CHECK(result.plugin == nullptr);
      CHECK(has(result.error, "module '" + fixture(name) + "' "));
    }
    CHECK(has(l.loader.load(folder / "none.so").error, "cannot be opened: No such file"));
    CHECK(l.registry.all().empty());
    CHECK(l.load("hello").id == 1);  // what was refused took no number
    CHECK(l.unload(*l.registry.find("hello")));
    std::size_t files = 0;
    for (const auto& e : fs::recursive_directory_iterator(folder)) files += e.is_regular_file() ? 1 : 0;
    CHECK(files == 0);
  }
  CHECK(fs::is_empty(folder));  // the private folder went with its loader
  unsetenv("XDG_RUNTIME_DIR");
  fs::remove_all(folder);
}

TEST_CASE("a module cut off in the middle of a copy, or writable by others, is refused by the loader") {
  Loading l;
  const auto folder = test_folder();
  fs::copy_file(fixture("hello"), folder / "hello.so");
  fs::permissions(folder / "hello.so", fs::perms::others_write, fs::perm_options::add);
  CHECK(has(l.loader.load(folder / "hello.so").error, "is writable by others"));
  fs::permissions(folder / "hello.so", fs::perms::others_write | fs::perms::group_write, fs::perm_options::remove);
  CHECK(l.unload(*l.loader.load(folder / "hello.so").plugin));
  fs::resize_file(folder / "hello.so", fs::file_size(folder / "hello.so") / 2);
  CHECK(has(l.loader.load(folder / "hello.so").error, "is truncated"));
  fs::remove_all(folder);
}

TEST_CASE("the file may be overwritten or removed while its plugin runs") {
  Loading l;
  const auto folder = test_folder();
  fs::copy_file(fixture("busy"), folder / "m.so");
  Plugin& plugin = *l.loader.load(folder / "m.so", "over written/by a build").plugin;
  CHECK(plugin.name == "over_written_by_a_build");
  std::ofstream(folder / "m.so", std::ios::trunc) << "half a module";
  CHECK(Busy(plugin).work() > 0);
  fs::remove_all(folder);
  CHECK(l.unload(plugin));
  CHECK(Busy::alive == 0);
}

TEST_CASE("a module is seen in the maps also when the way to its copy leads through a link") {
  const auto folder = test_folder();
  fs::create_directory(folder / "real");
  fs::create_directory_symlink(folder / "real", folder / "link");
  setenv("XDG_RUNTIME_DIR", (folder / "link").c_str(), 1);
  {
    Loading l;
    Plugin& plugin = l.load("hello");
    CHECK(plugin.module->mapped());
    CHECK(l.unload(plugin));
  }
  unsetenv("XDG_RUNTIME_DIR");
  fs::remove_all(folder);
}

TEST_CASE("folders of dead processes are removed, those of living ones are not") {
  const auto folder = test_folder();
  fs::create_directory(folder / "tau-modules-dead00");
  std::ofstream(folder / "tau-modules-dead00/x.1.so") << "left by kill -9";
  std::string why;
  {
    PrivateFolder first, second;
    const auto one = first.path(&why, folder);
    CHECK(one.parent_path() == folder);
    CHECK_FALSE(fs::exists(folder / "tau-modules-dead00"));
    struct stat st;
    REQUIRE(stat(one.c_str(), &st) == 0);
    CHECK((st.st_mode & 0777) == 0700);
    CHECK(second.path(&why, folder) != one);
    CHECK(fs::exists(one));
  }
  CHECK(fs::is_empty(folder));
  fs::remove_all(folder);
}
