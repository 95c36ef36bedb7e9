// Connect: a socket becomes a stream. The socket is the awaiter's until it is one; destroying the awaiter
// withdraws the attempt and closes it.
#pragma once

#include <sys/socket.h>

#include <cstring>
#include <utility>

#include "descriptor.hpp"
#include "io_operation.hpp"

namespace tau::detail {

template <class Stream>
class [[nodiscard("a connect does nothing until it is awaited")]] Connect final : public IoOperation {
 public:
  /// `peer` has to_system(). A socket that could not be made ends the connect with its error.
  template <class Address>
  Connect(Result<Descriptor> socket, const Address& peer) noexcept
      : IoOperation(TAU_IO_CONNECT, socket ? socket->fd() : -1, &peer_, 0) {
    length = peer.to_system(peer_);
    if (socket) {
      socket_ = std::move(*socket);
    } else {
      result = socket.error().status();
    }
  }
  ~Connect() {
    withdraw();
  }

  bool await_ready() const noexcept {
    return !socket_;
  }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    const bool waits = IoOperation::await_suspend(suspended);
    if (waits && previous) socket_.watch();
    return waits;
  }
  Result<Stream> await_resume() noexcept {
    Result<std::size_t> connected = claim();
    if (!connected) return connected.error();
    return Stream(std::move(socket_));
  }

 private:
  Descriptor socket_;
  sockaddr_storage peer_;
};

}  // namespace tau::detail
