#include "cli/launch.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <string>

using tau::host::restore_library_path;

namespace {

std::string library_path() {
  const char* value = getenv("LD_LIBRARY_PATH");
  return value == nullptr ? "(unset)" : value;
}

/// Sets both variables; null unsets. What was there comes back with the test's end.
class Environment {
 public:
  Environment(const char* current, const char* before) : saved_(library_path()) {
    set("LD_LIBRARY_PATH", current);
    set("TAU_LD_LIBRARY_PATH", before);
  }
  ~Environment() {
    set("LD_LIBRARY_PATH", saved_ == "(unset)" ? nullptr : saved_.c_str());
    set("TAU_LD_LIBRARY_PATH", nullptr);
  }

 private:
  static void set(const char* name, const char* value) {
    if (value == nullptr) {
      unsetenv(name);
    } else {
      setenv(name, value, 1);
    }
  }
  std::string saved_;
};

}  // namespace

TEST_CASE("the library path becomes what it was before the launcher changed it") {
  const Environment environment("/dist/lib/fallback:/mine", "/mine");
  restore_library_path();
  CHECK(library_path() == "/mine");
  CHECK(getenv("TAU_LD_LIBRARY_PATH") == nullptr);
}

TEST_CASE("a library path that was not set is not set again") {
  const Environment environment("/dist/lib/fallback", "");
  restore_library_path();
  CHECK(library_path() == "(unset)");
}

TEST_CASE("without the launcher's word nothing is touched") {
  const Environment environment("/mine", nullptr);
  restore_library_path();
  CHECK(library_path() == "/mine");
}
