// Pollsets: all sets of the process, found by their descriptor.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pollset.hpp"

namespace tau::host {

class Pollsets {
 public:
  /// See pollset.h. [any]
  std::int32_t create(Runtime& runtime, Owner& owner, int* set) noexcept;
  std::shared_ptr<Pollset> find(int set) noexcept;
  /// Lives until the loop's thread closes it or asks for many others. [loop]
  Pollset* find_on_loop(int set) noexcept;
  /// Whoever closes a descriptor tells it: most are in no set, and that is one look at a bit.
  bool closing(int fd) noexcept;
  /// See tau_pollset_opened. [any]
  void opened(Owner& owner, int fd) noexcept;
  /// `fd` is about to be watched by a set.
  static void mark(int fd) noexcept;
  /// Ends what an owner left: nothing is watched for it any more, and who waits there is told. The descriptors stay
  /// open, since static destructors of its module may be about to close them. Returns how many. [loop]
  std::size_t drop_owner(Owner& owner) noexcept;
  /// When the module has gone: closes what nobody will, the sets and what they still watched. Returns how many
  /// descriptors. [loop]
  std::size_t close_owner(Owner& owner) noexcept;

 private:
  static constexpr int marked_fds = 1 << 16;  // those above are always looked for

  static std::uint64_t bit(int fd) noexcept { return std::uint64_t{1} << (fd % 64); }
  static std::atomic<std::uint64_t>& word(int fd) noexcept;
  static bool unmark(int fd) noexcept;
  std::vector<std::pair<int, std::shared_ptr<Pollset>>> of(Owner& owner);
  std::vector<int> opened_of(Owner& owner);
  bool is_watched(int fd);

  std::mutex mutex_;
  struct Opened {
    Owner* owner;
    std::uint64_t device;
    std::uint64_t node;
  };

  void forget_known() noexcept;

  std::unordered_map<int, std::shared_ptr<Pollset>> sets_;
  std::unordered_map<int, Opened> opened_;
  std::array<std::shared_ptr<Pollset>, 8> known_;  // that were found last, without the lock. [loop]
};

/// The process's. [any]
Pollsets& pollsets() noexcept;

}  // namespace tau::host
