// OutputDrain: reads two pipes side by side within one task.
//
// Both reads are always under way. Reading one pipe to its end and then the other is a deadlock: the child
// stands still at the full second pipe and never ends the first.
#pragma once

#include <tau/process/child.hpp>

#include <optional>
#include <string>

namespace tau::process::detail {

using tau::detail::Descriptor;

class OutputDrain {
 public:
  OutputDrain(std::optional<ChildStdout>& first, std::string& first_text, std::optional<ChildStdout>& second,
              std::string& second_text)
      : sources_{Source(*this, first, first_text), Source(*this, second, second_text)} {}
  OutputDrain(const OutputDrain&) = delete;

  bool at_end() const noexcept { return !sources_[0].open && !sources_[1].open; }

  /// Waits until take() has something to take.
  auto more() noexcept { return More(*this); }

  /// Moves what was read into the texts. An error is that of a pipe.
  Result<void> take() {
    for (Source& source : sources_) {
      if (Result<void> taken = source.take(); !taken) return taken;
    }
    return {};
  }

 private:
  static constexpr std::size_t chunk = 64 * 1024;  // what a pipe holds

  struct Source : tau_io {
    OutputDrain& of;
    std::string& text;
    std::size_t filled;
    bool open;
    bool ready = false;

    Source(OutputDrain& drain, std::optional<ChildStdout>& pipe, std::string& into)
        : tau_io{}, of(drain), text(into), filled(into.size()), open(pipe.has_value()) {
      opcode = TAU_IO_READ;
      fd = pipe ? pipe->fd() : -1;
      offset = -1;
      done = [](tau_io* self) { static_cast<Source*>(self)->ended(); };
      while (pipe) {
        text.resize(filled + chunk);
        const std::size_t count = pipe->take_back(std::as_writable_bytes(std::span(text).subspan(filled)));
        if (count == 0) break;
        filled += count;
      }
      text.resize(filled);
    }
    Source(const Source&) = delete;
    ~Source() {
      if (previous) tau_io_cancel(this);
      text.resize(filled);
    }
    void ended() noexcept {
      ready = true;
      if (of.waiter_.context) of.waiter_.wake();
    }
    /// Begins a read unless one is under way or has ended.
    void begin() {
      if (!open || ready || previous) return;
      text.resize(filled + chunk);
      buffer = text.data() + filled;
      length = chunk;
      owner = tau::detail::module_owner();
      const std::int32_t status = tau_io_submit(this);
      if (status == TAU_PENDING) return;
      if (status < 0) result = status;
      ready = true;
    }
    Result<void> take() noexcept {
      if (!std::exchange(ready, false)) return {};
      if (result > 0) {
        filled += static_cast<std::size_t>(result);
        return {};
      }
      open = false;
      text.resize(filled);
      if (result < 0) return Error::from_status(static_cast<std::int32_t>(result));
      return {};
    }
  };

  class [[nodiscard]] More {
   public:
    explicit More(OutputDrain& drain) noexcept : drain_(drain) {}
    More(const More&) = delete;
    ~More() { drain_.waiter_ = {}; }
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> suspended) {
      bool ready = false;
      for (Source& source : drain_.sources_) {
        source.begin();
        ready |= source.ready;
      }
      if (ready) return tau::detail::suspend_if_exhausted(suspended);
      drain_.waiter_.set(suspended);
      return true;
    }
    void await_resume() const noexcept {}

   private:
    OutputDrain& drain_;
  };

  Source sources_[2];
  tau::detail::Waiter waiter_;
};

}  // namespace tau::process::detail
