// What attempt.cpp asks of the system and each system answers in a way of its own. Meson picks the one of
// attempt_linux.cpp, attempt_freebsd.cpp and attempt_darwin.cpp that fits; they differ in how a call is told
// not to wait, not to raise SIGPIPE, and with which flags a descriptor is born.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <tau/rt/io.h>

#include <cstddef>
#include <cstdint>

namespace tau::host::system {

/// TAU_* bits as poll(2) has them, and back. What the system has no word for is left out.
short to_poll(std::uint32_t events) noexcept;
std::uint32_t from_poll(short events) noexcept;

/// READ or WRITE, once, without waiting, whatever the descriptor's flags say. -1 with EOPNOTSUPP or ENOSYS
/// where this file or this system has no such call.
ssize_t transfer_now(const tau_io& op, std::size_t length) noexcept;

/// recv(2) that does not wait.
ssize_t receive_now(int fd, void* data, std::size_t length, int flags) noexcept;

/// send(2) and sendmsg(2) that neither wait nor raise SIGPIPE.
ssize_t send_now(int fd, const void* data, std::size_t length, int flags) noexcept;
ssize_t send_message_now(int fd, const msghdr* message, int flags) noexcept;

/// accept(2), where `flags` are those of TAU_IO_ACCEPT. The listener does not block while it runs; what it
/// accepts blocks unless the flags say otherwise.
int accept_with(int fd, sockaddr* address, socklen_t* size, int flags) noexcept;

// Of what may block (blocking_call.cpp), what is not the same everywhere. 0, or -1 with errno; EOPNOTSUPP
// where the system has no such call.
int sync_data(int fd) noexcept;
int status_of(int folder, const char* path, int flags, unsigned mask, void* out) noexcept;
int rename_with(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept;

}  // namespace tau::host::system
