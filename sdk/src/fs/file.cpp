// See fs/file.hpp.
#include <tau/fs/file.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <tau/detail/offload.hpp>

namespace tau::fs {
namespace {

/// 0 and above, or -errno of a system call that says -1.
template <class Call>
Result<void> checked(Call call) noexcept {
  int answer;
  do {
    answer = call();
  } while (answer < 0 && errno == EINTR);
  if (answer < 0) return Error::system(errno);
  return {};
}

/// A duplicate for a thread that may outlive the File: its number must go on naming the same file.
class Duplicate {
 public:
  explicit Duplicate(int fd) noexcept : fd_(::fcntl(fd, F_DUPFD_CLOEXEC, 0)), error_(errno) {}
  Duplicate(Duplicate&& other) noexcept : fd_(std::exchange(other.fd_, -1)), error_(other.error_) {}
  ~Duplicate() {
    if (fd_ >= 0) ::close(fd_);
  }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int fd() const noexcept { return fd_; }
  Error error() const noexcept { return Error::system(error_); }

 private:
  int fd_;
  int error_;
};

std::int64_t position_of(int fd) noexcept { return ::lseek(fd, 0, SEEK_CUR); }

}  // namespace

Result<int> OpenOptions::flags() const noexcept {
  const bool writes = write_ || append_;
  if (!read_ && !writes) return Error::system(EINVAL);
  if (append_ && truncate_ && !create_new_) return Error::system(EINVAL);
  if ((truncate_ || create_ || create_new_) && !writes) return Error::system(EINVAL);
  int flags = read_ && writes ? O_RDWR : writes ? O_WRONLY : O_RDONLY;
  if (append_) flags |= O_APPEND;
  if (create_new_) {
    flags |= O_CREAT | O_EXCL;
  } else {
    if (create_) flags |= O_CREAT;
    if (truncate_) flags |= O_TRUNC;
  }
  return flags | (custom_ & ~O_ACCMODE);
}

Task<Result<File>> OpenOptions::open(PathText path) const { return open_with(*this, std::move(path)); }

Task<Result<File>> OpenOptions::open_with(OpenOptions options, PathText path) {
  const Result<int> wanted = options.flags();
  if (!wanted) co_return wanted.error();
  if (!path.is_valid()) co_return Errc::invalid;
  Result<int> opened = co_await detail::OpenOperation(path.c_str(), *wanted, options.mode_);
  if (!opened) co_return opened.error();
  co_return File(*opened, position_of(*opened), options.append_);
}

Task<Result<File>> File::open(PathText path) { return OpenOptions().read().open(std::move(path)); }

Task<Result<File>> File::create(PathText path) {
  return OpenOptions().write().create().truncate().open(std::move(path));
}

File File::from_raw_fd(int fd) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  return File(fd, position_of(fd), flags >= 0 && (flags & O_APPEND) != 0);
}

int File::fd() const noexcept {
  if (position_ >= 0) ::lseek(descriptor_.fd(), position_, SEEK_SET);
  return descriptor_.fd();
}

int File::into_raw_fd() && noexcept {
  (void)fd();
  return descriptor_.release();
}

void File::moved(std::size_t count, std::uint32_t operation) noexcept {
  if (position_ < 0) return;
  // Who appends is where the system has put him.
  position_ = operation == TAU_IO_WRITE && appends_ ? position_of(descriptor_.fd())
                                                    : position_ + static_cast<std::int64_t>(count);
}

Task<Result<std::uint64_t>> File::seek(SeekFrom where) {
  if (position_ < 0) co_return Error::system(ESPIPE);
  std::int64_t base = where.whence() == SEEK_CUR ? position_ : 0;
  if (where.whence() == SEEK_END) {
    // Not by its size: a device has none, and yet an end.
    Duplicate file(descriptor_.fd());
    if (!file) co_return file.error();
    auto find_end = [file = std::move(file)](const detail::StopFlag&) -> Result<std::int64_t> {
      const std::int64_t end = ::lseek(file.fd(), 0, SEEK_END);
      if (end < 0) return Error::system(errno);
      return end;
    };
    Result<std::int64_t> end = co_await detail::offload(std::move(find_end));
    if (!end) co_return end.error();
    base = *end;
  }
  std::int64_t target = 0;
  if (__builtin_add_overflow(base, where.offset(), &target) || target < 0) co_return Error::system(EINVAL);
  position_ = target;
  co_return static_cast<std::uint64_t>(target);
}

Task<Result<Metadata>> File::metadata() {
  Result<struct statx> status = co_await detail::StatusOperation(descriptor_.fd(), "", 0);
  if (!status) co_return status.error();
  co_return Metadata(*status);
}

Task<Result<void>> File::set_len(std::uint64_t size) {
  Duplicate file(descriptor_.fd());
  if (!file) co_return file.error();
  auto cut = [file = std::move(file), size](const detail::StopFlag&) {
    return checked([&] { return ::ftruncate(file.fd(), static_cast<off_t>(size)); });
  };
  co_return co_await detail::offload(std::move(cut));
}

Task<Result<void>> File::set_permissions(Permissions permissions) {
  Duplicate file(descriptor_.fd());
  if (!file) co_return file.error();
  auto change = [file = std::move(file), permissions](const detail::StopFlag&) {
    return checked([&] { return ::fchmod(file.fd(), permissions.mode()); });
  };
  co_return co_await detail::offload(std::move(change));
}

Result<File> File::try_clone() const noexcept {
  const int copy = ::fcntl(descriptor_.fd(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return Error::system(errno);
  return File(copy, position_, appends_);
}

}  // namespace tau::fs
