// See file_copy.hpp.
//
// sendfile rather than copy_file_range: it moves a module of some 100 KB just as fast, works between
// file systems on every kernel, and cannot make a copy that shares blocks with a file somebody
// overwrites in place.
#include "file_copy.hpp"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tau::host {

int copy_file(int from, const std::filesystem::path& to, std::string* why) {
  struct stat st;
  if (fstat(from, &st) != 0) {
    *why = std::strerror(errno);
    return -1;
  }
  const int out = open(to.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (out < 0) {
    *why = std::strerror(errno);
    return -1;
  }
  off_t at = 0;
  while (at < st.st_size) {
    const ssize_t n = sendfile(out, from, &at, static_cast<std::size_t>(st.st_size - at));
    if (n > 0 || (n < 0 && errno == EINTR)) continue;
    *why = n == 0 ? "it became shorter while it was copied; is a build still writing it?" : std::strerror(errno);
    close(out);
    unlink(to.c_str());
    return -1;
  }
  return out;
}

}  // namespace tau::host
