// A load on an echo server: a number of connections with one message on its way in each.
//
// Usage: load PORT CONNECTIONS BYTES SECONDS [PID]
// Prints a line of JSON: how many came back and how fast, and, if PID is the server, what processor time it took for
// each: the time that the scheduler gave all its threads, the kernel's among them that serve its ring.
#include <dirent.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "listen.hpp"

namespace {

using tau::bench::fail;

std::uint64_t now_ns() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t cpu_ns(const std::string& pid) {
  const std::string folder = "/proc/" + pid + "/task";
  DIR* tasks = ::opendir(folder.c_str());
  if (!tasks) fail(folder.c_str());
  std::uint64_t sum = 0;
  while (const dirent* task = ::readdir(tasks)) {
    if (task->d_name[0] == '.') continue;  // ".." is a process, too
    std::uint64_t ran = 0;
    if (std::ifstream(folder + "/" + task->d_name + "/schedstat") >> ran) sum += ran;
  }
  ::closedir(tasks);
  return sum;
}

/// Times in buckets of an eighth of a power of two: as exact as a figure needs to be.
class Times {
 public:
  void add(std::uint64_t ns) {
    ++count_;
    ++buckets_[bucket_of(ns)];
  }
  double quantile_us(double part) const {
    double left = part * static_cast<double>(count_);
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      left -= static_cast<double>(buckets_[i]);
      if (left <= 0) return static_cast<double>(middle_of(i)) / 1e3;
    }
    return 0;
  }

 private:
  static constexpr int fine = 3;
  static std::size_t bucket_of(std::uint64_t ns) {
    const int power = std::bit_width(ns | (1u << fine)) - 1;
    return (static_cast<std::size_t>(power) << fine) | ((ns >> (power - fine)) & ((1u << fine) - 1));
  }
  static std::uint64_t middle_of(std::size_t bucket) {
    const auto power = static_cast<int>(bucket >> fine);
    const std::uint64_t step = std::uint64_t{1} << (power - fine);
    return ((1u << fine) + (bucket & ((1u << fine) - 1))) * step + step / 2;
  }

  std::array<std::uint64_t, 64 << fine> buckets_{};
  std::uint64_t count_ = 0;
};

struct Connection {
  int fd = -1;
  std::size_t got = 0;
  std::uint64_t sent_ns = 0;
};

class Load {
 public:
  Load(int port, int connections, std::size_t bytes) : message_(bytes, 'x'), room_(bytes) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<unsigned short>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    all_.resize(static_cast<std::size_t>(connections));
    for (std::uint32_t i = 0; i < all_.size(); ++i) {
      all_[i].fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (::connect(all_[i].fd, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) fail("connect");
      tau::bench::set_nodelay(all_[i].fd);
      epoll_event event{EPOLLIN, {.u32 = i}};
      if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, all_[i].fd, &event) < 0) fail("epoll_ctl");
    }
    for (Connection& one : all_) send(one);
  }

  /// For a while; what is on its way at its end stays there.
  void run(double seconds) {
    times_ = {};
    done_ = 0;
    const std::uint64_t begun = now_ns();
    const auto until = begun + static_cast<std::uint64_t>(seconds * 1e9);
    while (now_ns() < until) {
      // Never asleep: a server that has to wake its clients pays for what they do, and on a virtual machine dearly.
      const int count = ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), 0);
      for (int i = 0; i < count; ++i) receive(all_[events_[static_cast<std::size_t>(i)].data.u32]);
    }
    seconds_ = static_cast<double>(now_ns() - begun) / 1e9;
  }

  std::uint64_t done() const { return done_; }
  double seconds() const { return seconds_; }
  const Times& times() const { return times_; }

 private:
  void send(Connection& one) {
    one.sent_ns = now_ns();
    one.got = 0;
    if (::send(one.fd, message_.data(), message_.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(message_.size())) fail("send");
  }
  void receive(Connection& one) {
    const ssize_t got = ::recv(one.fd, room_.data(), room_.size(), MSG_DONTWAIT);
    if (got <= 0) fail("the server has hung up: recv");
    if ((one.got += static_cast<std::size_t>(got)) < message_.size()) return;
    times_.add(now_ns() - one.sent_ns);
    ++done_;
    send(one);
  }

  int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  std::string message_;
  std::vector<char> room_;
  std::vector<Connection> all_;
  std::array<epoll_event, 256> events_;
  Times times_;
  std::uint64_t done_ = 0;
  double seconds_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    ::fputs("usage: load PORT CONNECTIONS BYTES SECONDS [PID]\n", stderr);
    return 2;
  }
  Load load(::atoi(argv[1]), ::atoi(argv[2]), static_cast<std::size_t>(::atol(argv[3])));
  const double seconds = ::atof(argv[4]);
  load.run(seconds / 5);  // warms up what the first requests meet cold
  const std::uint64_t before = argc > 5 ? cpu_ns(argv[5]) : 0;
  load.run(seconds);
  const std::uint64_t spent = argc > 5 ? cpu_ns(argv[5]) - before : 0;
  const auto done = static_cast<double>(load.done());
  ::printf("{\"requests\":%.0f,\"per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f", done,
           done / load.seconds(), load.times().quantile_us(0.5), load.times().quantile_us(0.99),
           load.times().quantile_us(0.999));
  if (argc > 5) ::printf(",\"cpu_ns\":%.1f", static_cast<double>(spent) / (done > 0 ? done : 1));
  ::puts("}");
}
