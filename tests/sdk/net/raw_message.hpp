// sendmsg(2) with descriptors, without a turn of the loop.
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <cstring>
#include <span>
#include <string_view>

namespace tau::test {

inline void send_with_fds(int socket, std::string_view text, std::span<const int> fds) {
  alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))]{};
  REQUIRE(fds.size() <= 4);
  iovec piece{const_cast<char*>(text.data()), text.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(fds.size_bytes());
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fds.size_bytes());
  std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  REQUIRE(::sendmsg(socket, &message, 0) == static_cast<ssize_t>(text.size()));
}

}  // namespace tau::test
