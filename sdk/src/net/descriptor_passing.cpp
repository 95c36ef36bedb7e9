// See descriptor_passing.hpp.
#include <tau/detail/descriptor_passing.hpp>

#include <unistd.h>

#include <cstring>
#include <new>

namespace tau::detail {

bool ControlBuffer::put(msghdr& message, std::span<const int> fds) noexcept {
  if (fds.empty()) return true;
  if (fds.size() > most_passed) return false;
  bytes_.fill(std::byte{});
  message.msg_control = bytes_.data();
  message.msg_controllen = CMSG_SPACE(fds.size_bytes());
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fds.size_bytes());
  std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  return true;
}

void ControlBuffer::make_room(msghdr& message) noexcept {
  bytes_.fill(std::byte{});
  message.msg_control = bytes_.data();
  message.msg_controllen = bytes_.size();
}

std::vector<Descriptor> ControlBuffer::take(const msghdr& message) noexcept {
  std::vector<Descriptor> taken;
  auto& walked = const_cast<msghdr&>(message);
  for (cmsghdr* header = CMSG_FIRSTHDR(&walked); header; header = CMSG_NXTHDR(&walked, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      Descriptor owned(fd);
      try {
        taken.push_back(std::move(owned));
      } catch (const std::bad_alloc&) {
      }
    }
  }
  return taken;
}

}  // namespace tau::detail
