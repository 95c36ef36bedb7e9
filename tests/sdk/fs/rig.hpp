// A folder for each case, and a runtime that must not keep a descriptor open.
#pragma once

#include <tau/fs/file.hpp>
#include <tau/fs/operations.hpp>
#include <tau/fs/read_dir.hpp>
#include <tau/spawn_blocking.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <set>
#include <string>

#include "support/two_plugins.hpp"

namespace tau::test {

struct Files : TwoPlugins {
  Files() : before(open_descriptors()) {
    char name[] = "/tmp/tau-fs-XXXXXX";
    REQUIRE(mkdtemp(name));
    folder = name;
  }
  ~Files() {
    unload_other();
    unload(plugin);
    await_withdrawn();
    CHECK(open_descriptors() == before);
    std::filesystem::remove_all(folder);
  }

  /// What a cancelled open opens in the ring is closed when it arrives.
  void await_withdrawn() {
    while (runtime.reactor.withdrawn() != 0) runtime.reactor.poll(1'000'000);
  }
  /// "0 /dev/null, 1 pipe:[7], ..."
  static std::string open_descriptors() {
    std::string fds;
    for (int fd = 0; fd < 1024; ++fd) {
      if (fcntl(fd, F_GETFD) < 0) continue;
      char target[256] = {};
      (void)!readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target, sizeof target - 1);
      fds += std::to_string(fd) + ' ' + target + ", ";
    }
    return fds;
  }
  std::string in(const std::string& name) const { return folder + "/" + name; }
  void put(const std::string& name, const std::string& text) const { std::ofstream(in(name)) << text; }
  std::string get(const std::string& name) const {
    std::ifstream file(in(name));
    std::stringstream text;
    text << file.rdbuf();
    return file ? text.str() : "(none)";
  }
  bool there(const std::string& name) const {
    return std::filesystem::symlink_status(in(name)).type() != std::filesystem::file_type::not_found;
  }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
  }

  template <class T>
  T run(Task<T> task) {
    auto handle = spawn(std::move(task));
    run_until([&] { return handle.is_finished(); });
    auto result = handle.try_join();
    REQUIRE(result);
    REQUIRE_MESSAGE(result->has_value(), handle.what());
    if constexpr (!std::is_void_v<T>) return std::move(**result);
  }

  std::string before;
  std::string folder;
};

inline tau::Error errno_of(int number) { return tau::Error::system(number); }

}  // namespace tau::test
