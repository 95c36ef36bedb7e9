// See home.hpp.
#include "home.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <system_error>
#include <vector>

namespace tau::host {

std::filesystem::path tau_home() {
  if (const char* home = std::getenv("TAU_HOME"); home != nullptr && *home != '\0') {
    std::error_code ignored;
    return std::filesystem::absolute(home, ignored);
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') {
    return std::filesystem::path(home) / ".tau";
  }
  // Services are often started without HOME. Builds ask on several threads, so not by getpwuid.
  std::vector<char> buffer(4096);
  passwd entry{};
  passwd* user = nullptr;
  if (getpwuid_r(getuid(), &entry, buffer.data(), buffer.size(), &user) == 0 && user != nullptr &&
      user->pw_dir != nullptr && *user->pw_dir == '/') {
    return std::filesystem::path(user->pw_dir) / ".tau";
  }
  return {};
}

}  // namespace tau::host
