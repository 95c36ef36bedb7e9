// File: an open file, read and written without blocking the loop.
//
//   auto file = co_await tau::fs::File::open("settings.json");
//   if (!file) co_return file.error();
//   std::string text;
//   auto length = co_await tau::io::read_to_string(*file, text);
//
// A File keeps its position itself and tells the system where to read: so a read that is cancelled has not moved
// it, whatever a thread or the kernel did meanwhile. What cannot be sought in (a FIFO, a terminal) is read where
// it is, and so is the end of a file opened to append.
#pragma once

#include <cstdint>
#include <utility>

#include "../detail/descriptor.hpp"
#include "../detail/file_operation.hpp"
#include "../io/buffer.hpp"
#include "../task.hpp"
#include "metadata.hpp"
#include "path.hpp"

namespace tau::fs {

class File;

/// Where seek() goes. [inert] See: std::io::SeekFrom
class SeekFrom {
 public:
  static constexpr SeekFrom start(std::uint64_t offset) noexcept {
    return SeekFrom(SEEK_SET, static_cast<std::int64_t>(offset));
  }
  static constexpr SeekFrom current(std::int64_t offset) noexcept { return SeekFrom(SEEK_CUR, offset); }
  static constexpr SeekFrom end(std::int64_t offset) noexcept { return SeekFrom(SEEK_END, offset); }
  constexpr int whence() const noexcept { return whence_; }
  constexpr std::int64_t offset() const noexcept { return offset_; }

 private:
  constexpr SeekFrom(int whence, std::int64_t offset) noexcept : whence_(whence), offset_(offset) {}
  int whence_;
  std::int64_t offset_;
};

/// How a file is opened. [inert] See: tokio::fs::OpenOptions
class OpenOptions {
 public:
  OpenOptions() noexcept {}
  OpenOptions& read(bool on = true) noexcept { return set(read_, on); }
  OpenOptions& write(bool on = true) noexcept { return set(write_, on); }
  OpenOptions& append(bool on = true) noexcept { return set(append_, on); }
  OpenOptions& truncate(bool on = true) noexcept { return set(truncate_, on); }
  OpenOptions& create(bool on = true) noexcept { return set(create_, on); }
  /// Fails if there is something by that name, also a dangling link.
  OpenOptions& create_new(bool on = true) noexcept { return set(create_new_, on); }
  /// Permissions of a file that is created, before the umask; 0666.
  OpenOptions& mode(std::uint32_t bits) noexcept {
    mode_ = bits;
    return *this;
  }
  /// O_NOFOLLOW, O_DIRECT ...; not the access mode.
  OpenOptions& custom_flags(int flags) noexcept {
    custom_ = flags;
    return *this;
  }

  /// Errors: as the system says; EINVAL for options that contradict one another.
  Task<Result<File>> open(PathText path) const;

 private:
  static Task<Result<File>> open_with(OpenOptions options, PathText path);
  OpenOptions& set(bool& option, bool on) noexcept {
    option = on;
    return *this;
  }
  Result<int> flags() const noexcept;

  bool read_ = false, write_ = false, append_ = false, truncate_ = false, create_ = false, create_new_ = false;
  std::uint32_t mode_ = 0666;
  int custom_ = 0;
};

/// An open file. A Reader and Writer.
///
/// One task at a time uses its position; read_at() and write_at() may be many.
/// Cancel:    a read has no effect; whoever cancels a write does not know how much of it happens. The memory is
///            untouched afterwards.
/// Ownership: destroying it closes the file; close() does so elsewhere and tells what happened.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::fs::File
class File {
 public:
  /// To read. `Result<File> file = co_await File::open(path);`
  static Task<Result<File>> open(PathText path);
  /// To write; emptied if there is one.
  static Task<Result<File>> create(PathText path);
  static OpenOptions options() noexcept { return OpenOptions(); }

  /// Takes over a descriptor, with its position.
  static File from_raw_fd(int fd) noexcept;
  /// Gives it up, its position set to ours.
  int into_raw_fd() && noexcept;
  /// Its position is set to ours, for whoever uses the descriptor now.
  int fd() const noexcept;

  /// At least one byte, or 0 at the end.
  auto read(io::MutableBuffer into) noexcept { return Transfer(*this, TAU_IO_READ, into); }
  /// Some of the bytes.
  auto write(io::ConstBuffer bytes) noexcept { return Transfer(*this, TAU_IO_WRITE, bytes); }
  /// At a place of its own; the position stays.
  auto read_at(io::MutableBuffer into, std::uint64_t offset) noexcept {
    return detail::IoOperation(TAU_IO_READ, descriptor_.fd(), into.data(), into.size(), 0,
                               static_cast<std::int64_t>(offset));
  }
  auto write_at(io::ConstBuffer bytes, std::uint64_t offset) noexcept {
    return detail::IoOperation(TAU_IO_WRITE, descriptor_.fd(), bytes.data(), bytes.size(), 0,
                               static_cast<std::int64_t>(offset));
  }
  /// The new position, from the start. Errors: EINVAL before the start; ESPIPE.
  Task<Result<std::uint64_t>> seek(SeekFrom where);

  /// Until everything is on the disk; sync_data leaves out what reading it back does not need.
  auto sync_all() noexcept { return detail::FileOperation(TAU_IO_FSYNC, descriptor_.fd()); }
  auto sync_data() noexcept { return detail::FileOperation(TAU_IO_FSYNC, descriptor_.fd(), TAU_IO_DATASYNC); }
  Task<Result<Metadata>> metadata();
  Task<Result<void>> set_len(std::uint64_t size);
  Task<Result<void>> set_permissions(Permissions permissions);
  /// The same file once more, at the same position; from then on each has its own.
  Result<File> try_clone() const noexcept;
  /// `Result<void> closed = co_await file.close();` Errors that only closing shows: EIO, ENOSPC, EDQUOT.
  auto close() noexcept { return detail::CloseOperation(descriptor_.release()); }

 private:
  friend class OpenOptions;

  class [[nodiscard]] Transfer final : public detail::IoOperation {
   public:
    Transfer(File& file, std::uint32_t operation, std::span<const std::byte> bytes) noexcept
        : IoOperation(operation, file.descriptor_.fd(), bytes.data(), bytes.size(), 0,
                      operation == TAU_IO_WRITE && file.appends_ ? -1 : file.position_),
          file_(file) {}
    bool await_ready() const noexcept { return length == 0; }
    Result<std::size_t> await_resume() noexcept {
      Result<std::size_t> count = claim();
      if (count) file_.moved(*count, opcode);
      return count;
    }

   private:
    File& file_;
  };

  File(int fd, std::int64_t position, bool appends) noexcept
      : descriptor_(fd), position_(position), appends_(appends) {}
  void moved(std::size_t count, std::uint32_t operation) noexcept;

  detail::Descriptor descriptor_;
  std::int64_t position_ = 0;  // -1: it has none
  bool appends_ = false;
};

}  // namespace tau::fs
