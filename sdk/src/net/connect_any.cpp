// Happy Eyeballs (RFC 8305): several addresses, one connection.
//
// One awaiter holds all attempts. Their callbacks run on the loop, between tasks: a failure starts the next
// attempt at once, the timer starts it when the one before is slow, success withdraws the others.
#include <tau/rt/timer.h>
#include <tau/net/lookup.hpp>
#include <tau/net/tcp_stream.hpp>

#include <charconv>
#include <memory>
#include <optional>

namespace tau::net {
namespace {

constexpr std::uint64_t attempt_delay_ns = 250'000'000;  // RFC 8305, section 5

/// The families take turns, the first address's one begins (RFC 8305, section 4).
std::vector<SocketAddress> interleave(const std::vector<SocketAddress>& addresses) {
  std::vector<SocketAddress> first, second, result;
  for (const SocketAddress& address : addresses) {
    (address.is_v6() == addresses.front().is_v6() ? first : second).push_back(address);
  }
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (i < first.size()) result.push_back(first[i]);
    if (i < second.size()) result.push_back(second[i]);
  }
  return result;
}

class [[nodiscard]] Race {
 public:
  explicit Race(const std::vector<SocketAddress>& peers)
      : peers_(peers), attempts_(new Attempt[peers.size()]), pace_{} {
    pace_.race = this;
    pace_.owner = detail::module_owner();
    pace_.fire = [](tau_timer* self) {
      Race* const race = static_cast<Pace*>(self)->race;
      if (race->start_next()) race->waiter_.wake();
    };
  }
  Race(const Race&) = delete;
  ~Race() { stop(); }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    waiter_.set(suspended);
    return start_next() ? detail::suspend_if_exhausted(suspended) : true;
  }
  Result<TcpStream> await_resume() noexcept {
    if (winner_) return TcpStream(std::move(winner_->socket));
    return *first_error_;
  }

 private:
  struct Attempt : tau_io {
    Attempt() noexcept : tau_io{} {}
    Race* race = nullptr;
    detail::Descriptor socket;
    sockaddr_storage peer;
  };
  struct Pace : tau_timer {
    Race* race;
  };

  /// Starts attempts until one is on its way. True: the race is over.
  bool start_next() noexcept {
    tau_sleep_cancel(&pace_);
    while (next_ < peers_.size()) {
      Attempt& attempt = attempts_[next_];
      if (!start(attempt, peers_[next_++])) {
        ++running_;
        if (next_ < peers_.size()) tau_sleep(&pace_, attempt_delay_ns);
        return false;
      }
      if (judge(attempt)) return true;
    }
    return running_ == 0;
  }

  /// True: ended already.
  bool start(Attempt& attempt, const SocketAddress& peer) noexcept {
    Result<detail::Descriptor> socket = detail::open_socket(peer.family(), SOCK_STREAM);
    if (!socket) {
      attempt.result = socket.error().status();
      return true;
    }
    attempt.race = this;
    attempt.socket = std::move(*socket);
    attempt.owner = pace_.owner;
    attempt.opcode = TAU_IO_CONNECT;
    attempt.fd = attempt.socket.fd();
    attempt.buffer = &attempt.peer;
    attempt.length = peer.to_system(attempt.peer);
    attempt.done = [](tau_io* self) {
      auto& ended = *static_cast<Attempt*>(self);
      --ended.race->running_;
      if (ended.race->judge(ended) || ended.race->start_next()) ended.race->waiter_.wake();
    };
    const std::int32_t status = tau_io_submit(&attempt);
    if (status < 0) attempt.result = status;
    return status != TAU_PENDING;
  }

  /// Of an attempt that ended. True: it is the one.
  bool judge(Attempt& attempt) noexcept {
    if (attempt.result >= 0) {
      winner_ = &attempt;
      stop();
      return true;
    }
    if (!first_error_) first_error_ = Error::from_status(static_cast<std::int32_t>(attempt.result));
    attempt.socket.close();
    return false;
  }

  void stop() noexcept {
    if (pace_.previous) tau_sleep_cancel(&pace_);
    for (std::size_t i = 0; i < next_; ++i) {
      if (attempts_[i].previous) tau_io_cancel(&attempts_[i]);
      if (&attempts_[i] != winner_) attempts_[i].socket.close();
    }
    running_ = 0;
  }

  const std::vector<SocketAddress>& peers_;
  std::unique_ptr<Attempt[]> attempts_;
  Pace pace_;
  detail::Waiter waiter_;
  std::size_t next_ = 0;
  std::size_t running_ = 0;
  Attempt* winner_ = nullptr;
  std::optional<Error> first_error_;
};

}  // namespace

Task<Result<TcpStream>> TcpStream::connect_any(std::vector<SocketAddress> peers) {
  if (peers.empty()) co_return Errc::invalid;
  peers = interleave(peers);
  Race race(peers);
  Result<TcpStream> stream = co_await race;
  co_return std::move(stream);
}

Task<Result<TcpStream>> TcpStream::connect(std::string host, std::uint16_t port) {
  Result<std::vector<SocketAddress>> addresses = co_await lookup_host(std::move(host), port);
  if (!addresses) co_return addresses.error();
  Result<TcpStream> stream = co_await connect_any(std::move(*addresses));
  co_return std::move(stream);
}

Task<Result<TcpStream>> TcpStream::connect(std::string host_and_port) {
  const std::size_t colon = host_and_port.rfind(':');
  if (colon == host_and_port.npos) co_return Errc::invalid;
  std::uint16_t port = 0;
  const char* const end = host_and_port.data() + host_and_port.size();
  const auto [stopped, error] = std::from_chars(host_and_port.data() + colon + 1, end, port);
  if (error != std::errc() || stopped != end) co_return Errc::invalid;
  std::string host = host_and_port.substr(0, colon);
  // "::1:80" may be an address without a port: brackets decide.
  if (host.find(':') != host.npos && host.front() != '[') co_return Errc::invalid;
  Result<TcpStream> stream = co_await connect(std::move(host), port);
  co_return std::move(stream);
}

}  // namespace tau::net
