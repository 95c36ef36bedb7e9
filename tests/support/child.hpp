// A process of its own for what may end anywhere: in the middle of a noexcept function, or by a crash.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <string>

namespace tau::test {

/// The child's way to say what came out, and its end.
class Child {
 public:
  explicit Child(int fd) noexcept : fd_(fd) {}
  [[noreturn]] void end(const std::string& text) const noexcept {
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t count = ::write(fd_, text.data() + at, text.size() - at);
      if (count <= 0) break;
      at += static_cast<std::size_t>(count);
    }
    ::_exit(0);
  }

 private:
  int fd_;
};

/// Calls `body(child)` in a child, which ends by child.end(text), and returns that text; nothing if the
/// child came to another end. The caller has one thread.
template <class Body>
std::string in_child(Body&& body) {
  int ends[2];
  if (::pipe(ends) != 0) return {};
  std::fflush(nullptr);
  const pid_t id = ::fork();
  if (id == 0) {
    ::close(ends[0]);
    const Child child(ends[1]);
    body(child);
    child.end("");
  }
  ::close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  int status = 0;
  if (id > 0) ::waitpid(id, &status, 0);
  return text;
}

}  // namespace tau::test
