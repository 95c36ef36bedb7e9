// See console.hpp.
#include "console.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <new>
#include <string>

namespace tau::host::console {
namespace {

// One for both descriptors: they often lead to one terminal. Never destroyed, since threads may print
// after main() has returned.
std::mutex& mutex() {
  static std::mutex& one = *new std::mutex;
  return one;
}

// False when nobody can read it any more.
bool write_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t n = write(fd, data, size);
    if (n >= 0) {
      data += n;
      size -= static_cast<std::size_t>(n);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      // A shell may have left the terminal non-blocking; it is not ours to change.
      pollfd writable{fd, POLLOUT, 0};
      poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

void print(int fd, std::string_view prefix, std::string_view text) noexcept try {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  std::string out;
  out.reserve(prefix.size() + text.size() + 4);
  const std::lock_guard lock(mutex());
  for (bool more = true; more;) {
    const auto end = text.find('\n');
    more = end != std::string_view::npos;
    out.assign("[").append(prefix).append("] ").append(text.substr(0, end)).push_back('\n');
    if (!write_all(fd, out.data(), out.size())) return;
    if (more) text.remove_prefix(end + 1);
  }
} catch (const std::bad_alloc&) {
  // Without memory there is no line.
}

}  // namespace

void line(std::string_view prefix, std::string_view text) noexcept { print(STDOUT_FILENO, prefix, text); }
void error_line(std::string_view prefix, std::string_view text) noexcept { print(STDERR_FILENO, prefix, text); }

}  // namespace tau::host::console
