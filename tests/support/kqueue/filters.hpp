// What epoll says about a descriptor, in the words of EVFILT_READ and EVFILT_WRITE.
#pragma once

#include <sys/event.h>

#include <cstdint>

namespace tau::test::kqueue_emulation {

/// What an epoll set is asked for one filter's sake.
std::uint32_t interest(short filter) noexcept;

/// Whether the open mode of `fd` rules the filter out, as that of one end of a pipe does.
bool is_ruled_out(int fd, short filter) noexcept;

/// Whether `fd` is a pipe that nobody reads any more.
bool has_no_reader(int fd) noexcept;

/// Completes `event`, whose ident and filter are set, from what epoll reported. False when kqueue would
/// report nothing.
bool evaluate(std::uint32_t reported, struct kevent& event) noexcept;

}  // namespace tau::test::kqueue_emulation
