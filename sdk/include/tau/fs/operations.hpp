// What is done to files by name. None of it blocks the loop.
//
// Each takes its path by value and may be kept as a Task. Cancelling leaves no memory in use and no descriptor
// open; whether what was under way has happened is known only afterwards, unless said otherwise.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "../io/buffer.hpp"
#include "../task.hpp"
#include "metadata.hpp"
#include "path.hpp"

namespace tau::fs {

/// Of what a link leads to, and of the link itself.
Task<Result<Metadata>> metadata(PathText path);
Task<Result<Metadata>> symlink_metadata(PathText path);
/// Whether there is something, links followed. Errors: what keeps us from knowing.
Task<Result<bool>> exists(PathText path);
Task<Result<void>> set_permissions(PathText path, Permissions permissions);

Task<Result<void>> create_dir(PathText path);
/// With all that lead to it; one that is there already is fine.
Task<Result<void>> create_dir_all(PathText path);
Task<Result<void>> remove_file(PathText path);
/// Errors: ENOTEMPTY.
Task<Result<void>> remove_dir(PathText path);
/// With all that is in it. Links are removed, never followed, also when somebody exchanges a folder for one
/// meanwhile. Cancelling stops it at the next entry.
Task<Result<void>> remove_dir_all(PathText path);

/// Replaces `to` if it is there.
Task<Result<void>> rename(PathText from, PathText to);
/// Copies contents and permissions; returns the length. Shares the blocks where the file system can, else the
/// kernel copies. Cancelling stops it after at most 8 MiB more, and leaves what was copied.
/// Errors: EINVAL when both are one file or `from` is no regular file.
Task<Result<std::uint64_t>> copy(PathText from, PathText to);
Task<Result<void>> hard_link(PathText original, PathText link);
Task<Result<void>> symlink(PathText target, PathText link);
Task<Result<std::string>> read_link(PathText path);
/// Absolute, without links and dots.
Task<Result<std::string>> canonicalize(PathText path);

/// The whole file.
Task<Result<std::vector<std::byte>>> read(PathText path);
/// The same as text, which is not checked.
Task<Result<std::string>> read_to_string(PathText path);
/// The whole contents; what was there is emptied first. `bytes` stay the caller's.
Task<Result<void>> write(PathText path, io::ConstBuffer bytes);
/// The same so that the name stands for the old contents or the new ones at every moment, also when the
/// machine stops: written beside, brought to the disk, renamed. Permissions of a file that is replaced stay.
/// `bytes` are copied. Cancelling leaves the one or the other and nothing beside it.
Task<Result<void>> write_atomic(PathText path, io::ConstBuffer bytes);

}  // namespace tau::fs
