// See datagram_operation.hpp.
#include <tau/detail/datagram_operation.hpp>

#include <algorithm>
#include <cstring>
#include <new>

namespace tau::detail {

void GivenBackDatagrams::push(Datagram datagram) noexcept {
  try {
    datagrams_.push_back(std::move(datagram));
  } catch (const std::bad_alloc&) {
  }
}

GivenBackDatagrams::Datagram GivenBackDatagrams::pop() noexcept {
  Datagram datagram = std::move(datagrams_.front());
  datagrams_.pop_front();
  return datagram;
}

bool DatagramReceive::take_given_back(std::vector<Descriptor>* descriptors) noexcept {
  if (given_back_.empty()) return false;
  const auto& datagram = given_back_.front();
  const std::size_t count = std::min(piece_.iov_len, datagram.bytes.size());
  if (count != 0) std::memcpy(piece_.iov_base, datagram.bytes.data(), count);
  std::memcpy(&peer_, &datagram.peer, sizeof peer_);
  message_.msg_namelen = datagram.peer_size;
  message_.msg_flags = datagram.truncated || count < datagram.bytes.size() ? MSG_TRUNC : 0;
  result = static_cast<std::int64_t>(count);
  if (flags & MSG_PEEK) return true;
  GivenBackDatagrams::Datagram taken = given_back_.pop();
  if (descriptors) *descriptors = std::move(taken.descriptors);
  return true;
}

void DatagramReceive::give_back(std::vector<Descriptor> descriptors) noexcept {
  try {
    GivenBackDatagrams::Datagram datagram{};
    const auto* const first = static_cast<const std::byte*>(piece_.iov_base);
    datagram.bytes.assign(first, first + std::min(static_cast<std::size_t>(result), piece_.iov_len));
    std::memcpy(&datagram.peer, &peer_, sizeof peer_);
    datagram.peer_size = message_.msg_namelen;
    datagram.truncated = was_truncated();
    datagram.descriptors = std::move(descriptors);
    result = -1;
    given_back_.push(std::move(datagram));
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace tau::detail
