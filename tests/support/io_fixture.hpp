// A runtime for tests of descriptors: runs tasks to their ends, and counts open descriptors before and after.
#pragma once

#include <tau/spawn.hpp>

#include <dirent.h>

#include <cstddef>
#include <string>
#include <utility>

#include "two_plugins.hpp"

namespace tau::test {

inline std::size_t open_descriptors() {
  DIR* const folder = ::opendir("/proc/self/fd");
  REQUIRE(folder);
  std::size_t count = 0;
  while (::readdir(folder)) ++count;
  ::closedir(folder);
  return count;
}

/// Bytes that are not the same everywhere.
inline std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  return text;
}

class IoFixture : public TwoPlugins {
 public:
  IoFixture() : before_(open_descriptors()) {}
  ~IoFixture() {
    unload_other();
    unload(plugin);
    CHECK(open_descriptors() == before_);
  }

  /// Runs `task` as the first plugin to its end.
  template <class T>
  T complete(Task<T> task) {
    JoinHandle<T> handle = spawn(std::move(task));
    run_until([&] { return handle.is_finished(); });
    auto joined = handle.try_join();
    REQUIRE(joined);
    REQUIRE_MESSAGE(joined->has_value(), handle.what());
    if constexpr (!std::is_void_v<T>) return std::move(**joined);
  }

 private:
  std::size_t before_;
};

}  // namespace tau::test
