// Reading up to a mark, and line by line.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "buffered.hpp"

namespace tau::detail {

template <io::BufferedReader R, class Container>
Task<Result<std::size_t>> append_until(R& reader, std::byte mark, Container& out) {
  std::size_t total = 0;
  for (;;) {
    Result<io::ConstBuffer> there = co_await reader.fill_buf();
    if (!there) co_return there.error();
    const auto found = std::find(there->begin(), there->end(), mark);
    const bool ends = found != there->end();
    const std::size_t count = static_cast<std::size_t>(found - there->begin()) + ends;
    const auto* first = reinterpret_cast<const typename Container::value_type*>(there->data());
    out.insert(out.end(), first, first + count);
    reader.consume(count);
    total += count;
    if (ends || count == 0) co_return total;
  }
}

}  // namespace tau::detail

namespace tau::io {

/// Appends everything up to and with `mark`, or up to the end; returns how much, 0 at the end. Cancelled, it
/// has appended what it has read, and another call goes on from there. See:
/// tokio::io::AsyncBufReadExt::read_until
template <BufferedReader R>
Task<Result<std::size_t>> read_until(R& reader, std::byte mark, std::vector<std::byte>& out) {
  return detail::append_until(reader, mark, out);
}
template <BufferedReader R>
Task<Result<std::size_t>> read_until(R& reader, char mark, std::string& out) {
  return detail::append_until(reader, static_cast<std::byte>(mark), out);
}
/// The same up to a line's end, which is appended as well.
template <BufferedReader R>
Task<Result<std::size_t>> read_line(R& reader, std::string& out) {
  return detail::append_until(reader, std::byte{'\n'}, out);
}

/// Lines without their ends, be those "\n" or "\r\n". Cancelling next_line() loses nothing.
/// See: tokio::io::Lines
template <BufferedReader R>
class Lines {
 public:
  explicit Lines(R& reader) noexcept : reader_(&reader) {}

  /// `Result<std::optional<std::string>>`: empty at the end.
  Task<Result<std::optional<std::string>>> next_line() {
    Result<std::size_t> count = co_await read_line(*reader_, line_);
    if (!count) co_return count.error();
    if (line_.empty()) co_return std::optional<std::string>();
    if (line_.back() == '\n') {
      line_.pop_back();
      if (!line_.empty() && line_.back() == '\r') line_.pop_back();
    }
    co_return std::optional<std::string>(std::exchange(line_, {}));
  }

 private:
  R* reader_;
  std::string line_;
};

template <BufferedReader R>
Lines<R> lines(R& reader) noexcept {
  return Lines<R>(reader);
}

}  // namespace tau::io
