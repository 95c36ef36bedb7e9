// FileIdentity: whether a number still means the file that it meant when it was watched.
//
// epoll knows that by itself; a ring's poll holds the old file and says nothing. Sockets, pipes and FIFOs are
// told apart by device and inode: the poll keeps the old one alive, so no other file has its inode meanwhile.
// The rest is told apart by an epoll instance that nobody waits on: eventfds, timers and the like share one
// inode, and of terminals and other devices only epoll tells, too, whether they can be watched at all.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace tau::host {

/// What is remembered of one watched number.
struct FileIdentity {
  bool by_inode = false;
  dev_t device = 0;
  ino_t inode = 0;
};

/// [loop]
class FileIdentities {
 public:
  FileIdentities() noexcept;
  ~FileIdentities();
  FileIdentities(const FileIdentities&) = delete;
  FileIdentities& operator=(const FileIdentities&) = delete;

  bool usable() const noexcept { return epoll_ >= 0; }

  /// 0 and `*out`; -EPERM for what cannot be watched, -EBADF.
  std::int32_t remember(int fd, FileIdentity* out) noexcept;
  bool same(int fd, const FileIdentity& known) const noexcept;
  void forget(int fd, const FileIdentity& known) noexcept;

 private:
  int epoll_;
};

}  // namespace tau::host
