// Metadata: what the system knows of a file beside its contents.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <optional>

#include "../detail/enable_transferable.hpp"

namespace tau::fs {

using SystemTime = std::chrono::sys_time<std::chrono::nanoseconds>;

/// Permission bits. [inert] See: std::fs::Permissions
class Permissions {
 public:
  static constexpr Permissions from_mode(std::uint32_t mode) noexcept { return Permissions(mode & 07777); }
  constexpr std::uint32_t mode() const noexcept { return mode_; }
  /// Nobody may write.
  constexpr bool readonly() const noexcept { return (mode_ & 0222) == 0; }
  constexpr Permissions as_readonly() const noexcept { return Permissions(mode_ & ~0222u); }
  friend constexpr bool operator==(Permissions, Permissions) noexcept = default;

 private:
  constexpr explicit Permissions(std::uint32_t mode) noexcept : mode_(mode) {}
  std::uint32_t mode_;
};

/// [inert]
enum class FileType { unknown, file, dir, symlink, fifo, socket, block_device, char_device };

/// [inert] See: std::fs::Metadata
class Metadata {
 public:
  explicit Metadata(const struct statx& status) noexcept : status_(status) {}

  std::uint64_t len() const noexcept { return status_.stx_size; }
  FileType file_type() const noexcept { return type_of(status_.stx_mode); }
  bool is_file() const noexcept { return S_ISREG(status_.stx_mode); }
  bool is_dir() const noexcept { return S_ISDIR(status_.stx_mode); }
  bool is_symlink() const noexcept { return S_ISLNK(status_.stx_mode); }
  Permissions permissions() const noexcept { return Permissions::from_mode(status_.stx_mode); }
  SystemTime modified() const noexcept { return time_of(status_.stx_mtime); }
  SystemTime accessed() const noexcept { return time_of(status_.stx_atime); }
  /// Empty where the file system does not keep it.
  std::optional<SystemTime> created() const noexcept {
    return (status_.stx_mask & STATX_BTIME) ? std::optional(time_of(status_.stx_btime)) : std::nullopt;
  }
  std::uint32_t uid() const noexcept { return status_.stx_uid; }
  std::uint32_t gid() const noexcept { return status_.stx_gid; }
  std::uint64_t ino() const noexcept { return status_.stx_ino; }
  std::uint64_t dev() const noexcept {
    return (std::uint64_t{status_.stx_dev_major} << 32) | status_.stx_dev_minor;
  }
  std::uint64_t nlink() const noexcept { return status_.stx_nlink; }
  /// Of 512 bytes, as the disk holds it.
  std::uint64_t blocks() const noexcept { return status_.stx_blocks; }

  static FileType type_of(std::uint32_t mode) noexcept {
    switch (mode & S_IFMT) {
      case S_IFREG: return FileType::file;
      case S_IFDIR: return FileType::dir;
      case S_IFLNK: return FileType::symlink;
      case S_IFIFO: return FileType::fifo;
      case S_IFSOCK: return FileType::socket;
      case S_IFBLK: return FileType::block_device;
      case S_IFCHR: return FileType::char_device;
      default: return FileType::unknown;
    }
  }

 private:
  static SystemTime time_of(const struct statx_timestamp& time) noexcept {
    return SystemTime(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
  }

  struct statx status_;
};

}  // namespace tau::fs

template <>
inline constexpr bool tau::enable_transferable<tau::fs::Permissions> = true;
template <>
inline constexpr bool tau::enable_transferable<tau::fs::Metadata> = true;
