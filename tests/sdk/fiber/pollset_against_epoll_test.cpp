// A pollset beside the kernel's own set, which watches the same sockets by the same calls: whatever the one reports, the
// other does. More than that is allowed: the reactor below asks for everything at once, so an entry that wants only
// half of it may hear of what it knows already.
#include <doctest/doctest.h>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <map>
#include <string>

#include "support/pollset_fixture.hpp"
#include "support/seed.hpp"

using tau::test::on_fiber;
using tau::test::RuntimeFixture;
using tau::test::Set;

namespace {

using Seen = std::map<std::uint64_t, std::uint32_t>;

/// Libc's set: this program has no seam.
class Kernel {
 public:
  ~Kernel() { ::close(set_); }
  int control(int operation, int fd, std::uint32_t events, std::uint64_t data) {
    epoll_event event{events, {.u64 = data}};
    return ::epoll_ctl(set_, operation, fd, &event) < 0 ? -errno : 0;
  }
  Seen take() {
    Seen seen;
    epoll_event events[8];
    const int count = ::epoll_wait(set_, events, 8, 0);
    for (int i = 0; i < count; ++i) seen[events[i].data.u64] |= events[i].events;
    return seen;
  }

 private:
  const int set_ = ::epoll_create1(EPOLL_CLOEXEC);
};

struct Pair {
  std::array<int, 2> ends{-1, -1};
  Pair() { CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0); }
  Pair(const Pair&) = delete;
  ~Pair() {
    for (const int fd : ends) {
      if (fd < 0) continue;
      tau_pollset_closing(fd);
      ::close(fd);
    }
  }
};

}  // namespace

TEST_CASE("a pollset reports whatever epoll reports") {
  TAU_SEEDED_RANDOM(random);
  RuntimeFixture f(false);
  on_fiber(f, [&] {
    for (int play = 0; play < 100; ++play) {
      Set set(f.plugin);
      Kernel kernel;
      std::array<Pair, 3> pairs;
      std::uint64_t data = 0;
      std::string story;
      for (int step = 0; step < 100; ++step) {
        Pair& pair = pairs[random() % pairs.size()];
        const int watched = pair.ends[0], peer = pair.ends[1];
        char bytes[4096] = {};
        const auto note = [&](const char* what) { story += what + std::to_string(watched) + ' '; };
        switch (random() % 9) {
          case 0:
          case 1:
          case 2: {
            const std::uint32_t directions[] = {TAU_IN, TAU_OUT, TAU_IN | TAU_OUT, TAU_IN | TAU_RDHUP | TAU_OUT};
            const std::uint32_t ways[] = {0, TAU_EDGE, TAU_EDGE, TAU_ONESHOT, TAU_EDGE | TAU_ONESHOT};
            const std::uint32_t wanted = directions[random() % 4] | ways[random() % 5];
            const int operation = random() % 3 == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
            note(operation == EPOLL_CTL_ADD ? "add" : "modify");
            story += std::to_string(wanted) + ' ';
            ++data;
            const int expected = kernel.control(operation, watched, wanted, data);
            CHECK((operation == EPOLL_CTL_ADD ? set.add(watched, wanted, data) : set.change(watched, wanted, data)) ==
                  expected);
            break;
          }
          case 3:
            note("remove");
            CHECK(set.remove(watched) == kernel.control(EPOLL_CTL_DEL, watched, 0, 0));
            break;
          case 4:
          case 5:
            note("arrives");
            ::send(peer, bytes, 1 + random() % 3, MSG_NOSIGNAL);
            break;
          case 6:
            note("read");
            while (::read(watched, bytes, sizeof bytes) > 0 && random() % 2 == 0) {
            }
            break;
          case 7:
            note("fill");
            while (::send(watched, bytes, sizeof bytes, MSG_NOSIGNAL) > 0) {
            }
            break;
          default:
            if (random() % 8 == 0) {
              note("hang-up");
              ::shutdown(peer, SHUT_WR);
            } else {
              note("make room");
              while (::read(peer, bytes, sizeof bytes) > 0) {
              }
            }
        }
        if (random() % 4 == 0) continue;  // and another thing before anybody looks
        const Seen expected = kernel.take();
        Seen seen;
        const auto lacks = [&] {
          for (const auto& [which, events] : expected) {
            if ((events & ~seen[which]) != 0) return true;
          }
          return false;
        };
        bool came = true;
        while (came && lacks()) {
          came = false;
          for (const auto& event : set.wait(std::chrono::seconds(2))) {
            seen[event.data] |= event.events;
            came = true;
          }
        }
        CHECK_MESSAGE(!lacks(), "play " << play << ": " << story);
        if (lacks()) return;
      }
    }
  });
}
