// The standard streams, without blocking the loop.
//
// They are shared with whoever started us, and with every child: O_NONBLOCK set on them would be set for the
// shell as well. So a terminal or a pipe is opened once more by way of /proc/self/fd, which gives an open
// file of our own to be non-blocking. What cannot be opened so (files, whose position is to be shared;
// sockets; somebody else's terminal) is duplicated, and the reactor tries each call in a way that does not
// wait. No thread sits in read(2): a plugin that waits for input can be unloaded at once.
//
// There is no buffer behind these objects: BufReader and BufWriter make one. An object keeps what a
// cancelled read gave back, so make one for each stream and keep it.
#pragma once

#include "../detail/pipe_operation.hpp"

namespace tau::io {

/// What people type, or a pipe or file brings. A Reader.
///
/// Cancelling a read loses nothing of a terminal, pipe or socket. What it had begun to read of a file is
/// skipped.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::io::Stdin
class StandardInput {
 public:
  explicit StandardInput(detail::Descriptor descriptor) noexcept : descriptor_(std::move(descriptor)) {}
  auto read(MutableBuffer into) noexcept { return detail::PipeRead(descriptor_, into); }
  int fd() const noexcept { return descriptor_.fd(); }

 private:
  detail::Descriptor descriptor_;
};

/// Where output and errors go. A Writer. Lines of several tasks and plugins mix at the borders of writes.
/// See: tokio::io::Stdout, tokio::io::Stderr
class StandardOutput {
 public:
  explicit StandardOutput(detail::Descriptor descriptor) noexcept : descriptor_(std::move(descriptor)) {}
  auto write(ConstBuffer bytes) noexcept { return detail::PipeWrite(descriptor_, bytes); }
  auto write_all(ConstBuffer bytes) noexcept { return detail::SendAll(descriptor_, bytes, TAU_IO_WRITE); }
  int fd() const noexcept { return descriptor_.fd(); }

 private:
  detail::Descriptor descriptor_;
};

/// Errors: EBADF if the process was started without that stream.
Result<StandardInput> standard_input() noexcept;
Result<StandardOutput> standard_output() noexcept;
Result<StandardOutput> standard_error() noexcept;

}  // namespace tau::io
