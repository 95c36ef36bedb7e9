// Datagrams as awaiters: whole messages, each with the address it comes from or goes to.
//
// A datagram that came and whose receive was destroyed before it was told goes to the next receive.
#pragma once

#include <deque>
#include <vector>

#include "message_operation.hpp"

namespace tau::detail {

/// Datagrams that were given back, oldest last.
class GivenBackDatagrams {
 public:
  struct Datagram {
    std::vector<std::byte> bytes;
    sockaddr_storage peer;
    socklen_t peer_size;
    bool truncated;
    std::vector<Descriptor> descriptors;
  };
  bool empty() const noexcept { return datagrams_.empty(); }
  /// Without memory for it the datagram is dropped, as any network may.
  void push(Datagram datagram) noexcept;
  Datagram pop() noexcept;
  const Datagram& front() const noexcept { return datagrams_.front(); }

 private:
  std::deque<Datagram> datagrams_;
};

/// One datagram out. An empty one is one, too.
class DatagramSend : public MessageOperation {
 public:
  DatagramSend(Descriptor& descriptor, std::span<const std::byte> bytes) noexcept
      : MessageOperation(descriptor, TAU_IO_SENDMSG, 0),
        piece_{const_cast<std::byte*>(bytes.data()), bytes.size()} {
    message_.msg_iov = &piece_;
    message_.msg_iovlen = 1;
  }
  template <class Address>
  DatagramSend(Descriptor& descriptor, std::span<const std::byte> bytes, const Address& to) noexcept
      : DatagramSend(descriptor, bytes) {
    message_.msg_name = &peer_;
    message_.msg_namelen = to.to_system(peer_);
  }

 private:
  iovec piece_;
  sockaddr_storage peer_;
};

/// One datagram in.
class DatagramReceive : public MessageOperation {
 public:
  DatagramReceive(Descriptor& descriptor, GivenBackDatagrams& given_back, std::span<std::byte> into,
                  int receive_flags) noexcept
      : MessageOperation(descriptor, TAU_IO_RECVMSG, receive_flags | MSG_CMSG_CLOEXEC),
        given_back_(given_back),
        piece_{into.data(), into.size()} {
    result = -1;  // none: 0 may be one
    message_.msg_iov = &piece_;
    message_.msg_iovlen = 1;
    message_.msg_name = &peer_;
    message_.msg_namelen = sizeof peer_;
  }
  ~DatagramReceive() {
    withdraw();
    if (result >= 0 && !(flags & MSG_PEEK)) give_back({});
  }
  bool await_ready() noexcept { return take_given_back(nullptr); }

 protected:
  bool take_given_back(std::vector<Descriptor>* descriptors) noexcept;
  /// Makes the datagram the next one for others.
  void give_back(std::vector<Descriptor> descriptors) noexcept;
  bool was_truncated() const noexcept { return message_.msg_flags & MSG_TRUNC; }
  Result<std::size_t> claim() noexcept {
    const std::int64_t ended_with = std::exchange(result, -1);
    if (ended_with < 0) return Error::from_status(static_cast<std::int32_t>(ended_with));
    return static_cast<std::size_t>(ended_with);
  }

  GivenBackDatagrams& given_back_;
  iovec piece_;
  sockaddr_storage peer_;
};

}  // namespace tau::detail
