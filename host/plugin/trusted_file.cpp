// See trusted_file.hpp.
#include "trusted_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tau::host {
namespace {

std::string system_error() { return std::string("cannot be opened: ") + std::strerror(errno); }

// Root could do anything anyhow, so what belongs to root is trusted like one's own.
std::string distrust(const struct stat& st, const char* what) {
  if (st.st_uid != geteuid() && st.st_uid != 0) {
    return std::string(what) + " belongs to another user (uid " + std::to_string(st.st_uid) +
           "), who could run code in this host; make it your own: chown " + std::to_string(geteuid());
  }
  // A group of one's own is not "others"; many systems give each user one and a umask to match.
  const bool group = (st.st_mode & S_IWGRP) != 0 && st.st_gid != getegid();
  // In a sticky folder others may add files, but not replace ours.
  const bool sticky = S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) != 0;
  if ((group || (st.st_mode & S_IWOTH) != 0) && !sticky) {
    return std::string(what) + " is writable by others, who could run code in this host; close it: chmod go-w";
  }
  return {};
}

}  // namespace

int open_trusted(const std::filesystem::path& path, std::string* why) {
  // Links are followed once, here; what counts is the folder that the file really lies in.
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error);
  if (error) {
    *why = "cannot be opened: " + error.message();
    return -1;
  }
  struct stat st;
  const int folder = open(real.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) {
    *why = system_error();
    return -1;
  }
  *why = fstat(folder, &st) == 0 ? distrust(st, "lies in a folder that") : system_error();
  // Non-blocking, so that a FIFO in its place does not hang the host; regular files do not care.
  const int fd = why->empty() ? openat(folder, real.filename().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
  if (why->empty() && fd < 0) *why = system_error();
  close(folder);
  if (fd < 0) return -1;

  if (fstat(fd, &st) != 0) {
    *why = system_error();
  } else if (!S_ISREG(st.st_mode)) {
    *why = "is not a regular file";
  } else {
    std::string distrusted = distrust(st, "");
    if (!distrusted.empty()) distrusted.erase(0, 1);  // "it" stands for the file itself
    *why = distrusted;
  }
  if (why->empty()) return fd;
  close(fd);
  return -1;
}

}  // namespace tau::host
