// What the reactor has operations for, and what is made of them. The rest is in blocking.cpp.
#include <tau/fs/operations.hpp>

#include <fcntl.h>

#include <cerrno>

#include <tau/detail/file_operation.hpp>
#include <tau/fs/file.hpp>
#include <tau/io/read.hpp>
#include <tau/io/write.hpp>

namespace tau::fs {

using detail::PathOperation;
using detail::StatusOperation;

namespace {

Task<Result<Metadata>> status_of(PathText path, int flags) {
  if (!path.is_valid()) co_return Errc::invalid;
  if (path.text().empty()) co_return Error::system(ENOENT);
  Result<struct statx> status = co_await StatusOperation(AT_FDCWD, path.c_str(), flags);
  if (!status) co_return status.error();
  co_return Metadata(*status);
}

Task<Result<void>> one(std::uint32_t operation, PathText path, std::uint32_t flags, std::uint64_t mode) {
  if (!path.is_valid()) co_return Errc::invalid;
  co_return co_await PathOperation(operation, path.c_str(), flags, mode);
}

Task<Result<void>> two(std::uint32_t operation, PathText first, PathText second) {
  if (!first.is_valid() || !second.is_valid()) co_return Errc::invalid;
  co_return co_await PathOperation(operation, first.c_str(), second.c_str());
}

template <class Container>
Task<Result<Container>> read_whole(PathText path) {
  Result<File> file = co_await File::open(std::move(path));
  if (!file) co_return file.error();
  Container contents;
  Result<Metadata> status = co_await file->metadata();
  if (status && status->is_file()) contents.reserve(static_cast<std::size_t>(status->len()));
  Result<std::size_t> length = co_await detail::append_to_end(*file, contents);
  if (!length) co_return length.error();
  co_return contents;
}

/// The folder that `path` is in; empty at the root or where there is none.
std::string parent_of(const std::string& path) {
  auto end = path.find_last_not_of('/');
  if (end == path.npos) return {};
  end = path.rfind('/', end);
  if (end == path.npos) return {};
  end = path.find_last_not_of('/', end);
  return end == path.npos ? std::string() : path.substr(0, end + 1);
}

}  // namespace

Task<Result<Metadata>> metadata(PathText path) { return status_of(std::move(path), 0); }

Task<Result<Metadata>> symlink_metadata(PathText path) { return status_of(std::move(path), AT_SYMLINK_NOFOLLOW); }

Task<Result<bool>> exists(PathText path) {
  Result<Metadata> status = co_await status_of(std::move(path), 0);
  if (status) co_return true;
  if (status.error() == Error::system(ENOENT) || status.error() == Error::system(ENOTDIR)) co_return false;
  co_return status.error();
}

Task<Result<void>> create_dir(PathText path) { return one(TAU_IO_MKDIRAT, std::move(path), 0, 0777); }

// From the far end: as a rule only the last one is missing.
Task<Result<void>> create_dir_all(PathText path) {
  std::vector<std::string> missing{path.text()};
  while (!missing.empty()) {
    Result<void> made = co_await create_dir(missing.back());
    if (made) {
      missing.pop_back();
      continue;
    }
    if (made.error() == Error::system(ENOENT)) {
      std::string parent = parent_of(missing.back());
      if (parent.empty()) co_return made.error();
      missing.push_back(std::move(parent));
      continue;
    }
    // It may be there: also where making it is refused for another reason, such as EROFS.
    Result<Metadata> status = co_await metadata(missing.back());
    if (!status || !status->is_dir()) co_return made.error();
    missing.pop_back();
  }
  co_return Result<void>();
}

Task<Result<void>> remove_file(PathText path) { return one(TAU_IO_UNLINKAT, std::move(path), 0, 0); }

Task<Result<void>> remove_dir(PathText path) { return one(TAU_IO_UNLINKAT, std::move(path), AT_REMOVEDIR, 0); }

Task<Result<void>> rename(PathText from, PathText to) {
  return two(TAU_IO_RENAMEAT, std::move(from), std::move(to));
}

Task<Result<void>> hard_link(PathText original, PathText link) {
  return two(TAU_IO_LINKAT, std::move(original), std::move(link));
}

Task<Result<void>> symlink(PathText target, PathText link) {
  if (!target.is_valid() || !link.is_valid()) co_return Errc::invalid;
  co_return co_await PathOperation(TAU_IO_SYMLINKAT, target.c_str(), link.c_str());
}

Task<Result<std::vector<std::byte>>> read(PathText path) { return read_whole<std::vector<std::byte>>(std::move(path)); }

Task<Result<std::string>> read_to_string(PathText path) { return read_whole<std::string>(std::move(path)); }

Task<Result<void>> write(PathText path, io::ConstBuffer bytes) {
  Result<File> file = co_await File::create(std::move(path));
  if (!file) co_return file.error();
  Result<void> written = co_await io::write_all(*file, bytes);
  if (!written) co_return written.error();
  co_return co_await file->close();
}

}  // namespace tau::fs
