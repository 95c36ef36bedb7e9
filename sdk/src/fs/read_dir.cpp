// See fs/read_dir.hpp.
#include <tau/fs/operations.hpp>
#include <tau/fs/read_dir.hpp>

#include <dirent.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <mutex>

#include <tau/detail/offload.hpp>

namespace tau::fs {
namespace {

constexpr std::size_t batch = 256;

FileType type_of(unsigned char type) noexcept { return Metadata::type_of(DTTOIF(type)); }

}  // namespace

/// Shared with the job that reads: whichever of the two lets go last closes the folder. A job whose waiter is
/// gone leaves its entries here for the next one.
struct ReadDir::State {
  State(DIR* opened, std::string path)
      : dir(opened), folder(std::make_shared<const std::string>(path.empty() ? "." : std::move(path))) {}
  State(const State&) = delete;
  ~State() { ::closedir(dir); }

  Result<void> read_batch() {
    std::lock_guard alone(reading);
    {
      std::lock_guard lock(mutex);
      if (!entries.empty() || at_end) return {};  // the one before us has read it
    }
    std::deque<DirEntry> fresh;
    bool ended = false;
    while (fresh.size() < batch) {
      errno = 0;
      const dirent* each = ::readdir(dir);
      if (!each) {
        if (errno != 0) return Error::system(errno);
        ended = true;
        break;
      }
      if (std::strcmp(each->d_name, ".") == 0 || std::strcmp(each->d_name, "..") == 0) continue;
      fresh.emplace_back(folder, each->d_name, type_of(each->d_type), each->d_ino);
    }
    std::lock_guard lock(mutex);
    entries.swap(fresh);
    at_end = ended;
    return {};
  }

  DIR* const dir;
  const std::shared_ptr<const std::string> folder;
  std::mutex reading;  // of `dir`; may be held for long
  std::mutex mutex;    // of the rest; never
  std::deque<DirEntry> entries;
  bool at_end = false;
};

Task<Result<ReadDir>> read_dir(PathText path) {
  if (!path.is_valid()) co_return Errc::invalid;
  auto open = [path](const detail::StopFlag&) -> Result<std::shared_ptr<ReadDir::State>> {
    DIR* dir = ::opendir(path.c_str());
    if (!dir) return Error::system(errno);
    return std::make_shared<ReadDir::State>(dir, path.text());
  };
  auto state = co_await detail::offload(std::move(open));
  if (!state) co_return state.error();
  co_return ReadDir(std::move(*state));
}

Task<Result<std::optional<DirEntry>>> ReadDir::next_entry() {
  std::shared_ptr<State> state = state_;
  for (;;) {
    {
      std::lock_guard lock(state->mutex);
      if (!state->entries.empty()) {
        std::optional<DirEntry> first(std::move(state->entries.front()));
        state->entries.pop_front();
        co_return first;
      }
      if (state->at_end) co_return std::optional<DirEntry>();
    }
    auto read = [state](const detail::StopFlag&) { return state->read_batch(); };
    Result<void> done = co_await detail::offload(std::move(read));
    if (!done) co_return done.error();
  }
}

Task<Result<Metadata>> DirEntry::metadata() const { return symlink_metadata(path()); }

}  // namespace tau::fs
