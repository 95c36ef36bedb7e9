// Operations that the reactor has no word for: each is one job on the blocking pool, which looks between two
// steps whether anybody still waits. See fs/operations.hpp.
#include <tau/fs/operations.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include <tau/detail/offload.hpp>

namespace tau::fs {

using detail::StopFlag;

namespace {

constexpr std::size_t most_at_once = 8 << 20;

Error last_error() noexcept { return Error::system(errno); }
bool stopped(const StopFlag& stop) noexcept { return stop.load(std::memory_order_relaxed); }

class Fd {
 public:
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  operator int() const noexcept { return fd_; }
  int close() noexcept { return ::close(std::exchange(fd_, -1)); }
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Result<void> write_fully(int fd, std::span<const std::byte> bytes, const StopFlag& stop) noexcept {
  while (!bytes.empty()) {
    if (stopped(stop)) return Errc::canceled;
    const ssize_t count = ::write(fd, bytes.data(), std::min(bytes.size(), most_at_once));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return last_error();
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

// ---- copy ----------------------------------------------------------------------------------------

/// Where the kernel does not copy between these two: through our memory.
Result<std::uint64_t> copy_through(int from, int to, std::uint64_t done, const StopFlag& stop) {
  const auto buffer = std::make_unique<std::byte[]>(256 << 10);
  for (;;) {
    if (stopped(stop)) return Errc::canceled;
    const ssize_t count = ::read(from, buffer.get(), 256 << 10);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return last_error();
    if (count == 0) return done;
    const auto written = write_fully(to, {buffer.get(), static_cast<std::size_t>(count)}, stop);
    if (!written) return written.error();
    done += static_cast<std::uint64_t>(count);
  }
}

Result<std::uint64_t> copy_contents(int from, int to, std::uint64_t size, const StopFlag& stop) {
  if (size != 0 && ::ioctl(to, FICLONE, from) == 0) return size;
  std::uint64_t done = 0;
  for (;;) {
    if (stopped(stop)) return Errc::canceled;
    const ssize_t count = ::copy_file_range(from, nullptr, to, nullptr, most_at_once, 0);
    if (count > 0) {
      done += static_cast<std::uint64_t>(count);
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    // Nothing at all also of files that have contents and no size: those under /proc.
    const bool unable = count < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP ||
                                      errno == EPERM || errno == EBADF);
    if (count == 0 && done != 0) return done;
    if (count == 0 || unable) return copy_through(from, to, done, stop);
    return last_error();
  }
}

Result<std::uint64_t> copy_file(const char* from, const char* to, const StopFlag& stop) {
  Fd source(::open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a FIFO must not keep us waiting
  struct stat status {}, target {};
  if (source < 0 || ::fstat(source, &status) < 0) return last_error();
  if (!S_ISREG(status.st_mode)) return Error::system(EINVAL);
  Fd copy(::open(to, O_WRONLY | O_CREAT | O_CLOEXEC, status.st_mode & 0777));
  if (copy < 0 || ::fstat(copy, &target) < 0) return last_error();
  if (status.st_dev == target.st_dev && status.st_ino == target.st_ino) return Error::system(EINVAL);
  if (S_ISREG(target.st_mode)) {
    if (::ftruncate(copy, 0) < 0) return last_error();
    if (::fchmod(copy, status.st_mode & 07777) < 0) return last_error();
  }
  Result<std::uint64_t> length = copy_contents(source, copy, static_cast<std::uint64_t>(status.st_size), stop);
  if (!length) return length;
  if (copy.close() < 0) return last_error();
  return length;
}

// ---- remove_dir_all ------------------------------------------------------------------------------

/// Empties the folder that `fd` is, which it takes over. Everything is named from its own folder's descriptor and
/// nothing is followed: who exchanges a folder for a link meanwhile gets his link removed.
Result<void> empty_folder(int fd, const StopFlag& stop) {
  struct Close {
    void operator()(DIR* dir) const noexcept { ::closedir(dir); }
  };
  Fd owned(fd);
  std::unique_ptr<DIR, Close> dir(::fdopendir(fd));
  if (!dir) return last_error();
  owned.release();
  for (;;) {
    if (stopped(stop)) return Errc::canceled;
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (!entry) {
      if (errno != 0) return last_error();
      return {};
    }
    if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
    // What is a folder says so; asking first would be a guess by the time it is removed.
    if (entry->d_type != DT_DIR) {
      if (::unlinkat(fd, entry->d_name, 0) == 0 || errno == ENOENT) continue;
      if (errno != EISDIR && errno != EPERM) return last_error();
    }
    const int inner = ::openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0) {
      if (errno == ENOENT) continue;
      if ((errno == ENOTDIR || errno == ELOOP) && (::unlinkat(fd, entry->d_name, 0) == 0 || errno == ENOENT)) continue;
      return last_error();
    }
    if (auto emptied = empty_folder(inner, stop); !emptied) return emptied;
    if (::unlinkat(fd, entry->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT) return last_error();
  }
}

Result<void> remove_tree(const char* path, const StopFlag& stop) {
  const int fd = ::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    // A link to a folder is a link: it goes, and where it leads stays.
    struct stat status {};
    if ((errno == ENOTDIR || errno == ELOOP) && ::lstat(path, &status) == 0 && S_ISLNK(status.st_mode)) {
      if (::unlink(path) < 0) return last_error();
      return {};
    }
    return last_error();
  }
  if (auto emptied = empty_folder(fd, stop); !emptied) return emptied;
  if (::rmdir(path) < 0) return last_error();
  return {};
}

// ---- write_atomic --------------------------------------------------------------------------------

/// A name beside `path` that nobody has; created, and removed again unless it was renamed.
class Beside {
 public:
  explicit Beside(const std::string& path) : stem_(path.substr(0, path.rfind('/') + 1) + ".tau-") {}
  Beside(const Beside&) = delete;
  ~Beside() {
    if (exists_) ::unlink(name_.c_str());
  }
  int create() {
    for (int attempt = 0; attempt < 64; ++attempt) {
      std::array<unsigned char, 8> random{};
      if (::getrandom(random.data(), random.size(), 0) < 0) return -1;
      static constexpr char digits[] = "0123456789abcdef";
      name_ = stem_;
      for (unsigned char byte : random) {
        name_ += digits[byte >> 4];
        name_ += digits[byte & 15];
      }
      const int fd = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
      if (fd >= 0) exists_ = true;
      if (fd >= 0 || errno != EEXIST) return fd;
    }
    return -1;
  }
  const char* name() const noexcept { return name_.c_str(); }
  void renamed() noexcept { exists_ = false; }

 private:
  const std::string stem_;
  std::string name_;
  bool exists_ = false;
};

Result<void> replace(const std::string& path, std::span<const std::byte> bytes, const StopFlag& stop) {
  Beside temporary(path);
  Fd file(temporary.create());
  if (file < 0) return last_error();
  struct stat old {};
  if (::stat(path.c_str(), &old) == 0 && S_ISREG(old.st_mode)) {
    if (::fchmod(file, old.st_mode & 07777) < 0) return last_error();
  }
  if (auto written = write_fully(file, bytes, stop); !written) return written;
  if (::fsync(file) < 0 || file.close() < 0) return last_error();
  if (stopped(stop)) return Errc::canceled;
  if (::rename(temporary.name(), path.c_str()) < 0) return last_error();
  temporary.renamed();
  // The name, too, has to reach the disk. A file system that cannot do that for folders says EINVAL.
  const auto slash = path.rfind('/');
  const std::string folder = slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  Fd parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent >= 0 && ::fsync(parent) < 0 && errno != EINVAL) return last_error();
  return {};
}

}  // namespace

Task<Result<void>> set_permissions(PathText path, Permissions permissions) {
  if (!path.is_valid()) co_return Errc::invalid;
  auto change = [path = std::move(path), permissions](const StopFlag&) -> Result<void> {
    if (::chmod(path.c_str(), permissions.mode()) < 0) return last_error();
    return {};
  };
  co_return co_await detail::offload(std::move(change));
}

Task<Result<void>> remove_dir_all(PathText path) {
  if (!path.is_valid()) co_return Errc::invalid;
  auto remove = [path = std::move(path)](const StopFlag& stop) { return remove_tree(path.c_str(), stop); };
  co_return co_await detail::offload(std::move(remove));
}

Task<Result<std::uint64_t>> copy(PathText from, PathText to) {
  if (!from.is_valid() || !to.is_valid()) co_return Errc::invalid;
  auto work = [from = std::move(from), to = std::move(to)](const StopFlag& stop) {
    return copy_file(from.c_str(), to.c_str(), stop);
  };
  co_return co_await detail::offload(std::move(work));
}

Task<Result<std::string>> read_link(PathText path) {
  if (!path.is_valid()) co_return Errc::invalid;
  auto read = [path = std::move(path)](const StopFlag&) -> Result<std::string> {
    for (std::size_t size = 256;; size *= 2) {
      std::string target(size, '\0');
      const ssize_t length = ::readlink(path.c_str(), target.data(), size);
      if (length < 0) return last_error();
      if (static_cast<std::size_t>(length) == size) continue;  // perhaps cut
      target.resize(static_cast<std::size_t>(length));
      return target;
    }
  };
  co_return co_await detail::offload(std::move(read));
}

Task<Result<std::string>> canonicalize(PathText path) {
  if (!path.is_valid()) co_return Errc::invalid;
  auto resolve = [path = std::move(path)](const StopFlag&) -> Result<std::string> {
    const std::unique_ptr<char, decltype(&::free)> resolved(::realpath(path.c_str(), nullptr), &::free);
    if (!resolved) return last_error();
    return std::string(resolved.get());
  };
  co_return co_await detail::offload(std::move(resolve));
}

Task<Result<void>> write_atomic(PathText path, io::ConstBuffer bytes) {
  if (!path.is_valid()) co_return Errc::invalid;
  std::vector<std::byte> copied(bytes.begin(), bytes.end());
  auto work = [path = std::move(path), copied = std::move(copied)](const StopFlag& stop) {
    return replace(path.text(), copied, stop);
  };
  co_return co_await detail::offload(std::move(work));
}

}  // namespace tau::fs
