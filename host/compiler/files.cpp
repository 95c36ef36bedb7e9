// See files.hpp.
#include "files.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "concat.hpp"

namespace tau::host {
namespace fs = std::filesystem;

namespace {

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * 1'000'000'000LL + time.tv_nsec; }

FileState state_of(const struct stat& status) {
  return {nanoseconds(status.st_mtim), nanoseconds(status.st_ctim), static_cast<std::uint64_t>(status.st_size),
          static_cast<std::uint64_t>(status.st_ino)};
}

/// A name beside `path` that no other thread or process uses.
fs::path aside(const fs::path& path, const char* kind) {
  static std::atomic<unsigned> counter{0};
  return path.parent_path() / concat({".", kind, "-", path.filename().native(), "-", std::to_string(getpid()), "-",
                                      std::to_string(counter++)});
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::string user_name(uid_t uid) {
  std::vector<char> buffer(4096);
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found) return found->pw_name;
  return "uid " + std::to_string(uid);
}

}  // namespace

std::optional<FileState> file_state(const char* path) {
  struct stat status{};
  if (::stat(path, &status) != 0) return std::nullopt;
  return state_of(status);
}

std::optional<std::string> read_file(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  struct stat status{};
  std::string text;
  bool ok = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  if (ok) text.resize(static_cast<std::size_t>(status.st_size));
  std::size_t filled = 0;
  while (ok && filled < text.size()) {
    const ssize_t got = ::read(fd, text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) ok = false;
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
  }
  ::close(fd);
  if (!ok) return std::nullopt;
  text.resize(filled);
  return text;
}

bool write_atomically(const fs::path& path, std::string_view text, std::string& error) {
  const fs::path temporary = aside(path, "new");
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) {
    error = describe_failure("cannot write", path, errno);
    return false;
  }
  int problem = write_all(fd, text) ? 0 : errno;
  // Some file systems only say at close that the disk was full.
  if (::close(fd) != 0 && problem == 0 && errno != EINTR) problem = errno;
  if (problem == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) problem = errno;
  if (problem == 0) return true;
  ::unlink(temporary.c_str());
  error = describe_failure("cannot write", path, problem);
  return false;
}

bool write_if_changed(const fs::path& path, std::string_view text, bool& changed, std::string& error) {
  if (const auto old = read_file(path); old && *old == text) return true;
  changed = true;
  return write_atomically(path, text, error);
}

bool make_private_directory(const fs::path& path, std::string& error) {
  int problem = ::mkdir(path.c_str(), 0700) == 0 ? 0 : errno;
  // A file system such as /proc says ENOENT as well when it takes no folders: one that is above is not made.
  std::error_code ignored;
  const fs::path above = path.parent_path();
  if (problem == ENOENT && !above.empty() && !fs::exists(above, ignored)) {
    if (!make_private_directory(above, error)) return false;
    problem = ::mkdir(path.c_str(), 0700) == 0 ? 0 : errno;
  }
  if (problem != 0 && problem != EEXIST) {
    error = describe_failure("cannot make the folder", path, problem);
    if (problem == ENOENT) error += "; set TAU_HOME to a folder that can be written";
    return false;
  }
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    error = describe_failure("cannot use the folder", path, ENOTDIR);
    return false;
  }
  return check_private(path, error);
}

bool check_private(const fs::path& path, std::string& error) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    error = describe_failure("cannot look at", path, errno);
    return false;
  }
  const std::string name = "'" + path.string() + "'";
  if (S_ISLNK(status.st_mode)) {
    error = name + " is a symbolic link where the build cache wants a file or folder of its own; remove it";
    return false;
  }
  if (status.st_uid != ::geteuid()) {
    error = concat({name, " belongs to ", user_name(status.st_uid), ", not to ", user_name(::geteuid()),
                    ", so what lies there is not loaded; remove it, or set TAU_HOME to a folder of your own"});
    return false;
  }
  if (status.st_mode & (S_IWGRP | S_IWOTH)) {
    error = concat({name, " may be written by other users, so what lies there is not loaded; look whether it is as "
                    "you left it, then: chmod go-w ", name});
    return false;
  }
  return true;
}

