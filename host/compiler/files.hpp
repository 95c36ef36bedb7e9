// Files: the few operations on them that the cache's promises rest on.
//
// Whatever is read by another process is written aside and renamed, so that a kill at any moment leaves the
// old text or the new one. Whatever is executed later must lie in folders that only we can write.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace tau::host {

/// What tells that a file was touched; ctime sees even what `cp -p` and `touch -d` hide.
struct FileState {
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  std::uint64_t size = 0;
  std::uint64_t inode = 0;

  bool operator==(const FileState&) const = default;
};

/// Nothing when there is no such file. Symbolic links are followed.
std::optional<FileState> file_state(const char* path);

std::optional<std::string> read_file(const std::filesystem::path& path);

/// Aside, then renamed. False: `error` says what could not be done and the remedy.
bool write_atomically(const std::filesystem::path& path, std::string_view text, std::string& error);

/// As above, unless the file has that text already. `changed` is only ever set, never cleared.
bool write_if_changed(const std::filesystem::path& path, std::string_view text, bool& changed,
                      std::string& error);

/// Makes the folder (0700) if need be, parents too, and checks it as check_private does.
bool make_private_directory(const std::filesystem::path& path, std::string& error);

/// That `path`, a folder or a file, is ours and that nobody else may write it: what lies there is executed.
bool check_private(const std::filesystem::path& path, std::string& error);

/// Sentence for a failed system call: what, where, why and, where there is one, the remedy.
std::string describe_failure(std::string_view what, const std::filesystem::path& path, int error_number);

/// Moves the tree aside first, so that a kill leaves no half of it under its name; then removes it.
/// Errors: nothing is said; what cannot be removed stays aside and is tried again by the next call.
void remove_tree(const std::filesystem::path& path);

/// The file system's own time, by touching `probe`: compares with mtimes also where the clocks differ.
/// Waits for the next tick, so whatever was written before the call has an older mtime.
std::int64_t file_clock_ns(const std::filesystem::path& probe, std::string& error);

/// An exclusive flock, held until destroyed.
///
/// A child that inherits fd() keeps it held: orphaned compilers of a killed host are waited for.
class FileLock {
 public:
  FileLock() = default;
  ~FileLock() { release(); }
  FileLock(FileLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FileLock& operator=(FileLock&& other) noexcept;

  /// Makes the file if need be. With `wait` false gives up when somebody has it; held() tells.
  bool acquire(const std::filesystem::path& path, bool wait, std::string& error);
  /// Waits, and says so by `on_wait` when there is something to wait for. Not held after a stop.
  bool acquire(const std::filesystem::path& path, const std::stop_token& stop,
               const std::function<void()>& on_wait, std::string& error);
  void release();

  bool held() const { return fd_ >= 0; }
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

}  // namespace tau::host
