// Spawn sites: where an owner's tasks were spawned, each place once, its text copied.
//
// A task keeps only a number, in bits of its state that are free, so knowing its place costs no memory of
// its own. Finding the number is a look into a small cache, by the address of the file's name and the line,
// which the compiler makes constants of the call. Sites belong to the owner and go with it: the next
// generation may have another text at the same address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace tau::host {

class SpawnSites {
 public:
  /// Numbers fit 12 bits; 0 stands for an unknown place, and for those beyond the last number.
  static constexpr std::uint32_t most = 4095;

  struct Site {
    std::string file;
    std::uint32_t line;
  };

  /// The number of a place; `file` is text of the owner's module. [loop]
  std::uint32_t number(const char* file, std::uint32_t line) noexcept {
    const Cached& cached = cache_[slot(file, line)];
    if (cached.file == file && cached.line == line) [[likely]] return cached.number;
    return look_up(file, line);
  }

  /// Null for 0.
  const Site* find(std::uint32_t number) const noexcept { return number == 0 ? nullptr : &sites_[number - 1]; }

  /// Forgets all: no task is left, and the module's text is about to go.
  void clear() noexcept;

 private:
  struct Cached {
    const char* file = nullptr;
    std::uint32_t line = 0;
    std::uint32_t number = 0;
  };
  static constexpr std::size_t slots = 64;

  static std::size_t slot(const char* file, std::uint32_t line) noexcept {
    return (reinterpret_cast<std::uintptr_t>(file) / 8 + line) % slots;
  }
  std::uint32_t look_up(const char* file, std::uint32_t line) noexcept;

  Cached cache_[slots];
  std::map<std::pair<const char*, std::uint32_t>, std::uint32_t> numbers_;  // by address, never read
  std::vector<Site> sites_;
};

}  // namespace tau::host