std::string describe_failure(std::string_view what, const fs::path& path, int error_number) {
  const std::string text = concat({what, " '", path.native(), "': ", std::generic_category().message(error_number)});
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return text + "; free some space (`tau cache clean` empties the build cache), or set TAU_HOME to a "
                    "folder on another disk";
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOTDIR:
      return text + "; make it writable, or set TAU_HOME to a folder that is";
    default:
      return text;
  }
}

void remove_tree(const fs::path& path) {
  std::error_code ignored;
  // What an earlier call could not finish, because it was killed, say.
  const std::string prefix = ".gone-" + path.filename().string() + "-";
  std::vector<fs::path> gone;
  for (fs::directory_iterator it(path.parent_path(), ignored), end; !ignored && it != end; it.increment(ignored)) {
    if (it->path().filename().string().rfind(prefix, 0) == 0) gone.push_back(it->path());
  }
  const fs::path target = aside(path, "gone");
  fs::rename(path, target, ignored);
  gone.push_back(ignored ? path : target);
  for (const fs::path& each : gone) fs::remove_all(each, ignored);
}

std::int64_t file_clock_ns(const fs::path& probe, std::string& error) {
  const int fd = ::open(probe.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  struct stat status{};
  std::int64_t first = 0;
  std::int64_t now = 0;
  // File times advance with the kernel's tick, a few milliseconds: one tick is waited for, no more. A file
  // system with seconds for ticks gets no more than a tenth of one, and then rebuilds once too often.
  for (int tries = 0; fd >= 0 && tries < 100; ++tries) {
    if (::futimens(fd, nullptr) != 0 || ::fstat(fd, &status) != 0) break;
    now = nanoseconds(status.st_mtim);
    if (tries == 0) first = now;
    if (now != first) break;
    const timespec pause{0, 1'000'000};
    ::nanosleep(&pause, nullptr);
  }
  if (now == 0) error = describe_failure("cannot write", probe, errno);
  if (fd >= 0) ::close(fd);
  return now;
}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  if (this != &other) {
    release();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

bool FileLock::acquire(const fs::path& path, bool wait, std::string& error) {
  release();
  for (;;) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
      error = describe_failure("cannot open the lock", path, errno);
      return false;
    }
    int result;
    do {
      result = ::flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB));
    } while (result != 0 && errno == EINTR);
    if (result != 0) {
      const int problem = errno;
      ::close(fd);
      if (problem == EWOULDBLOCK) return true;  // not held
      error = describe_failure("cannot lock", path, problem);
      return false;
    }
    // Whoever cleaned the cache while we waited took the file away: then this lock keeps nobody out.
    struct stat ours{};
    struct stat named{};
    if (::fstat(fd, &ours) == 0 && ::stat(path.c_str(), &named) == 0 && ours.st_ino == named.st_ino &&
        ours.st_dev == named.st_dev) {
      fd_ = fd;
      return true;
    }
    ::close(fd);
  }
}

bool FileLock::acquire(const fs::path& path, const std::stop_token& stop, const std::function<void()>& on_wait,
                       std::string& error) {
  if (!acquire(path, false, error)) return false;
  if (held()) return true;
  if (on_wait) on_wait();
  if (!stop.stop_possible()) return acquire(path, true, error);
  // A blocked flock() hears of no stop, so this one asks again and again; it is somebody else's build that
  // takes its time here, ten looks a second are nothing beside it.
  while (!stop.stop_requested()) {
    const timespec pause{0, 100'000'000};
    ::nanosleep(&pause, nullptr);
    if (!acquire(path, false, error)) return false;
    if (held()) break;
  }
  return true;
}

void FileLock::release() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace tau::host
