// See accept.hpp.
#include <tau/rt/plugin.h>
#include <tau/detail/accept.hpp>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <new>

namespace tau::detail {
namespace {

constexpr std::uint64_t first_delay_ns = 1'000'000;
constexpr std::uint64_t longest_delay_ns = 1'000'000'000;

/// The connection is gone, or the network it came over is; the listener is sound.
bool is_of_connection(std::int64_t error) noexcept {
  switch (-error) {
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

bool is_shortage(std::int64_t error) noexcept {
  return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

/// Without an allocation: memory may be what is short.
void tell_of_shortage(int error) noexcept {
  char line[128];
  const int size =
      std::snprintf(line, sizeof line, "accept: %s; connections wait until that is over", ::strerror(error));
  tau_log(module_owner(), TAU_LOG_WARN, line,
          std::min<std::size_t>(static_cast<std::size_t>(size), sizeof line - 1));
}

}  // namespace

Listening::~Listening() {
  for (const Connection& connection : given_back) ::close(connection.fd);
}

void Listening::give_back(const Connection& connection) noexcept {
  AcceptOperation* oldest = waiting;
  while (oldest && oldest->next_) oldest = oldest->next_;
  if (oldest) {
    oldest->withdraw();
    tau_sleep_cancel(&oldest->retry_);
    oldest->unlink();
    const bool has_another = oldest->result >= 0;  // its own came in the same moment
    if (!has_another) {
      oldest->result = connection.fd;
      oldest->peer_ = connection.peer;
      oldest->length = connection.size;
    }
    oldest->waiter_.wake();
    if (has_another) give_back(connection);
    return;
  }
  try {
    given_back.push_back(connection);
  } catch (const std::bad_alloc&) {
    ::close(connection.fd);
  }
}

AcceptOperation::AcceptOperation(Listening& listening) noexcept
    : IoOperation(TAU_IO_ACCEPT, listening.descriptor.fd(), nullptr, 0, SOCK_CLOEXEC | SOCK_NONBLOCK),
      listening_(listening),
      retry_{} {
  buffer = &peer_;
  result = -1;  // no connection: 0 may be one
  done = [](tau_io* self) { static_cast<AcceptOperation*>(self)->ended(); };
  retry_.operation = this;
  retry_.fire = [](tau_timer* self) {
    AcceptOperation* const operation = static_cast<Retry*>(self)->operation;
    operation->unlink();
    if (operation->go_on()) operation->waiter_.wake();
  };
}

AcceptOperation::~AcceptOperation() {
  withdraw();
  if (retry_.previous) tau_sleep_cancel(&retry_);
  if (link_) unlink();
  if (result >= 0) listening_.give_back({static_cast<int>(result), peer_, length});
}

Result<Listening::Connection> AcceptOperation::take() noexcept {
  const std::int64_t ended_with = std::exchange(result, -1);
  if (ended_with < 0) return Error::from_status(static_cast<std::int32_t>(ended_with));
  return Listening::Connection{static_cast<int>(ended_with), peer_, length};
}

bool AcceptOperation::start() noexcept {
  if (!listening_.given_back.empty()) {
    const Listening::Connection connection = listening_.given_back.front();
    listening_.given_back.erase(listening_.given_back.begin());
    result = connection.fd;
    peer_ = connection.peer;
    length = connection.size;
    return true;
  }
  return go_on();
}

/// True: ended, with a connection or an error. False: linked, and waiting.
bool AcceptOperation::go_on() noexcept {
  for (;;) {
    length = sizeof peer_;
    result = -1;
    if (!submit()) {
      link();
      listening_.descriptor.watch();
      return false;
    }
    if (judge()) return true;
    if (retry_.previous) return false;
  }
}

void AcceptOperation::ended() noexcept {
  unlink();
  if (judge() || (!retry_.previous && go_on())) waiter_.wake();
}

/// True: that was it. False: to be tried again, at once or, if the timer is armed now, then.
bool AcceptOperation::judge() noexcept {
  if (result >= 0) listening_.delay_ns = 0;
  if (is_of_connection(result)) return false;
  if (!is_shortage(result)) return true;
  const std::uint64_t delay = std::max(listening_.delay_ns, first_delay_ns);
  if (listening_.delay_ns == 0) tell_of_shortage(static_cast<int>(-result));
  listening_.delay_ns = std::min(2 * delay, longest_delay_ns);
  retry_.owner = owner;
  if (tau_sleep(&retry_, delay) < 0) return true;
  link();
  return false;
}

void AcceptOperation::link() noexcept {
  next_ = listening_.waiting;
  if (next_) next_->link_ = &next_;
  link_ = &listening_.waiting;
  listening_.waiting = this;
}

void AcceptOperation::unlink() noexcept {
  *link_ = next_;
  if (next_) next_->link_ = link_;
  next_ = nullptr;
  link_ = nullptr;
}

}  // namespace tau::detail
