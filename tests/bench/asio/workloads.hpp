// What ordinary Asio code costs, the same lines as a program of its own and in a plugin: nanoseconds per operation,
// on the wall and of this thread's processor. Each workload is one thread's, from its first operation to its last.
#pragma once

#include <time.h>

#include <asio.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace workloads {

using Clock = std::chrono::steady_clock;
using asio::ip::tcp;

struct Cost {
  double ns;
  double cpu_ns;
  double operations;
};

/// Time since it was made.
class Stopwatch {
 public:
  Cost per(double operations) const {
    const double wall = std::chrono::duration<double, std::nano>(Clock::now() - wall_).count();
    return {wall / operations, (cpu_ns() - cpu_) / operations, operations};
  }

 private:
  static double cpu_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
  }

  Clock::time_point wall_ = Clock::now();
  double cpu_ = cpu_ns();
};

/// Both ends of `connections` in one context, 64 bytes to and fro.
inline Cost ping_pong(int connections, int rounds) {
  asio::io_context context;
  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  struct End : std::enable_shared_from_this<End> {
    tcp::socket socket;
    char data[64]{};
    long left;
    bool first;
    End(tcp::socket socket, long left, bool first) : socket(std::move(socket)), left(left), first(first) {}
    void write() {
      asio::async_write(socket, asio::buffer(data), [self = shared_from_this()](auto error, std::size_t) {
        if (!error && (!self->first || self->left > 0)) self->read();
      });
    }
    void read() {
      asio::async_read(socket, asio::buffer(data), [self = shared_from_this()](auto error, std::size_t) {
        if (error) return;
        if (self->first && --self->left == 0) return self->socket.close();
        self->write();
      });
    }
  };
  std::vector<std::shared_ptr<End>> ends;
  for (int i = 0; i < connections; ++i) {
    tcp::socket one(context);
    one.connect(acceptor.local_endpoint());
    tcp::socket other = acceptor.accept();
    for (tcp::socket* socket : {&one, &other}) socket->set_option(tcp::no_delay(true));
    ends.push_back(std::make_shared<End>(std::move(one), rounds / connections, true));
    ends.push_back(std::make_shared<End>(std::move(other), 0, false));
  }
  const Stopwatch watch;
  for (auto& end : ends) {
    if (end->first) {
      end->write();
    } else {
      end->read();
    }
  }
  context.run();
  return watch.per(rounds / connections * connections);
}

/// A handler that posts the next; with something watched, so that the reactor takes its turns, or without.
inline Cost post_chain(bool reactor, int length) {
  asio::io_context context;
  asio::steady_timer timer(context);
  tcp::acceptor acceptor(context);
  if (reactor) {
    acceptor = tcp::acceptor(context, {asio::ip::address_v4::loopback(), 0});
    acceptor.async_accept([](auto, auto) {});
  }
  struct Chain {
    asio::io_context& context;
    tcp::acceptor& acceptor;
    int left;
    void operator()() {
      if (--left > 0) {
        asio::post(context, std::ref(*this));
      } else if (acceptor.is_open()) {
        acceptor.close();
      }
    }
  } chain{context, acceptor, length};
  asio::post(context, std::ref(chain));
  const Stopwatch watch;
  context.run();
  return watch.per(length);
}

/// Timers that are armed anew whenever they expire.
inline Cost timers(int count, int expiries, std::chrono::microseconds period) {
  asio::io_context context;
  struct Tick {
    asio::steady_timer timer;
    std::chrono::microseconds period;
    int left;
    void arm() {
      timer.expires_at(timer.expiry() + period);
      timer.async_wait([this](auto error) {
        if (!error && --left > 0) arm();
      });
    }
  };
  std::vector<std::unique_ptr<Tick>> ticks;
  const auto begun = Clock::now();
  const Stopwatch watch;
  for (int i = 0; i < count; ++i) {
    ticks.push_back(std::make_unique<Tick>(Tick{asio::steady_timer(context, begun), period, expiries / count}));
    ticks.back()->arm();
  }
  context.run();
  return watch.per(expiries / count * count);
}

/// A coroutine that spawns others and waits for each.
inline Cost spawn_chain(int length) {
  asio::io_context context;
  auto link = []() -> asio::awaitable<int> { co_return 1; };
  auto chain = [&]() -> asio::awaitable<void> {
    for (int i = 0; i < length; ++i) co_await asio::co_spawn(context, link(), asio::use_awaitable);
  };
  asio::co_spawn(context, chain(), asio::detached);
  const Stopwatch watch;
  context.run();
  return watch.per(length);
}

/// `part`: of its usual length, for who counts what it does and not how long that takes.
inline Cost run(std::string_view name, double part = 1) {
  const auto times = [part](int usual) { return std::max(static_cast<int>(usual * part), 512); };
  if (name == "nothing") return {0, 0, 0};
  if (name == "ping_pong_1") return ping_pong(1, times(30'000));
  if (name == "ping_pong_64") return ping_pong(64, times(128'000));
  if (name == "ping_pong_512") return ping_pong(512, times(204'800));
  if (name == "post_chain") return post_chain(false, times(2'000'000));
  if (name == "post_chain_reactor") return post_chain(true, times(500'000));
  if (name == "timers_200") return timers(200, times(200'000), std::chrono::microseconds(1'000));
  if (name == "timer_1") return timers(1, times(5'000), std::chrono::microseconds(100));
  if (name == "spawn_chain") return spawn_chain(times(500'000));
  throw std::invalid_argument("no such workload: " + std::string(name));
}

/// `what`: a workload's name and, after a space, which part of its length.
inline std::string run_as_told(const std::string& what) {
  const std::size_t space = what.find(' ');
  const std::string name = what.substr(0, space);
  const Cost cost = run(name, space == std::string::npos ? 1 : std::stod(what.substr(space)));
  char line[160];
  std::snprintf(line, sizeof line, "{\"bench\":\"%s\",\"ns\":%.1f,\"cpu_ns\":%.1f,\"operations\":%.0f}", name.c_str(), cost.ns,
                cost.cpu_ns, cost.operations);
  return line;
}

}  // namespace workloads
