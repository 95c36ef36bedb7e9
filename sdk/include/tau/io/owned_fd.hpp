// OwnedFd: a file descriptor that is closed with it.
#pragma once

#include "../detail/descriptor.hpp"

namespace tau::io {

/// See: std::os::fd::OwnedFd of Rust
using OwnedFd = detail::Descriptor;

}  // namespace tau::io
