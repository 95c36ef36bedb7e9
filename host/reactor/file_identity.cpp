// See file_identity.hpp.
#include "file_identity.hpp"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tau::host {

FileIdentities::FileIdentities() noexcept : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

FileIdentities::~FileIdentities() {
  if (epoll_ >= 0) ::close(epoll_);
}

std::int32_t FileIdentities::remember(int fd, FileIdentity* out) noexcept {
  struct stat status;
  if (::fstat(fd, &status) < 0) return -errno;
  *out = {S_ISSOCK(status.st_mode) || S_ISFIFO(status.st_mode), status.st_dev, status.st_ino};
  if (out->by_inode) return 0;
  if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode)) return -EPERM;
  epoll_event nothing{};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &nothing) == 0 || errno == EEXIST) return 0;
  return -errno;
}

bool FileIdentities::same(int fd, const FileIdentity& known) const noexcept {
  if (!known.by_inode) {
    epoll_event nothing{};
    return ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &nothing) == 0;
  }
  struct stat status;
  return ::fstat(fd, &status) == 0 && status.st_dev == known.device && status.st_ino == known.inode;
}

void FileIdentities::forget(int fd, const FileIdentity& known) noexcept {
  if (!known.by_inode) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

}  // namespace tau::host
