// Passing descriptors over Unix sockets (SCM_RIGHTS).
#pragma once

#include <sys/socket.h>

#include <array>
#include <span>
#include <vector>

#include "descriptor.hpp"

namespace tau::detail {

/// More are not sent with one message, and not received.
inline constexpr std::size_t most_passed = 64;

class ControlBuffer {
 public:
  /// Makes `message` carry `fds`; false: there are too many.
  bool put(msghdr& message, std::span<const int> fds) noexcept;
  /// Gives `message` room for descriptors.
  void make_room(msghdr& message) noexcept;
  /// Those that came with it, now ours; what there is no memory for is closed.
  static std::vector<Descriptor> take(const msghdr& message) noexcept;

 private:
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(most_passed * sizeof(int))> bytes_;
};

}  // namespace tau::detail
