// Pollsets: all sets of the process, found by their descriptor.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "pollset.hpp"

namespace tau::host {

class Pollsets {
 public:
  /// See pollset.h. [any]
  std::int32_t create(Runtime& runtime, Owner& owner, int* set) noexcept;
  std::shared_ptr<Pollset> find(int set) noexcept;
  /// Whoever closes a descriptor tells it: most are in no set, and that is one look at a bit.
  bool closing(int fd) noexcept;
  /// `fd` is about to be watched by a set.
  static void mark(int fd) noexcept;
  /// Ends and closes what an owner left. Returns how many. [loop]
  std::size_t drop_owner(Owner& owner) noexcept;

 private:
  static constexpr int marked_fds = 1 << 16;  // those above are always looked for

  static std::uint64_t bit(int fd) noexcept { return std::uint64_t{1} << (fd % 64); }
  static std::atomic<std::uint64_t>& word(int fd) noexcept;
  static bool unmark(int fd) noexcept;

  std::mutex mutex_;
  std::unordered_map<int, std::shared_ptr<Pollset>> sets_;
};

/// The process's. [any]
Pollsets& pollsets() noexcept;

}  // namespace tau::host
