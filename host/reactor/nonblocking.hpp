// O_NONBLOCK while it lives. The flag belongs to the open file, so whoever else uses the same file sees it
// for that moment; the alternative is a loop that stands still.
#pragma once

#include <errno.h>
#include <fcntl.h>

namespace tau::host {

class NonBlocking {
 public:
  explicit NonBlocking(int fd) noexcept : fd_(fd), flags_(::fcntl(fd, F_GETFL)) {
    if (changed()) ::fcntl(fd_, F_SETFL, flags_ | O_NONBLOCK);
  }
  NonBlocking(const NonBlocking&) = delete;
  NonBlocking& operator=(const NonBlocking&) = delete;
  ~NonBlocking() {
    const int kept = errno;
    if (changed()) ::fcntl(fd_, F_SETFL, flags_);
    errno = kept;
  }

 private:
  bool changed() const noexcept { return flags_ >= 0 && (flags_ & O_NONBLOCK) == 0; }
  int fd_;
  int flags_;
};

}  // namespace tau::host
