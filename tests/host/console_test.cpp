// Lines arrive whole: from many threads at once, through a pipe that takes little at a time and never
// waits.
#include <console.hpp>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

using namespace tau::host;

namespace {

// What `print` writes to descriptor `fd`.
std::string captured(int fd, const std::function<void()>& print) {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  fcntl(ends[1], F_SETPIPE_SZ, 4096);
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  const int before = dup(fd);
  REQUIRE(dup2(ends[1], fd) == fd);
  close(ends[1]);
  std::string text;
  std::thread reader([&] {
    char buffer[777];
    for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
  });
  print();
  dup2(before, fd);
  close(before);
  reader.join();
  close(ends[0]);
  return text;
}

}  // namespace

TEST_CASE("a line carries its prefix, and each line of a longer text does") {
  CHECK(captured(STDOUT_FILENO, [] {
          console::line("hello", "one");
          console::line("hello", "two\nthree\n");
          console::line("hello", "");
        }) == "[hello] one\n[hello] two\n[hello] three\n[hello] \n");
  CHECK(captured(STDERR_FILENO, [] { console::error_line("x", "careful"); }) == "[x] careful\n");
}

TEST_CASE("lines of many threads never mix, also when they are longer than a pipe takes at once") {
  constexpr int threads = 4, lines = 50;
  const std::string text = captured(STDOUT_FILENO, [] {
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t) {
      all.emplace_back([t] {
        const std::string letter(10'000, static_cast<char>('a' + t));
        for (int i = 0; i < lines; ++i) console::line("t", letter);
      });
    }
    for (auto& thread : all) thread.join();
  });
  std::map<std::string, int> seen;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    REQUIRE(end != std::string::npos);
    ++seen[text.substr(at, end - at)];
    at = end + 1;
  }
  CHECK(seen.size() == threads);
  for (int t = 0; t < threads; ++t) CHECK(seen["[t] " + std::string(10'000, static_cast<char>('a' + t))] == lines);
}

TEST_CASE("a reader that is gone loses the line and nothing else") {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  close(ends[0]);
  const int out = dup(STDOUT_FILENO);
  dup2(ends[1], STDOUT_FILENO);
  close(ends[1]);
  console::line("x", "nobody hears it\nnor this");
  dup2(out, STDOUT_FILENO);
  close(out);
  std::signal(SIGPIPE, before);
  CHECK(captured(STDOUT_FILENO, [] { console::line("x", "heard"); }) == "[x] heard\n");
}
