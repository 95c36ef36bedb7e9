// ReadDir: what is in a folder, entry by entry.
//
//   auto dir = co_await tau::fs::read_dir("/tmp");
//   while (dir) {
//     auto entry = co_await dir->next_entry();
//     if (!entry || !*entry) break;           // an error, or the end
//     tau::print((*entry)->file_name());
//   }
//
// Entries are read on the blocking pool, a batch at a time, and most next_entry() answer without waiting.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "../task.hpp"
#include "metadata.hpp"
#include "path.hpp"

namespace tau::fs {

/// See: tokio::fs::DirEntry
class DirEntry {
 public:
  DirEntry(std::shared_ptr<const std::string> folder, std::string name, FileType type, std::uint64_t ino) noexcept
      : folder_(std::move(folder)), name_(std::move(name)), type_(type), ino_(ino) {}

  const std::string& file_name() const noexcept { return name_; }
  std::string path() const { return folder_->back() == '/' ? *folder_ + name_ : *folder_ + '/' + name_; }
  /// As the folder has it, links not followed; unknown on file systems that keep it elsewhere.
  FileType file_type() const noexcept { return type_; }
  std::uint64_t ino() const noexcept { return ino_; }
  /// Links not followed.
  Task<Result<Metadata>> metadata() const;

 private:
  std::shared_ptr<const std::string> folder_;
  std::string name_;
  FileType type_;
  std::uint64_t ino_;
};

/// A folder that is being read.
///
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::fs::ReadDir
class ReadDir {
 public:
  /// The next entry, without "." and ".."; empty at the end. In no particular order.
  /// Cancel: loses no entry.
  Task<Result<std::optional<DirEntry>>> next_entry();

 private:
  friend Task<Result<ReadDir>> read_dir(PathText path);
  struct State;
  explicit ReadDir(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}

  std::shared_ptr<State> state_;
};

Task<Result<ReadDir>> read_dir(PathText path);

}  // namespace tau::fs
