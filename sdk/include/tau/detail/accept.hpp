// Accepting: what listeners of every kind of socket share.
//
// When the process has no descriptor left (EMFILE, ENFILE) or the kernel no memory, a connection stays in the
// kernel's queue and accept fails at once, again and again. Neither the caller's loop should end for it nor
// spin: the accept itself waits and tries again, after 1 ms at first and then twice as long each time, at
// most 1 s, until it has a connection. The first failure of such a time is logged. Errors that belong to one
// connection which is gone already (ECONNABORTED and its like, see accept(2)) are passed over at once.
//
// A connection whose accept was destroyed before it was told goes to the next who accepts.
#pragma once

#include <sys/socket.h>
#include <tau/rt/timer.h>

#include <vector>

#include "descriptor.hpp"
#include "io_operation.hpp"

namespace tau::detail {

class AcceptOperation;

/// Memory of a listener; stays where it is.
struct Listening {
  struct Connection {
    int fd;
    sockaddr_storage peer;
    std::uint64_t size;
  };

  explicit Listening(Descriptor listening) noexcept : descriptor(std::move(listening)) {}
  Listening(const Listening&) = delete;
  ~Listening();

  void give_back(const Connection& connection) noexcept;

  Descriptor descriptor;
  std::vector<Connection> given_back;
  AcceptOperation* waiting = nullptr;  // newest first
  std::uint64_t delay_ns = 0;          // of the next try; 0 while there are descriptors
};

class [[nodiscard]] AcceptOperation : public IoOperation {
 public:
  explicit AcceptOperation(Listening& listening) noexcept;
  ~AcceptOperation();

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    waiter_.set(suspended);
    return start() ? suspend_if_exhausted(suspended) : true;
  }

 protected:
  /// The connection; the caller owns its descriptor.
  Result<Listening::Connection> take() noexcept;

 private:
  friend Listening;
  struct Retry : tau_timer {
    AcceptOperation* operation;
  };

  bool start() noexcept;
  bool go_on() noexcept;
  void ended() noexcept;
  bool judge() noexcept;
  void link() noexcept;
  void unlink() noexcept;

  Listening& listening_;
  AcceptOperation* next_ = nullptr;
  AcceptOperation** link_ = nullptr;
  Retry retry_;
  sockaddr_storage peer_;
};

}  // namespace tau::detail
