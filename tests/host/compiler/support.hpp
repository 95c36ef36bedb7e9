// What the compiler's tests share: a folder that goes by itself, an installation made from the real sdk
// package and a tiny sdk, and copies of fixture plugins that a test may spoil.
#pragma once

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "compiler/compiler.hpp"
#include "compiler/files.hpp"

namespace tau::host::test {
namespace fs = std::filesystem;

/// A folder of its own for each test, removed with it.
class TempDir {
 public:
  TempDir() {
    std::string name = (fs::temp_directory_path() / "tau-compiler-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = fs::canonical(name);
  }
  ~TempDir() {
    if (owner_ != ::getpid()) return;
    std::error_code ignored;
    for (fs::recursive_directory_iterator it(path_, ignored), end; !ignored && it != end; it.increment(ignored)) {
      std::error_code gone;
      if (!it->is_symlink(gone) && it->is_directory(gone)) fs::permissions(it->path(), fs::perms::owner_all, gone);
    }
    fs::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  fs::path operator/(const fs::path& name) const { return path_ / name; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  pid_t owner_ = ::getpid();  // a child that ends in exit() leaves it alone
};

inline void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

inline std::string text_of(const fs::path& path) { return read_file(path).value_or(""); }

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

inline fs::path fixtures() { return fs::path(TAU_SOURCE_ROOT) / "tests/fixtures/compiler"; }

/// Every file of a tree with its content and times: equal before and after, nothing was written.
inline std::map<std::string, std::string> snapshot(const fs::path& tree) {
  std::map<std::string, std::string> result;
  const auto add = [&](const fs::path& path) {
    struct stat status{};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    std::ostringstream text;
    text << status.st_mode << ' ' << status.st_mtim.tv_sec << '.' << status.st_mtim.tv_nsec << ' ' << status.st_ctim.tv_sec
         << '.' << status.st_ctim.tv_nsec << ' ' << (S_ISREG(status.st_mode) ? text_of(path) : "");
    result[path.string()] = text.str();
  };
  add(tree);
  for (const auto& each : fs::recursive_directory_iterator(tree)) add(each.path());
  return result;
}

/// An installed tau in a temporary folder, its cache beside it.
class Tau {
 public:
  Tau() {
    fs::create_directories(root() / "lib");
    fs::copy(TAU_RT_LIBRARY, root() / "lib/libtau_rt.so");
    const fs::path sdk = root() / "src/tau";
    const fs::path source = fs::path(TAU_SOURCE_ROOT);
    fs::create_directories(root() / "src");
    fs::copy(fixtures() / "sdk", sdk, fs::copy_options::recursive);
    fs::copy(source / "rt/include/tau/rt", sdk / "include/tau/rt", fs::copy_options::recursive);
    fs::copy(source / "sdk/package.meson.build", sdk / "meson.build");
    fs::copy(source / "sdk/package.options", sdk / "meson_options.txt");
    fs::copy(source / "sdk/plugin.map", sdk / "plugin.map");
    write_file(root() / "src/patches.list", "tau = tau\n");
    use_cache(directory_ / "home");
  }

  /// From now on, in this process, the cache is there.
  void use_cache(const fs::path& home) const { ::setenv("TAU_HOME", home.c_str(), 1); }

  fs::path home() const { return directory_ / "home"; }
  fs::path root() const { return directory_ / "tau"; }
  fs::path operator/(const fs::path& name) const { return directory_ / name; }

  Installation installation(const fs::path& patches = {}) const {
    return {root(), root() / "lib/libtau_rt.so", root() / "src", patches.empty() ? root() / "src/patches.list" : patches};
  }

  CompileResult compile(const fs::path& plugin, const fs::path& patches = {}) const {
    return Compiler(installation(patches)).compile({.source = plugin, .stop = {}});
  }

  /// A copy of a fixture plugin at `place`, or under its own name.
  fs::path plugin(const std::string& fixture, const fs::path& place = {}) const {
    const fs::path to = place.empty() ? directory_ / "plugins" / fixture : place;
    fs::create_directories(to.parent_path());
    fs::copy(fixtures() / fixture, to, fs::copy_options::recursive);
    return to;
  }

 private:
  TempDir directory_;
};

/// One installation for all cases of a program that leave it as it was: its foundation is built once.
inline Tau& shared_tau() {
  static Tau tau;
  tau.use_cache(tau.home());
  return tau;
}

/// A plugin that another case of the same program cannot meet.
inline fs::path fresh_plugin(const std::string& fixture = "plain") {
  static int count = 0;
  return shared_tau().plugin(fixture, shared_tau() / "plugins" / (fixture + std::to_string(++count)) / fixture);
}

inline void require_ok(const CompileResult& result) {
  INFO(result.error);
  REQUIRE(result.ok);
  REQUIRE(fs::exists(result.module));
}

}  // namespace tau::host::test
