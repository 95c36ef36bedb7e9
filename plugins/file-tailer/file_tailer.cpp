// Follows a file and prints the lines that are added to it:
//
//   TAIL_FILE=/var/log/syslog tau --plugin plugins/file-tailer
//
// SIGHUP opens the file anew, as after a rotation; SIGUSR1 tells how many lines there have been. A file that
// has become shorter is read from its start; one that is emptied and outgrows its old length between two
// looks cannot be told from one that has grown.
#include <tau/tau.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using tau::fs::SeekFrom;
using tau::signal::SignalKind;

class FileTailer {
 public:
  FileTailer() {
    const char* path = std::getenv("TAIL_FILE");
    if (path == nullptr) throw std::runtime_error("TAIL_FILE does not say which file to follow");
    path_ = path;
  }

  tau::Task<void> run() {
    auto hang_up = tau::signal::on(SignalKind::hangup()).value();
    auto asked = tau::signal::on(SignalKind::user_defined1()).value();
    auto looks = tau::interval(100ms, tau::MissedTick::delay);
    co_await open(SeekFrom::end(0));
    for (;;) {
      auto cause = co_await tau::select(looks.tick(), hang_up.recv(), asked.recv());
      co_await read_on();
      if (cause.index() == 1) co_await open(SeekFrom::start(0));
      if (cause.index() == 2) tau::print(lines_, " lines so far");
    }
  }

 private:
  // The old file has been read to its end; if the new one is not there the old one is followed further.
  tau::Task<> open(SeekFrom where) {
    auto file = co_await tau::fs::File::open(path_);
    if (!file) co_return tau::print(path_, " cannot be opened: ", file.error().message());
    auto position = co_await file->seek(where);
    position_ = position ? *position : 0;  // a pipe has none
    if (!line_.empty()) end_line();
    file_.emplace(std::move(*file));
    tau::print("following ", path_);
  }

  // All that has come since the last time.
  tau::Task<> read_on() {
    if (!file_) co_return;
    auto facts = co_await file_->inner().metadata();
    if (facts && facts->is_file() && facts->len() < position_) {
      tau::print(path_, " was truncated");
      auto start = co_await file_->inner().seek(SeekFrom::start(0));
      position_ = start.value();
      line_.clear();
    }
    for (;;) {
      auto count = co_await tau::io::read_line(*file_, line_);
      if (!count) {
        tau::print(path_, " cannot be read: ", count.error().message());
        file_.reset();
        co_return;
      }
      if (*count == 0) co_return;
      position_ += *count;
      if (line_.back() != '\n') continue;  // the rest of it is still to be written
      line_.pop_back();
      end_line();
    }
  }

  void end_line() {
    tau::print(std::exchange(line_, {}));
    ++lines_;
  }

  std::string path_;
  std::optional<tau::io::BufReader<tau::fs::File>> file_;
  std::uint64_t position_ = 0;
  std::string line_;  // that has begun
  std::uint64_t lines_ = 0;
};

TAU_DEFINE_PLUGIN(FileTailer)
