// See private_folder.hpp.
#include "private_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

namespace fs = std::filesystem;

namespace tau::host {
namespace {

constexpr std::string_view prefix = "tau-modules-";

// Takes the folder's lock without waiting; the lock goes with the descriptor.
int lock_folder(const fs::path& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

bool is_open_as(int fd, const fs::path& path) {
  struct stat by_fd, by_name;
  return fstat(fd, &by_fd) == 0 && lstat(path.c_str(), &by_name) == 0 && by_fd.st_dev == by_name.st_dev &&
         by_fd.st_ino == by_name.st_ino;
}

void remove_abandoned(const fs::path& base) {
  std::error_code error;
  for (fs::directory_iterator it(base, error), end; !error && it != end; it.increment(error)) {
    if (!it->path().filename().native().starts_with(prefix)) continue;
    const int lock = lock_folder(it->path());
    if (lock < 0) continue;  // in use, or another user's
    struct stat st;
    std::error_code ignored;
    if (fstat(lock, &st) == 0 && st.st_uid == geteuid()) fs::remove_all(it->path(), ignored);
    close(lock);
  }
}

bool may_hold_code(const fs::path& folder) {
  struct statvfs st;
  return statvfs(folder.c_str(), &st) == 0 && (st.f_flag & ST_NOEXEC) == 0 &&
         access(folder.c_str(), W_OK | X_OK) == 0;
}

}  // namespace

const fs::path& PrivateFolder::path(std::string* why, const fs::path& base) {
  if (!path_.empty()) return path_;
  std::vector<fs::path> bases = {base};
  for (const char* variable : {"XDG_RUNTIME_DIR", "TMPDIR"}) {
    if (const char* value = std::getenv(variable)) bases.emplace_back(value);
  }
  bases.emplace_back("/tmp");

  std::string last;
  for (const auto& given : bases) {
    if (!given.is_absolute()) continue;
    // Without links on the way, so that /proc/self/maps calls the copies by the same name.
    std::error_code error;
    const auto in = fs::canonical(given, error);
    if (error) {
      last = "'" + given.string() + "': " + error.message();
      continue;
    }
    if (!may_hold_code(in)) {
      last = "'" + in.string() + "' cannot be written or is mounted noexec";
      continue;
    }
    remove_abandoned(in);
    std::string name = (in / prefix).native() + "XXXXXX";
    // Another process may take a new folder for an abandoned one, in the moment before it is locked.
    for (int attempt = 0; attempt < 8; ++attempt) {
      name.replace(name.size() - 6, 6, "XXXXXX");
      if (mkdtemp(name.data()) == nullptr) {
        last = "'" + in.string() + "': " + std::strerror(errno);
        break;
      }
      lock_ = lock_folder(name);
      if (lock_ >= 0 && is_open_as(lock_, name)) return path_ = name;
      if (lock_ >= 0) close(lock_);
      lock_ = -1;
      rmdir(name.c_str());
    }
  }
  if (why != nullptr) {
    *why = "no folder for the copies of modules: " + last + "; point XDG_RUNTIME_DIR to one that may hold programs";
  }
  return path_;
}

PrivateFolder::~PrivateFolder() {
  if (path_.empty()) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  close(lock_);
}

}  // namespace tau::host
