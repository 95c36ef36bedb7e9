// See standard_streams.hpp.
#include <tau/io/standard_streams.hpp>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace tau::io {
namespace {

Result<detail::Descriptor> own(int stream, int access) noexcept {
  struct stat status;
  if (::fstat(stream, &status) < 0) return Error::system(errno);
  if (S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode)) {
    char path[32];
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", stream);
    const int fd = ::open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0) return detail::Descriptor(fd);
  }
  const int fd = ::fcntl(stream, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return Error::system(errno);
  return detail::Descriptor(fd);
}

Result<StandardOutput> output(int stream) noexcept {
  Result<detail::Descriptor> descriptor = own(stream, O_WRONLY);
  if (!descriptor) return descriptor.error();
  return StandardOutput(std::move(*descriptor));
}

}  // namespace

Result<StandardInput> standard_input() noexcept {
  Result<detail::Descriptor> descriptor = own(STDIN_FILENO, O_RDONLY);
  if (!descriptor) return descriptor.error();
  return StandardInput(std::move(*descriptor));
}

Result<StandardOutput> standard_output() noexcept {
  return output(STDOUT_FILENO);
}
Result<StandardOutput> standard_error() noexcept {
  return output(STDERR_FILENO);
}

}  // namespace tau::io
